"""What a bandit has decided and learnt: a section of the experiment."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.panels import Panel, Query, bars, time_series
from deployments.monitoring.dashboards.queries import (
    PREDICTOR,
    counter,
    highest,
    increase,
    or_none,
    or_zero,
    rate,
    ratio,
    requests,
    select,
    total,
)
from model_server import metric_names as names


def panels() -> list[Panel]:
    trials = total(increase(counter(names.ROUTER_TRIALS), *PREDICTOR), names.ARM_LABEL)
    reward = total(increase(counter(names.ROUTER_REWARD), *PREDICTOR), names.ARM_LABEL)
    ignored = total(rate(counter(names.ROUTER_FEEDBACK_IGNORED), *PREDICTOR), names.REASON_LABEL)
    errors = total(rate(counter(names.ROUTER_STORE_ERRORS), *PREDICTOR))
    return [
        time_series(
            "Probability of each arm",
            About(
                "The probability with which the bandit now chooses each arm, as its replicas know it (the mean).",
                "it moves towards the better arm as trials come in, and never quite to 0.",
                "stuck although trials come in: see the age of its state. docs/routers.md says what each policy does.",
            ),
            units.PercentUnit,
            Query(f"avg by (arm) ({select(names.ROUTER_ARM_PROBABILITY, *PREDICTOR)})", "{{arm}}"),
            width=8,
        ),
        bars(
            "Trials",
            About(
                "Rewards, zero ones included, that the bandit took in over all the time shown, by arm.",
                "some for each arm; most for the one it prefers.",
                "none: feedback does not arrive, or names no arm (see what it ignores).",
            ),
            units.Short,
            Query(trials, "{{arm}}"),
            width=8,
        ),
        bars(
            "Reward per trial",
            About(
                "What the bandit's own books say: mean reward of an arm over all the time shown.",
                "the arm with the longer bar has the higher probability.",
                "if it does not, the difference is still within chance, or its state is old.",
            ),
            units.NoUnit,
            Query(ratio(or_zero(reward, trials), trials), "{{arm}}"),
            width=8,
        ),
        time_series(
            "Age of the shared state",
            About(
                "How long ago the replica that is furthest behind last read or wrote what all replicas share.",
                "a few seconds.",
                "if it grows, the store (Valkey) is away: replicas go on with what they knew, each for itself.",
            ),
            units.Seconds,
            Query(highest(select(names.ROUTER_STATE_AGE, *PREDICTOR), "predictor_name"), "{{predictor_name}}"),
            width=8,
            steps=thresholds.BANDIT_STATE_AGE_SECONDS,
        ),
        time_series(
            "Feedback that taught nothing",
            About(
                "Feedback per second that the bandit ignored: no_arm, it does not say which arm answered; duplicate, "
                "it came before.",
                "0.",
                "no_arm: clients must send the response back as it came, with its tags.",
            ),
            units.CountsPerSecond,
            Query(or_none(ignored, requests(by=()), names.REASON_LABEL), "{{reason}}"),
            width=8,
            steps=thresholds.RARE_PER_SECOND,
        ),
        time_series(
            "Errors of the store",
            About(
                "Times per second that the store of the bandit's state was asked in vain.",
                "0.",
                "is the store up? docs/routers.md says what a bandit does without it.",
            ),
            units.CountsPerSecond,
            Query(or_zero(errors, requests(by=())), "errors"),
            width=8,
            steps=thresholds.RARE_PER_SECOND,
        ),
    ]
