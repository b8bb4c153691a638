"""What can go wrong in the data plane, and whose fault it is.

`CallersFault` is mended by whoever sent the input (HTTP 400, exit code 2); `OursToMend` by whoever runs the
server (HTTP 500, exit code 1). `ComeBackLater` is ours too, and is over soon (HTTP 503). None is raised itself.
"""

from __future__ import annotations

from typing import ClassVar


class ModelServerError(Exception):
    """Base of every error of this package; never raised itself."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        if type(self) in {ModelServerError, CallersFault, OursToMend, ComeBackLater}:
            raise NotImplementedError(f"{type(self).__name__} is abstract; raise one of its children")
        super().__init__(message)
        self.message = message


class CallersFault(ModelServerError):
    """The input is wrong; the message says what was seen, where, and what is accepted."""

    exit_code: ClassVar[int] = 2
    http_status: ClassVar[int] = 400


class OursToMend(ModelServerError):
    """The input is fine; an artifact, a setting or the machine is not."""

    http_status: ClassVar[int] = 500


class ComeBackLater(OursToMend):
    """The input is fine, and would be taken if it were sent again in a moment; nothing of it was."""

    http_status: ClassVar[int] = 503
