"""When a program that ended is started again. Pure.

The first restart comes at once, for most ends are accidents; from then on the wait doubles, for what fails again and
again is broken and only burns the machine. A program that ran for a minute has proved itself: its count begins anew.
Source: the kubelet's CrashLoopBackOff, with shorter steps, for here a person is watching.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
STABLE_AFTER_SECONDS = 60.0


@dataclass(frozen=True)
class Restarts:
    """How often a program failed in a row, and how often it was restarted in all."""

    in_a_row: int = 0
    total: int = 0

    def after_run(self, ran_seconds: float) -> Restarts:
        """What stands after a run of that length ended."""
        in_a_row = 1 if ran_seconds >= STABLE_AFTER_SECONDS else self.in_a_row + 1
        return Restarts(in_a_row, self.total + 1)

    def wait_seconds(self) -> float:
        """How long to wait before the next start: 0, then 1, 2, 4 ... and at most 30 seconds."""
        if self.in_a_row <= 1:
            return 0.0
        doublings = min(self.in_a_row - 2, 10)  # 2**10 is beyond the cap already, and a float has its limits
        return float(min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**doublings))
