"""Custom metrics of components, whose names and labels nobody knows beforehand."""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from model_server.graph.observed_in_bulk import write_together

logger = logging.getLogger(__name__)

TIMER_BUCKETS: Final = tuple(np.logspace(-3, np.log10(30), 50).tolist())
"""Seconds, of a component's own TIMER metrics: 50 from 0.001 to 30, evenly on a logarithmic scale."""
MAX_NUMBERS: Final = 10_000
"""Of one process; a TIMER has one for each bucket, and its sum. A tag that takes ever new values would else fill the
memory of this server and of Prometheus, and to add up as many takes a second already."""
_PLAIN: Final = frozenset({int, float})
RESERVED_PREFIXES: Final = ("graph_server_", "seldon_api_executor_")
RESERVED_TAGS: Final = frozenset({"le", "pid", "quantile"})
"""Labels that Prometheus, or prometheus_client, gives a meaning of its own."""
_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_TAG_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""Prometheus' classic rules. prometheus_client writes others as these: two names become one, and none is no page."""
MAX_TEXT_BYTES: Final = 2_000
"""Of a metric's name and tags: some components hand on what their callers wrote."""


class ComponentMetrics:
    """An object of prometheus_client for each name and set of labels. Safe for concurrent calls."""

    def __init__(self) -> None:
        self._series: dict[Any, Any] = {}
        self._families: dict[Any, Any] = {}
        self._known: dict[Any, Any] = {}
        """Counters whose names and tags have been looked at, by what is seen of them at a glance."""
        self._known_without_tags: dict[tuple[str, str], dict[str, Any]] = {}
        """Of those, by method and node, the counters without tags by their key: most are."""
        self._n_numbers = 0
        self._making = threading.Lock()

    def add_all(self, metrics: Iterable[Mapping[str, Any]], labels: Mapping[str, str], method: str) -> None:
        """Count them; counters that are told of several times, as by many requests at once, are written once."""
        sums: dict[Any, float] = {}
        without_tags = self._known_without_tags.setdefault((method, labels["model_name"]), {})
        for metric in metrics:
            if not metric.get("tags") and metric.get("type") == "COUNTER":
                known = without_tags.get(metric["key"])
            else:
                known = self._known.get(_at_a_glance(metric, labels, method))
            if known is not None and type(value := metric["value"]) in _PLAIN and 0 <= value < math.inf:
                sums[known] = sums.get(known, 0) + value
            else:
                self.add(metric, labels, method)
        for series, total in sums.items():
            series.inc(total)

    def add(self, metric: Mapping[str, Any], labels: Mapping[str, str], method: str) -> None:
        """Count it; log it, where it cannot be."""
        key = metric["key"]
        try:
            self._count(metric.get("type", "COUNTER"), key, _number(metric), _tags(metric), labels, method)
        except (ValueError, TypeError, OverflowError) as error:
            logger.warning("metric %.100r dropped: %s", key, error)

    def add_observed(self, metrics: Iterable[Mapping[str, Any]], labels: Mapping[str, str], method: str) -> None:
        """Those of `observed_metrics()`: as others, and HISTOGRAMs with their counts by bounds. Logs what it cannot."""
        for metric in metrics:
            try:
                if metric["type"] != "HISTOGRAM":
                    self.add(metric, labels, method)
                    continue
                key, bounds, counts = metric["key"], tuple(metric["bounds"]), metric["counts"]
                tags = _tags(metric)
                histogram = self._one_series("HISTOGRAM", key, tags, labels, method, bounds)
                write_together(histogram, counts, metric["sum"])
            except (ValueError, TypeError, KeyError) as error:
                logger.warning("metric %.100r dropped: %s", metric, error)

    def _count(  # noqa: PLR0917 -- what a metric is made of
        self, kind: str, key: str, value: float, tags: dict[str, str], labels: Mapping[str, str], method: str
    ) -> None:
        series = self._one_series(kind, key, tags, labels, method, TIMER_BUCKETS)
        match kind:
            case "COUNTER":
                series.inc(value)
                glance = _at_a_glance({"type": kind, "key": key, "tags": tags}, labels, method)
                if glance is not None:
                    self._known[glance] = series
                if not tags:
                    self._known_without_tags.setdefault((method, labels["model_name"]), {})[key] = series
            case "GAUGE":
                series.set(value)
            case _:
                series.observe(value / 1000)  # a TIMER is told in milliseconds

    def _one_series(  # noqa: PLR0917 -- what a metric is made of
        self,
        kind: str,
        key: str,
        tags: dict[str, str],
        labels: Mapping[str, str],
        method: str,
        bounds: tuple[float, ...],
    ) -> Any:
        """Errors: ValueError."""
        series_key = (kind, key, method, labels["model_name"], tuple(sorted(tags.items())))
        series = self._series.get(series_key)
        if series is None:
            with self._making:  # once: two objects for one series would write over each other's counts
                series = self._series.get(series_key)
                if series is None:
                    all_labels = {**tags, "method": method, **labels}
                    series = self._series[series_key] = self._made(kind, key, all_labels, bounds)
        return series

    def _made(self, kind: str, key: str, labels: Mapping[str, str], bounds: tuple[float, ...]) -> Any:
        """Errors: ValueError."""
        n_numbers = len(bounds) + 2 if kind in {"TIMER", "HISTOGRAM"} else 1
        if self._n_numbers + n_numbers > MAX_NUMBERS:
            raise ValueError(f"{self._n_numbers:,} numbers are told of already, as many as are kept")
        series = self._family(kind, key, tuple(labels), bounds).labels(**labels)
        self._n_numbers += n_numbers
        return series

    def _family(self, kind: str, key: str, label_names: tuple[str, ...], bounds: tuple[float, ...]) -> Any:
        family = self._families.get((kind, key, label_names))
        if family is None:
            help_text = "Told by a component."
            match kind:
                case "COUNTER":
                    family = Counter(key, help_text, label_names, registry=None)
                case "GAUGE":
                    family = Gauge(key, help_text, label_names, registry=None, multiprocess_mode="mostrecent")
                case _:
                    family = Histogram(key, help_text, label_names, registry=None, buckets=bounds)
            self._families[kind, key, label_names] = family
        return family


def _at_a_glance(metric: Mapping[str, Any], labels: Mapping[str, str], method: str) -> Any:
    """Equal for metrics that are counted as one; None where it takes a closer look to tell."""
    if metric.get("type", "COUNTER") != "COUNTER":
        return None
    tags = metric.get("tags")
    if not tags:
        return metric["key"], method, labels["model_name"]
    if not set(map(type, tags.values())) <= {str}:
        return None
    return metric["key"], method, labels["model_name"], *tags.items()


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
    if not _METRIC_NAME.fullmatch(metric["key"]):
        raise ValueError(f"it is no name of a metric; {_METRIC_NAME.pattern} is accepted")
    for tag in tags:
        if not _TAG_NAME.fullmatch(tag):
            raise ValueError(f"{tag!r:.100} is no name of a tag; {_TAG_NAME.pattern} is accepted")
    n_bytes = len("".join((metric["key"], *tags, *tags.values())).encode())
    if n_bytes > MAX_TEXT_BYTES:
        raise ValueError(f"its name and tags are {n_bytes:,} bytes; {MAX_TEXT_BYTES:,} are kept")
    return tags
