"""What the manifest says of traffic, told to Prometheus: by it, a share is right or wrong. Pure.

Neither Seldon's executor nor a component knows its weight, which changes without a new Pod.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from model_server import metric_names as names
from model_server.metric_vocabulary import Metric

TOLD: Final = Metric(
    names.TRAFFIC_PERCENT,
    "gauge",
    ("namespace", "deployment_name", "predictor_name", "role"),
    "percent",
    "The share of the traffic that the manifest gives a predictor; of a shadow, the copies that it gets.",
    "Is the split what it should be?",
)


@dataclass(frozen=True)
class Share:
    """Of a predictor in the traffic of its deployment; of a shadow, the copies that it gets."""

    namespace: str
    deployment: str
    predictor: str
    role: Literal["live", "shadow"]
    percent: float


def exposition(shares: Iterable[Share]) -> bytes:
    """In the text format of Prometheus."""
    family = GaugeMetricFamily(TOLD.name, TOLD.meaning, labels=TOLD.labels)
    for share in shares:
        family.add_metric((share.namespace, share.deployment, share.predictor, share.role), share.percent)
    registry = CollectorRegistry()
    registry.register(_Once(family))
    return generate_latest(registry)


class _Once:
    def __init__(self, family: GaugeMetricFamily) -> None:
        self._family = family

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield self._family
