"""Custom metrics of components, whose names and labels nobody knows beforehand."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

logger = logging.getLogger(__name__)

TIMER_BUCKETS: Final = tuple(np.logspace(-3, np.log10(30), 50).tolist())
"""Seconds, of a component's own TIMER metrics: 50 from 0.001 to 30, evenly on a logarithmic scale."""
MAX_SERIES_OF_COMPONENTS: Final = 2_000
"""Of one process. A tag that takes ever new values would else fill the memory of this server and of Prometheus."""
RESERVED_PREFIXES: Final = ("graph_server_", "seldon_api_executor_")
RESERVED_TAGS: Final = frozenset({"le", "pid", "quantile"})
"""Labels that Prometheus, or prometheus_client, gives a meaning of its own."""
MAX_TEXT_BYTES: Final = 2_000
"""Of a metric's name and tags: some components hand on what their callers wrote."""


class ComponentMetrics:
    """Custom metrics, whose names and labels nobody knows beforehand: an object for each name and set of labels."""

    def __init__(self) -> None:
        self._series: dict[Any, Any] = {}
        self._families: dict[Any, Any] = {}

    def add(self, metric: Mapping[str, Any], labels: Mapping[str, str], method: str) -> None:
        """Count it; log it, where it cannot be."""
        key = metric["key"]
        try:
            self._count(metric.get("type", "COUNTER"), key, _number(metric), _tags(metric), labels, method)
        except (ValueError, TypeError, OverflowError) as error:
            logger.warning("metric %.100r dropped: %s", key, error)

    def _count(  # noqa: PLR0917 -- what a metric is made of
        self, kind: str, key: str, value: float, tags: dict[str, str], labels: Mapping[str, str], method: str
    ) -> None:
        series_key = (kind, key, method, labels["model_name"], tuple(sorted(tags.items())))
        series = self._series.get(series_key)
        if series is None:
            if len(self._series) >= MAX_SERIES_OF_COMPONENTS:
                raise ValueError(f"{len(self._series)} series are as many as are kept")
            all_labels = {**tags, "method": method, **labels}
            series = self._series[series_key] = self._family(kind, key, tuple(all_labels)).labels(**all_labels)
        match kind:
            case "COUNTER":
                series.inc(value)
            case "GAUGE":
                series.set(value)
            case _:
                series.observe(value / 1000)  # a TIMER is told in milliseconds

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


def _number(metric: Mapping[str, Any]) -> float:
    """Errors: ValueError and the like for what no sum survives."""
    value = float(metric["value"])
    if not math.isfinite(value) and metric.get("type") != "GAUGE":
        raise ValueError(f"{value} would end the sum for good")
    return value


def _tags(metric: Mapping[str, Any]) -> dict[str, str]:
    """Errors: ValueError for names and texts that would spoil what others tell, or the whole page of metrics."""
    if metric["key"].startswith(RESERVED_PREFIXES) or not RESERVED_TAGS.isdisjoint(metric.get("tags") or ()):
        names, taken = " or ".join(RESERVED_PREFIXES), ", ".join(sorted(RESERVED_TAGS))
        raise ValueError(f"names that begin with {names}, and the tags {taken}, are the server's own")
    tags = {str(tag): str(text) for tag, text in (metric.get("tags") or {}).items()}
    n_bytes = len("".join((metric["key"], *tags, *tags.values())).encode())
    if n_bytes > MAX_TEXT_BYTES:
        raise ValueError(f"its name and tags are {n_bytes:,} bytes; {MAX_TEXT_BYTES:,} are kept")
    return tags
