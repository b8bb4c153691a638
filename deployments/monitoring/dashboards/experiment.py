"""Which arm is better? Arms side by side: what they get, what they promise, what they earn."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import arms, bandit, rewards, thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.board import Board, Section
from deployments.monitoring.dashboards.panels import Panel, Query, heat_map, time_series
from deployments.monitoring.dashboards.queries import (
    PREDICTIONS,
    PREDICTOR,
    counter,
    mean,
    quantile,
    rate,
    total,
)
from model_server import metric_names as names

_NODE = ("predictor_name", "model_name")
_A_NODE = "{{predictor_name}} {{model_name}}"


def board() -> Board:
    return Board(
        name="experiment",
        title="Forkcast / 2 Experiment",
        question="Which arm is better? An arm is a predictor, or, behind a router, a child of it. Bars are of all the "
        "time that is shown: choose the time since the weights last changed. Bars have no error margins, and a few "
        "hundred rewards per arm are little; `forkcast top` says what a difference means so far.",
        sections=[
            Section("Traffic", _traffic()),
            Section("Rewards", rewards.panels()),
            Section("Scores", _scores()),
            Section("Latency", _latency()),
            Section("Bandit (empty without one)", bandit.panels()),
        ],
    )


def _traffic() -> list[Panel]:
    return [
        arms.share_against_weight(),
        time_series(
            "Exposures",
            About(
                "Impressions per second that each node gave a probability.",
                "in the proportion of the requests.",
                "an arm with requests and no exposures fails, or gets something that has no rows.",
                see="overview",
            ),
            units.CountsPerSecond,
            Query(total(rate(counter(names.EXPOSURES), *PREDICTOR), *_NODE), _A_NODE),
        ),
    ]


def _scores() -> list[Panel]:
    scores = total(rate(f"{names.PROBABILITY}_bucket", *PREDICTOR), "le")
    return [
        heat_map(
            "Scores of $predictor",
            About(
                "How the probabilities that a predictor gave are distributed: darker where there are more.",
                "the same picture for arms that see the same users, and over time.",
                "a jump at a moment: inputs changed, or the model was replaced.",
                see="model-inputs",
            ),
            units.PercentUnit,
            scores,
            repeat="predictor",
        ),
        time_series(
            "Mean score",
            About(
                "The mean probability that each node gives: what share of impressions it expects to be installed.",
                "steady, and alike for arms that see the same users.",
                "look for drift.",
                see="model-inputs",
            ),
            units.PercentUnit,
            Query(mean(names.PROBABILITY, *PREDICTOR, by=_NODE), _A_NODE),
        ),
        time_series(
            "Low, middle and high scores",
            About(
                "One of ten, half and nine of ten probabilities are below these lines.",
                "steady. Arms may differ: a better model spreads its scores further.",
                "if the lines of an arm fall together, it no longer tells impressions apart.",
                see="model-inputs",
            ),
            units.PercentUnit,
            *(
                Query(quantile(level, names.PROBABILITY, *PREDICTOR, by=_NODE), f"{_A_NODE} {name}")
                for level, name in ((0.1, "p10"), (0.5, "p50"), (0.9, "p90"))
            ),
        ),
    ]


def _latency() -> list[Panel]:
    levels = ((0.5, "p50", 12), (0.99, "p99", 12))
    return [
        time_series(
            f"Latency per arm, {name}",
            About(
                f"Time within which {level:.0%} of a predictor's requests were answered.",
                "arms alike: a slower arm may lose users for that alone.",
                "see which node is slow.",
                see="serving-internals",
            ),
            units.Seconds,
            Query(
                quantile(level, names.EXECUTOR_SERVER, *PREDICTOR, PREDICTIONS, by=("predictor_name",)),
                "{{predictor_name}}",
            ),
            width=width,
            steps=thresholds.LATENCY_SECONDS,
        )
        for level, name, width in levels
    ]
