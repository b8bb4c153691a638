"""Why is it slow, full or failing? Nodes of the graph, batches, processor and memory."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import pods, thresholds, variables
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.board import Board, Section
from deployments.monitoring.dashboards.panels import Panel, Query, time_series
from deployments.monitoring.dashboards.queries import (
    ERRORS,
    POD,
    PREDICTOR,
    mean,
    or_none,
    quantile,
    rate,
    ratio_within,
    total,
)
from model_server import metric_names as names

_NODE: Final = ("predictor_name", "model_name")
_A_NODE: Final = "{{predictor_name}} {{model_name}}"
_NO_FEEDBACK: Final = 'service!~".*(?i:feedback|metadata)"'
"""Over REST /send-feedback, over gRPC /seldon.protos.Model/SendFeedback."""
_CALLS: Final = total(rate(f"{names.EXECUTOR_CLIENT}_count", *PREDICTOR, _NO_FEEDBACK), *_NODE)
_STAGE: Final = names.STAGE_LABEL


def board() -> Board:
    return Board(
        name="serving-internals",
        title="Forkcast / 5 Serving internals",
        question="Why is it slow, full or failing? What a graph server tells of itself is told per pod: choose the "
        "pods of your predictor above. On one machine a predictor is one pod.",
        sections=[
            Section("Nodes of the graph", _nodes()),
            Section("Stages and batches of the model", _batches()),
            Section("Load (by pod)", pods.load()),
            Section("What was lost (by pod)", pods.lost()),
        ],
        further_variables=[variables.pod()],
    )


def _nodes() -> list[Panel]:
    calls = (*PREDICTOR, _NO_FEEDBACK)
    failed = or_none(
        total(rate(f"{names.EXECUTOR_CLIENT}_count", *calls, ERRORS), *_NODE, "code"), _CALLS, "code", *_NODE
    )
    latencies = [
        time_series(
            f"Latency by node, {name}",
            About(
                f"{level:.0%} of the calls to a node of the graph came back within this time, the wait for a batch "
                "included.",
                "milliseconds; the sum over a path of nodes is nearly the predictor's latency.",
                "the slowest node is where to look. If the nodes are quick and the predictor is slow, requests wait "
                "at the door: see in flight.",
                see="overview",
            ),
            units.Seconds,
            Query(quantile(level, names.EXECUTOR_CLIENT, *calls, by=_NODE), _A_NODE),
            steps=thresholds.LATENCY_SECONDS,
        )
        for level, name in ((0.5, "p50"), (0.99, "p99"))
    ]
    return [
        *latencies,
        time_series(
            "Calls by node",
            About(
                "Calls per second to each node.",
                "each node on a path has as many as the predictor has requests; children of a router share them. A "
                "router that transforms is asked twice.",
                "a node without calls: the router sends none, or an earlier node fails.",
                see="experiment",
            ),
            units.RequestsPerSecond,
            Query(_CALLS, _A_NODE),
        ),
        time_series(
            "Failed calls by node",
            About(
                "The share of a node's calls that did not end with 200 or OK, by code.",
                "0.",
                "4xx and InvalidArgument: the node refused its input, which is the caller's fault. Others: the log of "
                "that node.",
                see="overview",
            ),
            units.PercentUnit,
            Query(ratio_within(failed, _CALLS, *_NODE), f"{_A_NODE} {{{{code}}}}"),
            steps=thresholds.ERRORS,
        ),
    ]


def _batches() -> list[Panel]:
    node = ("model_name",)
    return [
        time_series(
            "Stages of a batch, mean",
            About(
                "What a batch of impressions takes on average: reading the rows, making features of them, predicting.",
                "together well below the predictor's latency; in the proportion that you know.",
                "the stage that grew is where to look. All of them: batches have more rows, or the processor is full.",
            ),
            units.Seconds,
            Query(mean(names.STAGE, *PREDICTOR, by=("model_name", _STAGE)), "{{model_name}} {{stage}}"),
            stacked=True,
        ),
        time_series(
            "Stages of a batch, p99",
            About(
                "99 of 100 batches took no longer, by stage.",
                "some times the mean.",
                "far above the mean: large requests among small ones, or a processor that is shared.",
            ),
            units.Seconds,
            Query(quantile(0.99, names.STAGE, *PREDICTOR, by=("model_name", _STAGE)), "{{model_name}} {{stage}}"),
        ),
        time_series(
            "Rows in a batch",
            About(
                "Impressions that one call of a model answered: the mean, and the 99th percentile within its bucket.",
                "the rows of a request at little load, more as load grows; 1,024 at most.",
                "always 1,024: the model is asked for more than it can do. See requests in flight.",
            ),
            units.Short,
            *_distribution(names.BATCH_ROWS, node),
        ),
        time_series(
            "Requests in a batch",
            About(
                "Requests that one call of a model answered together: the mean, and the 99th percentile within its "
                "bucket.",
                "1 at little load. More means that batching keeps up with load.",
                "1 at high load: requests do not arrive together, or too few reach each worker.",
            ),
            units.Short,
            *_distribution(names.BATCH_REQUESTS, node),
        ),
    ]


def _distribution(histogram: str, by: tuple[str, ...]) -> list[Query]:
    node = "{{model_name}}"
    return [
        Query(mean(histogram, *POD, by=by), f"{node} mean"),
        Query(quantile(0.99, histogram, *POD, by=by), f"{node} p99"),
    ]
