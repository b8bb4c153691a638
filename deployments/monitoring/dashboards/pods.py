"""What graph servers tell of themselves, pod by pod: sections of the serving internals."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.panels import Panel, Query, time_series
from deployments.monitoring.dashboards.queries import (
    POD,
    counter,
    or_none,
    rate,
    select,
    total,
)
from model_server import metric_names as names

_ONE_POD: Final = "{{pod}}"


def load() -> list[Panel]:
    return [
        time_series(
            "In flight and limit",
            About(
                "Requests that are being answered, and how many a pod answers at a time before it refuses more.",
                "far below the limit.",
                "close to it: add replicas, or find what made answers slow. At it, callers get 503 or Unavailable.",
                see="overview",
            ),
            units.Short,
            Query(total(select(names.IN_FLIGHT, *POD), "pod"), _ONE_POD),
            Query(total(select(names.IN_FLIGHT_LIMIT, *POD), "pod"), f"{_ONE_POD} limit"),
            logarithmic=True,
        ),
        time_series(
            "Processor",
            About(
                "Seconds of processor time per second, of all workers of a pod: 1 is one core, fully used.",
                "below 70 % of what the pod may have, so that there is room for a peak.",
                "as much as it may have: requests queue. Add replicas.",
            ),
            units.NoUnit,
            Query(total(rate(counter(names.CPU_SECONDS), *POD), "pod"), _ONE_POD),
        ),
        time_series(
            "Memory",
            About(
                "Resident memory of all workers of a pod. What workers share counts for each, so the sum is too high.",
                "flat after the first minutes.",
                "a slope that never ends is a leak; the pod is killed at its limit and starts again.",
            ),
            units.BytesIEC,
            Query(total(select(names.MEMORY_BYTES, *POD), "pod"), _ONE_POD),
        ),
        time_series(
            "Component timeouts",
            About(
                "Calls per second to a component that did not come back in time, by node.",
                "0.",
                "a component hangs; where its thread stays away, the worker is replaced. The log names the call.",
            ),
            units.CountsPerSecond,
            Query(_lost_by(names.TIMED_OUT, "model_name"), "{{model_name}}"),
            steps=thresholds.RARE_PER_SECOND,
        ),
    ]


def _lost_by(metric: str, label: str) -> str:
    return or_none(total(rate(counter(metric), *POD), label), total(select(names.IN_FLIGHT, *POD)), label)


def lost() -> list[Panel]:
    return [
        time_series(
            "Requests refused at the door",
            About(
                "Requests per second that were refused before any component saw them, by reason: too large, too slow, "
                "malformed, no room. They are in no other panel of requests.",
                "0.",
                "no room: the server is full. The others: a client is broken, or hostile.",
                see="overview",
            ),
            units.RequestsPerSecond,
            Query(_lost_by(names.REFUSED, names.REASON_LABEL), "{{reason}}"),
            width=8,
            steps=thresholds.RARE_PER_SECOND,
        ),
        time_series(
            "Request log: events dropped",
            About(
                "Events of the request log per second that were not delivered, by reason.",
                "0.",
                "the collector is away or slow. Requests are answered all the same; the log has holes.",
            ),
            units.CountsPerSecond,
            Query(_lost_by(names.EVENTS_DROPPED, names.REASON_LABEL), "{{reason}}"),
            width=8,
            steps=thresholds.RARE_PER_SECOND,
        ),
        time_series(
            "Feedback without a route",
            About(
                "Feedback per second that does not say which branch of a router answered, by router.",
                "0.",
                "clients must send the response back as it came, meta included.",
                see="experiment",
            ),
            units.CountsPerSecond,
            Query(_lost_by(names.UNROUTED_FEEDBACK, "model_name"), "{{model_name}}"),
            width=8,
            steps=thresholds.RARE_PER_SECOND,
        ),
    ]
