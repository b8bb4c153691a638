"""Is the deployment healthy? The first dashboard to open, and the one to leave open."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import health, thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.annotations import FIRING
from deployments.monitoring.dashboards.board import Board, Section
from deployments.monitoring.dashboards.panels import Panel, Query, rows, time_series
from deployments.monitoring.dashboards.queries import (
    ANSWERED,
    ERRORS,
    PREDICTIONS,
    PREDICTOR,
    highest,
    or_none,
    quantile,
    rate,
    ratio,
    ratio_within,
    requests,
    select,
    total,
)
from model_server import metric_names as names


def board() -> Board:
    return Board(
        name="overview",
        title="Forkcast / 1 Overview",
        question="Is the deployment healthy? Numbers are of all the time that is shown, graphs of the last minute or "
        "so. Begin here, and follow the link of the panel that is not green.",
        sections=[
            Section("Is it healthy?", health.numbers()),
            Section("How much, and what fails?", _traffic()),
            Section("How slow?", _latency()),
            Section("What runs?", _running()),
        ],
    )


def _traffic() -> list[Panel]:
    failed = total(rate(f"{names.EXECUTOR_SERVER}_count", *PREDICTOR, PREDICTIONS, ERRORS), "predictor_name", "code")
    failed = or_none(failed, requests(), "code", "predictor_name")
    return [
        time_series(
            "Requests per predictor",
            About(
                "Predictions per second, by the predictor that was asked.",
                "lines in the proportion of the weights; a blue line marks where weights changed.",
                "compare with the weights.",
                see="experiment",
            ),
            units.RequestsPerSecond,
            Query(requests(), "{{predictor_name}}"),
            stacked=True,
        ),
        time_series(
            "Errors by code",
            About(
                "The share of each predictor's requests that was not answered with 200 or OK, by code.",
                "0. The line is at 0.1 %, the SLO; only the server's faults count against it.",
                "4xx and InvalidArgument are the caller's: the answer says what is wrong. 503 and Unavailable: full "
                "or not ready. 500 and Unknown: see the predictor's log.",
                see="serving-internals",
            ),
            units.PercentUnit,
            Query(ratio_within(failed, requests(), "predictor_name"), "{{predictor_name}} {{code}}"),
            steps=thresholds.ERRORS,
        ),
    ]


def _latency() -> list[Panel]:
    in_time = total(rate(f"{names.EXECUTOR_SERVER}_bucket", *PREDICTOR, PREDICTIONS, *health.IN_TIME), "predictor_name")
    levels = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
    return [
        time_series(
            "Latency",
            About(
                "Half, nine of ten and 99 of 100 requests were answered within this time. Interpolated within a "
                "bucket: Seldon's executor has none below 5 ms, so a faster predictor looks like 2.5 ms there.",
                "p99 below the line at 100 ms.",
                "p50 up: everything is slow, or requests have more rows. Only p99 up: some wait; see batches and CPU.",
                see="serving-internals",
            ),
            units.Seconds,
            *(
                Query(
                    quantile(level, names.EXECUTOR_SERVER, *PREDICTOR, PREDICTIONS, by=("predictor_name",)),
                    f"{{{{predictor_name}}}} {name}",
                )
                for level, name in levels
            ),
            steps=thresholds.LATENCY_SECONDS,
        ),
        time_series(
            "Answered within 100 ms",
            About(
                "Of each predictor's answers (200 or OK), the share within 100 ms. Exact: 100 ms is the border of a "
                "bucket.",
                "above the line at 99 %.",
                "look at the nodes of the graph.",
                see="serving-internals",
            ),
            units.PercentUnit,
            Query(ratio(in_time, requests(*PREDICTOR, ANSWERED)), "{{predictor_name}}"),
            steps=thresholds.IN_TIME,
        ),
    ]


def _running() -> list[Panel]:
    model_labels = ("predictor_name", "model_name")
    told = (*model_labels, "bundle", "bundle_version", "feature_set")
    trained_at = highest(select(names.TRAINED_AT, *PREDICTOR), *model_labels)
    headings = {
        "predictor_name": "Predictor",
        "model_name": "Node",
        "bundle": "Bundle",
        "bundle_version": "Version",
        "feature_set": "Features",
    }
    return [
        rows(
            "Models served",
            About(
                "Which bundle each node serves, how long ago it was made, and by how much its answers to rows kept "
                "from training differ from those of training.",
                "one row per node, the version you deployed, a difference of 0.",
                "two versions of a node: a roll-out is under way, or stuck. A difference: this machine computes "
                "something else than training did; do not trust its scores.",
                see="model-inputs",
            ),
            {
                "Info": (highest(select(names.MODEL_INFO, *PREDICTOR), *told), "", thresholds.NEUTRAL),
                "Age": (f"time() - {trained_at}", units.Seconds, thresholds.MODEL_AGE_SECONDS),
                "Difference": (
                    highest(select(names.TRAINING_DIFFERENCE, *PREDICTOR), *model_labels),
                    units.NoUnit,
                    thresholds.TRAINING_DIFFERENCE,
                ),
            },
            renamed=headings,
            width=14,
        ),
        rows(
            "Alerts that fire",
            About(
                "Alerts of Prometheus that fire now.",
                "no rows.",
                "their descriptions, in Prometheus under Alerts, say what to do.",
            ),
            {"Firing": (f"count by (alertname, severity) ({FIRING})", units.Short, thresholds.NEUTRAL)},
            renamed={"alertname": "Alert", "severity": "Severity"},
            width=10,
        ),
    ]
