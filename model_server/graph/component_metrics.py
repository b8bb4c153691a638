"""Custom metrics of components, whose names and labels nobody knows beforehand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

logger = logging.getLogger(__name__)

TIMER_BUCKETS: Final = tuple(np.logspace(-3, np.log10(30), 50).tolist())
"""Seconds, of a component's own TIMER metrics: 50 from 0.001 to 30, evenly on a logarithmic scale."""
MAX_SERIES_OF_COMPONENTS: Final = 2_000
"""Of one process. A tag that takes ever new values would else fill the memory of this server and of Prometheus."""


class ComponentMetrics:
    """Custom metrics, whose names and labels nobody knows beforehand: an object for each name and set of labels."""

    def __init__(self) -> None:
        self._series: dict[Any, Any] = {}
        self._families: dict[Any, Any] = {}

    def add(self, metric: Mapping[str, Any], labels: Mapping[str, str], method: str) -> None:
        kind, key, value = metric.get("type", "COUNTER"), metric["key"], metric["value"]
        tags = {str(tag): str(text) for tag, text in (metric.get("tags") or {}).items()}
        series_key = (kind, key, method, labels["model_name"], tuple(sorted(tags.items())))
        try:
            series = self._series.get(series_key)
            if series is None:
                if len(self._series) >= MAX_SERIES_OF_COMPONENTS:
                    logger.warning("metric %s dropped: %d series are as many as are kept", key, len(self._series))
                    return
                all_labels = {**tags, "method": method, **labels}
                series = self._series[series_key] = self._family(kind, key, tuple(all_labels)).labels(**all_labels)
            match kind:
                case "COUNTER":
                    series.inc(value)
                case "GAUGE":
                    series.set(value)
                case _:
                    series.observe(value / 1000)  # a TIMER is told in milliseconds
        except ValueError as error:
            logger.warning("metric %s dropped: %s", key, error)

    def _family(self, kind: str, key: str, label_names: tuple[str, ...]) -> Any:
        family = self._families.get((kind, key, label_names))
        if family is None:
            help_text = "Told by a component."
            match kind:
                case "COUNTER":
                    family = Counter(key, help_text, label_names, registry=None)
                case "GAUGE":
                    family = Gauge(key, help_text, label_names, registry=None, multiprocess_mode="mostrecent")
                case _:
                    family = Histogram(key, help_text, label_names, registry=None, buckets=TIMER_BUCKETS)
            self._families[kind, key, label_names] = family
        return family
