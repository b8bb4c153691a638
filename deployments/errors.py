"""What can go wrong in the control plane, and whose fault it is.

`CallersFault` is mended by whoever wrote the overlay or typed the command (exit code 2); `OursToMend` by whoever runs
the machine (exit code 1). Neither is raised itself.
"""

from __future__ import annotations

from typing import ClassVar


class DeploymentsError(Exception):
    """Base of every error of this package; never raised itself."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        if type(self) in {DeploymentsError, CallersFault, OursToMend}:
            raise NotImplementedError(f"{type(self).__name__} is abstract; raise one of its children")
        super().__init__(message)
        self.message = message


class CallersFault(DeploymentsError):
    """The overlay or the command is wrong; the message says what was seen, where, and what is accepted."""

    exit_code: ClassVar[int] = 2


class OursToMend(DeploymentsError):
    """The input is fine; a program, a port or the machine is not."""
