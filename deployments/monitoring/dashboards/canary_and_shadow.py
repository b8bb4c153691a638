"""May the new version have more traffic? A canary, or a shadow, against the predictor that serves now."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import arms, thresholds, variables
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.board import Board, Section
from deployments.monitoring.dashboards.panels import Panel, Query, time_series
from deployments.monitoring.dashboards.queries import (
    DEPLOYMENT,
    ERRORS,
    EVERY_PREDICTOR,
    PREDICTIONS,
    PREDICTOR,
    SHADOW,
    live,
    mean,
    or_zero,
    quantile,
    ratio,
    requests,
    shadows,
    total,
    weights,
    while_shadowed,
)
from model_server import metric_names as names

_BASELINE: Final = (*DEPLOYMENT, 'predictor_name=~"$baseline"')
_OTHERS: Final = (*PREDICTOR, 'predictor_name!~"$baseline"')
_A_PREDICTOR: Final = "{{predictor_name}}"


def board() -> Board:
    return Board(
        name="canary-and-shadow",
        title="Forkcast / 3 Canary and shadow",
        question="May the new version have more traffic? It is compared with the predictor chosen above, the champion "
        "at first. Look long enough: at 1 % of 100 requests per second a canary has 60 requests a minute.",
        sections=[
            Section("Canary", _canary()),
            Section("Shadow (empty without one)", _shadow()),
        ],
        further_variables=[variables.baseline()],
    )


def _error_share(*matchers: str) -> str:
    failed = or_zero(requests(*matchers, ERRORS), requests(*matchers))
    return ratio(failed, requests(*matchers))


def _canary() -> list[Panel]:
    baseline = total(_error_share(*_BASELINE))
    return [
        arms.share_against_weight(),
        time_series(
            "Errors",
            About(
                "The share of each predictor's requests that was not answered with 200 or OK.",
                "0 for all, and not more for the canary than for the baseline.",
                "take the canary's traffic away first, then look for the node that fails.",
                see="serving-internals",
            ),
            units.PercentUnit,
            Query(_error_share(*PREDICTOR), _A_PREDICTOR),
            steps=thresholds.ERRORS,
        ),
        time_series(
            "Errors, canary minus baseline",
            About(
                "By how much a larger share of the canary's requests fails than of the baseline's. A difference, "
                "since a ratio would be nothing as long as the baseline has no errors.",
                "0 or below.",
                "above the line (one in a thousand) for some minutes: take its traffic away.",
                see="overview",
            ),
            units.PercentUnit,
            Query(f"{live(_error_share(*_OTHERS))} - on () group_left () {baseline}", _A_PREDICTOR),
            steps=thresholds.ERRORS,
        ),
        time_series(
            "Latency, canary over baseline",
            About(
                "The canary's median and 99th percentile divided by the baseline's.",
                "around 1. Below 5 ms Seldon's executor cannot tell them apart, and it stays at 1.",
                "above 1.5 for some minutes: the new version is slower; see its nodes.",
                see="serving-internals",
            ),
            units.NoUnit,
            *(
                Query(
                    f"{live(_latency(level, *_OTHERS))} / on () group_left () {total(_latency(level, *_BASELINE))}",
                    f"{_A_PREDICTOR} {name}",
                )
                for level, name in ((0.5, "p50"), (0.99, "p99"))
            ),
            steps=thresholds.SLOWER_THAN_BASELINE,
        ),
    ]


def _latency(level: float, *matchers: str) -> str:
    return quantile(level, names.EXECUTOR_SERVER, *matchers, PREDICTIONS, by=("predictor_name",))


def _shadow() -> list[Panel]:
    asked = total(live(requests(*EVERY_PREDICTOR)))
    due = f"({weights(*DEPLOYMENT, SHADOW)} / 100 * on () group_left () {asked})"
    copies = shadows(requests(*EVERY_PREDICTOR))
    scores = ("predictor_name", "model_name")
    return [
        time_series(
            "Copies to the shadow",
            About(
                "Requests that live predictors get, the copies that the manifest says the shadow should get of them, "
                "and those that it got.",
                "the copies lie on what is due.",
                "see the missing ones beside.",
            ),
            units.RequestsPerSecond,
            Query(asked, "live"),
            Query(due, "{{predictor_name}} due"),
            Query(copies, "{{predictor_name}} got"),
        ),
        time_series(
            "Missing copies",
            About(
                "The share of the copies due that did not reach the shadow. A gateway drops copies when the shadow is "
                "slow or full, and tells no caller.",
                "around 0; some noise, since both counts are scraped at different moments.",
                "above a few per cent the shadow sees less than live predictors: its scores and errors say less. Give "
                "it more replicas.",
                see="serving-internals",
            ),
            units.PercentUnit,
            Query(f"1 - {ratio(copies, due)}", _A_PREDICTOR),
            steps=thresholds.MISSING_COPIES,
        ),
        time_series(
            "Mean score, live and shadow",
            About(
                "The mean probability given, by live predictors and shadows, for the same requests.",
                "steady; how far apart they may be, you know from the models' evaluation.",
                "see the distributions, and drift.",
                see="experiment",
            ),
            units.PercentUnit,
            Query(mean(names.PROBABILITY, *PREDICTOR, by=scores), "{{predictor_name}} {{model_name}}"),
        ),
        time_series(
            "Median and high scores, live and shadow",
            About(
                "Half and nine of ten probabilities are below these lines.",
                "steady, both predictors' lines of the same shape over time.",
                "if the shadow's lines move and the live ones do not, it reads something that they do not.",
                see="model-inputs",
            ),
            units.PercentUnit,
            *(
                Query(
                    quantile(level, names.PROBABILITY, *PREDICTOR, by=scores),
                    f"{{{{predictor_name}}}} {{{{model_name}}}} {name}",
                )
                for level, name in ((0.5, "p50"), (0.9, "p90"))
            ),
        ),
        time_series(
            "Errors of the shadow",
            About(
                "The share of the shadow's copies that it did not answer with 200 or OK. No user sees them.",
                "0.",
                "do not make it live. Its log says what failed.",
                see="serving-internals",
            ),
            units.PercentUnit,
            Query(shadows(_error_share(*EVERY_PREDICTOR)), _A_PREDICTOR),
            steps=thresholds.ERRORS,
        ),
        time_series(
            "Latency, live and shadow",
            About(
                "99 of 100 requests were answered within this time, while a shadow is there.",
                "both alike.",
                "a shadow that is slower than what serves now would be so with live traffic too.",
                see="serving-internals",
            ),
            units.Seconds,
            Query(while_shadowed(_latency(0.99, *PREDICTOR)), _A_PREDICTOR),
            steps=thresholds.LATENCY_SECONDS,
        ),
    ]
