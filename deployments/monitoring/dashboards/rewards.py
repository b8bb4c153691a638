"""What each arm earned and what it had promised: a section of the experiment."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import arms, thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.panels import Panel, Query, bars, time_series
from deployments.monitoring.dashboards.queries import (
    ratio,
)
from model_server import metric_names as names

_AN_ARM = "{{credited_predictor}}"


def panels() -> list[Panel]:
    earned, expected = arms.earned(), arms.credited(names.EXPECTED_REWARD)
    told, told_per_second = arms.credited(names.FEEDBACK), arms.credited(names.FEEDBACK, over_range=False)
    earned_per_second = arms.earned(over_range=False)
    expected_per_second = arms.credited(names.EXPECTED_REWARD, over_range=False)
    return [
        bars(
            "Rewards per 1,000 answers",
            About(
                "What an arm earned for each 1,000 of its answers, over all the time shown. Of a reward of 1 for an "
                "install: installs per 1,000 answers.",
                "the longer bar is the better arm, once both have some hundred rewards.",
                "if an arm has no bar, no feedback named it yet; see coverage.",
            ),
            units.Short,
            Query(f"1000 * {ratio(earned, arms.answers())}", _AN_ARM),
            width=8,
        ),
        bars(
            "Reward per feedback",
            About(
                "The mean reward of those answers whose outcome is known, over all the time shown. Unlike rewards per "
                "1,000 answers it does not fall when feedback is lost evenly.",
                "the longer bar is the better arm.",
                "if this and the bars beside it disagree, an arm's feedback is lost: see coverage.",
            ),
            units.NoUnit,
            Query(ratio(earned, told), _AN_ARM),
            width=8,
        ),
        bars(
            "Feedback coverage",
            About(
                "Of how many of an arm's answers the outcome is known, over all the time shown.",
                "close to 100 %, and the same for each arm. Feedback comes late, so right after a change it is lower.",
                "if arms differ, the comparison is not fair. Do clients send feedback with the response as it came?",
                see="traffic-simulator",
            ),
            units.PercentUnit,
            Query(ratio(told, arms.answers()), _AN_ARM),
            width=8,
            most=1,
        ),
        time_series(
            "Rewards per second",
            About(
                "Sum of the rewards that came in per second, by the arm that had answered.",
                "steady, with the traffic.",
                "if it stops for all arms, feedback does not arrive.",
                see="traffic-simulator",
            ),
            units.CountsPerSecond,
            Query(earned_per_second, _AN_ARM),
            width=8,
        ),
        bars(
            "Reward against promise",
            About(
                "Rewards of an arm divided by what it had promised: the sum of the highest probability of each answer, "
                "which is that of the ad shown.",
                "1: what is promised comes. Between 0.8 and 1.25 is fair with some hundred rewards.",
                "above 1 the model promises too little, below too much: it is badly calibrated, or its inputs drifted.",
                see="model-inputs",
            ),
            units.NoUnit,
            Query(ratio(earned, expected), _AN_ARM),
            width=8,
            steps=thresholds.CALIBRATION,
            most=2,
        ),
        time_series(
            "Expected and actual reward",
            About(
                "Per answer with a known outcome: the mean of the highest probability given, and the mean reward that "
                "came.",
                "both lines of an arm together.",
                "if only the actual one moved, the world changed; if only the expected one, the inputs or the model.",
                see="model-inputs",
            ),
            units.NoUnit,
            Query(ratio(expected_per_second, told_per_second), f"{_AN_ARM} expected"),
            Query(ratio(earned_per_second, told_per_second), f"{_AN_ARM} actual"),
            width=8,
        ),
    ]
