"""What both doors do with every request: let it in or not, know its id, count it, and turn its errors into words."""

from __future__ import annotations

import logging
import os
import random
import re
import time
from typing import Final

from model_server.graph.errors import GraphError, QueueFull
from model_server.graph.settings import Limits
from model_server.graph.telemetry import Telemetry

logger = logging.getLogger(__name__)

PUID_HEADER: Final = "seldon-puid"
SKIP_LOGGING_HEADER: Final = "seldon-skip-logging"
_random: Final = random.Random()  # noqa: S311 -- an id is to be unlike others, not secret
os.register_at_fork(after_in_child=_random.seed)  # else all workers would give the same ids
_PUID = re.compile(r"[!-~][ -~]{0,199}")


class InternalError(GraphError):
    """Something of ours broke. The log knows more."""


class Reception:
    """Of one worker: how many requests it has, and whether it takes more."""

    def __init__(self, telemetry: Telemetry, limits: Limits) -> None:
        self.telemetry = telemetry
        self.limits = limits
        self.in_flight = 0
        self.is_draining = False

    def admit(self) -> None:
        """A request comes in; whoever calls this tells when it is `gone`. Errors: QueueFull."""
        if self.in_flight >= self.limits.max_requests_waiting:
            raise QueueFull(
                f"{self.in_flight} requests are being answered, as many as this server takes; try again in a second"
            )
        self.in_flight += 1
        self.telemetry.in_flight(1)

    def gone(self) -> None:
        self.in_flight -= 1
        self.telemetry.in_flight(-1)

    def failed(self, error: BaseException, puid: str) -> GraphError:
        """The error in the words that the caller may see; the log and the counters get theirs."""
        if not isinstance(error, GraphError):
            logger.error("a request broke the server's own code", exc_info=error, extra={"request_id": puid})
            return InternalError(f"an error of the server itself; its log tells more under the request id {puid}")
        if error.reason is not None:
            self.telemetry.refused(error.reason)
        level = logging.INFO if error.http_status < 500 else logging.ERROR
        cause = error.__cause__ if error.http_status >= 500 else None
        logger.log(level, "%d: %s", error.http_status, error.message, exc_info=cause, extra={"request_id": puid})
        return error


def request_id(given: str | None) -> str:
    """The client's, where it is one that can be sent on in a header; else a new one."""
    return given if given and _PUID.fullmatch(given) else _random_uuid()


def _random_uuid() -> str:
    """As uuid4 gives it. Not by it: it asks the kernel, and lets another thread in; 6 % of a busy loop's time."""
    digits = f"{_random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def asks_not_to_be_logged(value: str | None) -> bool:
    return value is not None and value.lower() in {"true", "on", "1"}


def since(began: float) -> float:
    """Seconds since a moment of `time.perf_counter`."""
    return time.perf_counter() - began
