"""What a model has seen, for whoever watches it: noted on the request path, counted beside it.

A batch costs the request path an append; the rest is done for many at once, when the server asks (once a second). What
was noted and not asked for yet is lost with a process that is killed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server import metric_names as names
from model_server.drift.windows import Monitor, WindowReport
from model_server.impressions import COLUMNS, MISSING_TIME, Categories, Impressions

logger = logging.getLogger(__name__)

MOST_ROWS: Final = 50_000
"""Noted and not counted: beyond, whoever notes counts. About 10 MB."""
PROBABILITY_BOUNDS: Final = (
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.15,
    0.2,
    0.3,
    0.5,
    0.75,
    1.0,
)
COMPARED_AT_MOST: Final = 500
"""Requests of those counted together, which is once a second, of which a row is compared with training: each costs as
much as a tenth of a prediction, and 500 fill a window of 1,000 in two seconds."""
STAGE_BOUNDS_SECONDS: Final = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
_NULLABLE: Final = tuple(column for column in COLUMNS if column.nullable)

type ObservedMetric = Mapping[str, Any]
"""As Seldon's custom metrics: key, type, value, tags; a HISTOGRAM has bounds, counts and sum in the place of value."""


@dataclass(slots=True)
class Batch:
    """What was scored at once: the rows of impressions, and after them those of ready features.

    Shapes: probabilities [n] with n >= len(impressions).
    """

    impressions: Impressions | None
    n_rows_of_requests: Sequence[int]
    """Of each request whose impressions these are."""
    probabilities: NDArray[np.float32]
    stage_seconds: tuple[float, ...]
    """In the order of `metric_names.STAGES`."""


@dataclass
class Histogram:
    """Counts of values by upper bound, the last count being of those above all bounds."""

    bounds: tuple[float, ...]
    counts: NDArray[np.int64] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.bounds) + 1, dtype=np.int64)

    def add(self, values: NDArray[Any]) -> None:
        # As Prometheus counts: a value on a bound is below it.
        places = np.searchsorted(self.bounds, values, side="left")
        self.counts += np.bincount(places, minlength=len(self.counts))
        self.total += float(values.sum(dtype=np.float64))

    def told(self, key: str, tags: Mapping[str, str]) -> ObservedMetric:
        counts = self.counts.tolist()
        return {
            "type": "HISTOGRAM",
            "key": key,
            "bounds": self.bounds,
            "counts": counts,
            "sum": self.total,
            "tags": tags,
        }


class Observations:
    """`note` from any thread; `told` gives what was noted since it was last asked."""

    def __init__(self, monitor: Monitor | None = None) -> None:
        """`monitor` compares a row of each request with training; of some requests only, where there are many."""
        self._monitor = monitor
        self._noted: deque[Batch] = deque()
        self._n_rows_noted = 0
        self._counting = threading.Lock()
        self._start_anew()

    def note(self, batch: Batch) -> None:
        self._noted.append(batch)
        self._n_rows_noted += len(batch.probabilities)
        if self._n_rows_noted > MOST_ROWS:
            with self._counting:
                self._count()

    def told(self) -> list[ObservedMetric]:
        with self._counting:
            self._count()
            metrics: list[ObservedMetric] = []
            if n_rows := int(self._probabilities.counts.sum()):
                metrics.append({"type": "COUNTER", "key": names.EXPOSURES, "value": n_rows, "tags": {}})
                metrics.append(self._probabilities.told(names.PROBABILITY, {}))
                metrics += [
                    seconds.told(names.STAGE, {names.STAGE_LABEL: stage}) for stage, seconds in self._stages.items()
                ]
            metrics += [
                {"type": "COUNTER", "key": names.MISSING_VALUES, "value": count, "tags": {names.COLUMN_LABEL: column}}
                for column, count in self._n_missing.items()
                if count
            ]
            metrics += self._drift
            self._start_anew()
        return metrics

    def _start_anew(self) -> None:
        self._probabilities = Histogram(PROBABILITY_BOUNDS)
        self._stages = {stage: Histogram(STAGE_BOUNDS_SECONDS) for stage in names.STAGES}
        self._n_missing = dict.fromkeys((column.name for column in _NULLABLE), 0)
        self._drift: list[ObservedMetric] = []

    def _count(self) -> None:
        """All that is noted. For the holder of the lock."""
        batches = [self._noted.popleft() for _ in range(len(self._noted))]
        self._n_rows_noted = 0
        if not batches:
            return
        self._probabilities.add(np.concatenate([batch.probabilities for batch in batches]))
        for place, seconds in enumerate(self._stages.values()):
            seconds.add(np.array([batch.stage_seconds[place] for batch in batches]))
        impressions = [batch.impressions for batch in batches if batch.impressions is not None]
        for column in _NULLABLE if impressions else ():
            self._n_missing[column.name] += _n_missing(getattr(each, column.attribute) for each in impressions)
        if self._monitor is not None:
            try:
                self._compare(self._monitor, batches)
            except Exception:  # it may be a request that counts, for all the others
                logger.exception("drift is not watched any more")
                self._monitor = None

    def _compare(self, monitor: Monitor, batches: Sequence[Batch]) -> None:
        for batch in _some([each for each in batches if each.impressions is not None]):
            if batch.impressions is not None:
                rows, probabilities = _a_row_of_each_request(batch.impressions, batch)
                self._drift += _drift_metrics(monitor.add(rows, probabilities))


def _n_missing(parts: Iterable[Categories | NDArray[np.int64]]) -> int:
    """Of the values of a column, in parts."""
    arrays: list[NDArray[Any]] = [part.codes if isinstance(part, Categories) else part for part in parts]
    values = np.concatenate(arrays)
    return int(np.count_nonzero(values == (-1 if values.dtype == np.int32 else MISSING_TIME)))


def _some(batches: Sequence[Batch]) -> Sequence[Batch]:
    """Of the batches, evenly spread, so many that about as many requests as are compared are in them."""
    n_requests = sum(len(batch.n_rows_of_requests) for batch in batches)
    return batches[:: max(1, -(-n_requests // COMPARED_AT_MOST))]


def _a_row_of_each_request(impressions: Impressions, batch: Batch) -> tuple[Impressions, NDArray[np.float32]]:
    """The first, since those beside it share its user; of so many requests as are compared."""
    sizes = batch.n_rows_of_requests[:COMPARED_AT_MOST]
    if len(sizes) == len(impressions):
        return impressions, batch.probabilities[: len(impressions)]
    first = np.cumsum([0, *sizes[:-1]])
    return impressions.take(first), batch.probabilities[first]


def _drift_metrics(reports: Iterable[WindowReport]) -> Iterable[ObservedMetric]:
    for report in reports:
        of_window = {names.WINDOW_LABEL: str(report.window)}
        yield {"type": "COUNTER", "key": names.DRIFT_WINDOWS, "value": 1, "tags": of_window}
        yield {"type": "GAUGE", "key": names.DRIFT_SAMPLE_SIZE, "value": report.n_rows, "tags": of_window}
        for column, psi in report.psi.items():
            tags = {names.COLUMN_LABEL: column, **of_window}
            yield {"type": "GAUGE", "key": names.DRIFT_PSI, "value": psi, "tags": tags}
            yield {"type": "GAUGE", "key": names.DRIFT_P_VALUE, "value": report.p_values[column], "tags": tags}
            alarms = int(column in report.drifted)
            yield {"type": "COUNTER", "key": names.DRIFT_ALARMS, "value": alarms, "tags": tags}
