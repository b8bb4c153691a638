"""A run second by second: what left and what came back in each. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic_sim.columns import Columns

type Seconds = NDArray[np.float64]


@dataclass
class Second:
    planned: int = 0
    sent: int = 0
    answered: int = 0
    errors: int = 0
    latencies_seconds: list[Seconds] = field(default_factory=list)
    """From the planned send, of the good answers that came in this second."""

    lags_seconds: list[Seconds] = field(default_factory=list)
    """From the planned send to when it was ready to leave, of the requests that left in this second."""

    def latency_p99_milliseconds(self) -> float | None:
        return _p99_milliseconds(self.latencies_seconds)

    def lag_p99_milliseconds(self) -> float | None:
        return _p99_milliseconds(self.lags_seconds)


def _p99_milliseconds(seconds: list[Seconds]) -> float | None:
    return float(np.percentile(np.concatenate(seconds), 99)) * 1_000 if seconds else None


class Series:
    def __init__(self) -> None:
        self._seconds: defaultdict[int, Second] = defaultdict(Second)

    def at(self, second: int) -> Second:
        return self._seconds.get(second, Second())

    def add(self, results: Columns) -> None:
        everything = np.ones(len(results), dtype=np.bool_)
        for second, mine in self._by_second(results.planned_at, everything):
            second.planned += int(mine.sum())
        for second, mine in self._by_second(results.sent_at, results.left):
            second.sent += int(mine.sum())
            second.lags_seconds.append(results.lag[mine])
        for second, mine in self._by_second(results.finished_at, results.answered):
            second.answered += int(mine.sum())
            second.latencies_seconds.append(results.latency[mine])
        for second, mine in self._by_second(results.finished_at, results.failed):
            second.errors += int(mine.sum())

    def close(self) -> list[dict[str, Any]]:
        """One mapping a second, without gaps, from the first second of the run on."""
        return [
            {
                "second": i,
                "planned": second.planned,
                "sent": second.sent,
                "answered": second.answered,
                "errors": second.errors,
                "latency_p99_milliseconds": second.latency_p99_milliseconds(),
                "lag_p99_milliseconds": second.lag_p99_milliseconds(),
            }
            for i in range(max(self._seconds, default=-1) + 1)
            for second in (self.at(i),)
        ]

    def _by_second(self, moments: Seconds, chosen: NDArray[np.bool_]) -> Iterator[tuple[Second, NDArray[np.bool_]]]:
        """Each second in which one of the chosen moments lies, and which of them do."""
        if not chosen.any():
            return
        seconds = np.where(chosen, np.maximum(np.floor(moments), 0), -1)
        for second in set(seconds[chosen].tolist()):
            yield self._seconds[int(second)], seconds == second
