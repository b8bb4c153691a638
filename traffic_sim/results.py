"""What became of each request: the records that a run leaves. Pure.

All times are in seconds since the start of the run; NaN where it never happened.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, NamedTuple

UNKNOWN_PREDICTOR: Final = "unknown"
"""Stands for the predictor of an answer that carries neither `meta.tags.arm` nor `meta.tags.predictor`, and of a
request without answer."""


class Status(StrEnum):
    ANSWERED = "answered"
    """With a probability for each row."""
    FAILED = "failed"
    """Refused, broken off, or answered with an error."""
    MALFORMED = "malformed"
    """Answered as if all were well, but not with a probability for each row."""
    TIMED_OUT = "timed_out"
    ABANDONED = "abandoned"
    """Sent, but the run was interrupted before its answer came."""
    DROPPED = "dropped"
    """Not sent: `max_in_flight` others were waiting for their answers, or no connection was free in time."""
    UNSENT = "unsent"
    """Not sent: the generator had no time to, within the run."""

    @property
    def was_sent(self) -> bool:
        return self not in {Status.DROPPED, Status.UNSENT}

    @property
    def is_error(self) -> bool:
        return self in {Status.FAILED, Status.MALFORMED, Status.TIMED_OUT}


class Prediction(NamedTuple):
    """What became of one prediction request."""

    planned_at: float
    sent_at: float
    finished_at: float
    status: Status
    n_rows: int
    predictor: str = UNKNOWN_PREDICTOR
    """Who answered: an arm, where a router in the graph chose one."""
    score_sum: float = math.nan
    """Sum of the answer's probabilities."""
    reward: int | None = None
    """1 if the best-scored ad was installed, 0 if not; None if unknown."""
    error: str = ""
    user: int | None = None
    """Whom it was about; None where requests name nobody."""
    waited_seconds: float = 0.0
    """Of the time between plan and send: for a connection that was free. The target's doing, not the generator's."""


class Feedback(NamedTuple):
    """What became of one feedback message."""

    sent_at: float
    finished_at: float
    status: Status
    reward: int
    predictor: str = UNKNOWN_PREDICTOR
    """The one that answered the prediction, which need not be the one that took the feedback."""
    error: str = ""
