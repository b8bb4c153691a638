"""Numbers counted in bulk: prometheus_client takes 10 us to write one down, and here there are three to a request.

What is counted is written a moment later, for many requests together. prometheus_client has no way in for more than one
observation, so its histogram's own numbers are written to, as its `observe` does it;
`tests/model_server/graph/test_observed_in_bulk.py` holds the two against each other.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import Gauge, Histogram, Summary

logger = logging.getLogger(__name__)

type Later = Callable[[Callable[[], None]], object]
"""Calls a function soon, and once; as the `call_soon` of an event loop, or `call_later` after a moment."""


def at_once(work: Callable[[], None]) -> None:
    work()


class Pending:
    """What was counted and is not written yet. Not safe for concurrent calls: of one event loop's thread."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._writes: list[Callable[[], None]] = []

    def add(self, write: Callable[[], None]) -> None:
        self._writes.append(write)
        if len(self._writes) == 1:
            self._later(self.write)

    def write(self) -> None:
        writes, self._writes = self._writes, []
        for write in writes:
            try:
                write()
            except Exception:  # a full disk, say: those after it are told all the same, and this one later again
                logger.exception("counts were not written")


def write_together(histogram: Any, counts: Sequence[int], total: float) -> None:
    """Many observations: how many fell under each bound, and above the last; and their sum.

    Errors: ValueError; then nothing was written.
    """
    buckets = histogram._buckets  # noqa: SLF001 (told above)
    if len(counts) != len(buckets) or min(counts) < 0 or not math.isfinite(total):
        raise ValueError(f"{len(counts)} counts for {len(buckets)} buckets, and the sum {total}")
    for bucket, count in zip(buckets, counts, strict=True):
        if count:
            bucket.inc(count)
    histogram._sum.inc(total)  # noqa: SLF001


class Observed:
    """A histogram, and a summary of the same observations by the same labels if there is one."""

    def __init__(
        self, histogram: Histogram, summary: Summary | None, bounds: Sequence[float], pending: Pending
    ) -> None:
        """`bounds`: those that the histogram was made with."""
        self._histogram, self._summary, self._bounds, self._pending = histogram, summary, bounds, pending
        self._series: dict[tuple[str, ...], _Series] = {}

    def add(self, labels: tuple[str, ...], value: float) -> None:
        self.of(labels)(value)

    def of(self, labels: tuple[str, ...]) -> Callable[[float], None]:
        """What adds an observation with these labels: for whoever has many."""
        series = self._series.get(labels)
        if series is None:
            summary = None if self._summary is None else self._summary.labels(*labels)
            series = _Series(self._histogram.labels(*labels), summary, self._bounds, self._pending)
            self._series[labels] = series
        return series.add


class _Series:
    __slots__ = ("_bounds", "_counts", "_histogram", "_n_pending", "_pending", "_summary", "_total")

    def __init__(self, histogram: Any, summary: Any, bounds: Sequence[float], pending: Pending) -> None:
        self._histogram, self._summary, self._bounds, self._pending = histogram, summary, bounds, pending
        self._counts = [0] * (len(bounds) + 1)
        self._n_pending = 0
        self._total = 0.0

    def add(self, value: float) -> None:
        self._n_pending += 1
        self._total += value
        self._counts[bisect_left(self._bounds, value)] += 1
        if self._n_pending == 1:
            self._pending.add(self._write)

    def _write(self) -> None:
        counts, n_pending, total = self._counts, self._n_pending, self._total
        self._counts, self._n_pending, self._total = [0] * len(counts), 0, 0.0
        write_together(self._histogram, counts, total)
        if self._summary is not None:
            self._summary._count.inc(n_pending)  # noqa: SLF001 (told above)
            self._summary._sum.inc(total)  # noqa: SLF001


class Level:
    """A gauge that goes up and down all the time, and is written where it stays."""

    def __init__(self, gauge: Gauge, pending: Pending) -> None:
        self._gauge, self._pending = gauge, pending
        self._now = self._written = 0
        self._is_pending = False

    def add(self, change: int) -> None:
        self._now += change
        if not self._is_pending:
            self._is_pending = True
            self._pending.add(self._write)

    def _write(self) -> None:
        self._is_pending = False
        if self._now != self._written:
            self._gauge.inc(self._now - self._written)
            self._written = self._now
