"""Results side by side, so that hundreds are counted at a time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from traffic_sim.results import Prediction, Status

type Floats = NDArray[np.float64]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Columns:
    """n predictions. Shapes: every array [n]; times in seconds, NaN where it never happened."""

    planned_at: Floats
    sent_at: Floats
    finished_at: Floats
    statuses: Sequence[Status]
    n_rows: NDArray[np.int64]
    predictors: Sequence[str]
    score_sum: Floats
    reward: Floats
    """NaN where it is unknown."""
    errors: Sequence[str]
    users: Sequence[int | None]
    waited: Floats

    @classmethod
    def of(cls, results: Sequence[Prediction]) -> Self:
        planned_at, sent_at, finished_at, statuses, n_rows, predictors, score_sum, reward, errors, users, waited = zip(
            *results, strict=True
        )
        return cls(
            np.array(planned_at),
            np.array(sent_at),
            np.array(finished_at),
            statuses,
            np.array(n_rows),
            predictors,
            np.array(score_sum),
            np.array(reward, dtype=np.float64),
            errors,
            users,
            np.array(waited),
        )

    def __len__(self) -> int:
        return len(self.statuses)

    def having(self, status: Status) -> Mask:
        return np.fromiter((each is status for each in self.statuses), np.bool_, len(self))

    @cached_property
    def answered(self) -> Mask:
        return self.having(Status.ANSWERED)

    @cached_property
    def failed(self) -> Mask:
        if self.answered.all():
            return ~self.answered
        return np.fromiter((each.is_error for each in self.statuses), np.bool_, len(self))

    @cached_property
    def left(self) -> Mask:
        """Whether it is known when it was sent."""
        return ~np.isnan(self.sent_at)

    @cached_property
    def latency(self) -> Floats:
        """From the plan to the end."""
        return self.finished_at - self.planned_at

    @cached_property
    def service(self) -> Floats:
        """From the send to the end."""
        return self.finished_at - self.sent_at

    @cached_property
    def lag(self) -> Floats:
        """From the plan until it was ready to leave: the generator's own."""
        return self.sent_at - self.waited - self.planned_at

    @cached_property
    def lateness(self) -> Floats:
        """From the plan to the send, whoever was to blame."""
        return self.sent_at - self.planned_at
