"""A run second by second: what left and what came back in each. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from traffic_sim.results import Prediction, Status


@dataclass
class Second:
    planned: int = 0
    sent: int = 0
    answered: int = 0
    errors: int = 0
    latencies_seconds: list[float] = field(default_factory=list)
    """From the planned send, of the good answers that came in this second."""

    lags_seconds: list[float] = field(default_factory=list)
    """From the planned to the real send, of the requests that left in this second."""

    def latency_p99_milliseconds(self) -> float | None:
        return _p99_milliseconds(self.latencies_seconds)

    def lag_p99_milliseconds(self) -> float | None:
        return _p99_milliseconds(self.lags_seconds)


def _p99_milliseconds(seconds: list[float]) -> float | None:
    return float(np.percentile(seconds, 99)) * 1_000 if seconds else None


class Series:
    def __init__(self) -> None:
        self._seconds: defaultdict[int, Second] = defaultdict(Second)

    def at(self, second: int) -> Second:
        return self._seconds.get(second, Second())

    def add(self, result: Prediction) -> None:
        self._of(result.planned_at).planned += 1
        if not math.isnan(result.sent_at):
            left = self._of(result.sent_at)
            left.sent += 1
            left.lags_seconds.append(result.sent_at - result.planned_at)
        if result.status is Status.ANSWERED:
            came_in = self._of(result.finished_at)
            came_in.answered += 1
            came_in.latencies_seconds.append(result.finished_at - result.planned_at)
        elif result.status.is_error:
            self._of(result.finished_at).errors += 1

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

    def _of(self, moment: float) -> Second:
        return self._seconds[max(0, math.floor(moment))]
