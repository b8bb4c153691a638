"""The numbers that say at a glance whether a deployment is healthy; its service level objectives."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.annotations import FIRING
from deployments.monitoring.dashboards.panels import Panel, Query, number
from deployments.monitoring.dashboards.queries import (
    ANSWERED,
    FAULTS,
    NAMESPACE,
    PREDICTIONS,
    PREDICTOR,
    increase,
    or_zero,
    ratio,
    requests,
    select,
    total,
)
from model_server import metric_names as names

IN_TIME: Final = (ANSWERED, 'le="0.1"')
"""100 ms: the border of a bucket both of our graph server and of Seldon's executor."""


def numbers() -> list[Panel]:
    every = requests(by=(), whole_range=True)
    faults = or_zero(total(increase(f"{names.EXECUTOR_SERVER}_count", *PREDICTOR, PREDICTIONS, FAULTS)), every)
    in_time = total(increase(f"{names.EXECUTOR_SERVER}_bucket", *PREDICTOR, PREDICTIONS, *IN_TIME))
    return [
        number(
            "Requests per second",
            About(
                "Predictions that the chosen predictors are asked for now.",
                "what your clients send.",
                "with none at all, look whether the gateway finds the predictors (`forkcast status`).",
                see="traffic-simulator",
            ),
            units.RequestsPerSecond,
            Query(requests(by=())),
        ),
        number(
            "Success, SLO 99.9 %",
            About(
                "The share of requests that did not fail by the server's own fault (HTTP 5xx and 429; over gRPC "
                "Unknown, Internal, Unavailable and the like), over all the time shown. A caller's mistake (4xx) "
                "counts as a success of the server.",
                "99.9 % and more.",
                "see which code below, then the node of the graph that tells it.",
                see="serving-internals",
            ),
            units.PercentUnit,
            Query(f"1 - {ratio(faults, every)}"),
            steps=thresholds.SUCCESS,
        ),
        number(
            "Within 100 ms, SLO 99 %",
            About(
                "Of the requests that were answered with 200 or OK, the share within 100 ms of their arrival at the "
                "predictor, over all the time shown.",
                "99 % and more.",
                "look at latency by node and at requests in flight: is the server full, or one node slow?",
                see="serving-internals",
            ),
            units.PercentUnit,
            Query(ratio(in_time, requests(*PREDICTOR, ANSWERED, by=(), whole_range=True))),
            steps=thresholds.IN_TIME,
        ),
        number(
            "In flight",
            About(
                "Requests that are being answered at this moment, in all pods of the namespace.",
                "about requests per second times latency in seconds: mostly under ten.",
                "a number that grows and stays means that answers are slower than requests come.",
                see="serving-internals",
            ),
            units.Short,
            Query(total(select(names.IN_FLIGHT, NAMESPACE))),
        ),
        number(
            "Firing alerts",
            About(
                "Alerts of Prometheus that fire in this namespace.",
                "0.",
                "their names are in the table below; each has a description and what to do.",
            ),
            units.Short,
            Query(f"count({FIRING}) or vector(0)"),
            steps=thresholds.ANY_AT_ALL,
        ),
        number(
            "Targets down",
            About(
                "Of what Prometheus scrapes in this namespace, how many did not answer the last time. What a target "
                "that is down would tell is missing from every panel.",
                "0.",
                "a pod that starts is down for some seconds; if it stays, see its logs.",
            ),
            units.Short,
            Query(f"count({select('up', NAMESPACE)} == 0) or 0 * count({select('up', NAMESPACE)})"),
            steps=thresholds.ANY_AT_ALL,
        ),
    ]
