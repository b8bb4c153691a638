"""When a worker that ended starts again: soon, and ever later while those that are started do not live. Pure."""

from __future__ import annotations

from typing import Final

FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 10.0
"""Between the end of a worker that does not live and the next start; doubled each time."""
STEADY_SECONDS: Final = 10.0
"""A worker that lived so long has shown that it can."""


class Restarts:
    """Of the places of workers, which are numbered. Times are of one monotonic clock."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int]] = []
        self._wait_seconds = FIRST_WAIT_SECONDS

    def ended(self, place: int, lived_seconds: float, now: float) -> float:
        """The worker of a place has ended, or could not start; in how many seconds another is due there."""
        is_steady = lived_seconds >= STEADY_SECONDS
        self._wait_seconds = FIRST_WAIT_SECONDS if is_steady else min(self._wait_seconds * 2, LONGEST_WAIT_SECONDS)
        self._due = sorted([*self._due, (now + self._wait_seconds, place)])
        return self._wait_seconds

    def take_due(self, now: float) -> list[int]:
        """The places whose time has come; they are told once."""
        places = [place for moment, place in self._due if moment <= now]
        self._due = [(moment, place) for moment, place in self._due if moment > now]
        return places

    def seconds_to_next(self, now: float) -> float | None:
        return max(0.0, self._due[0][0] - now) if self._due else None
