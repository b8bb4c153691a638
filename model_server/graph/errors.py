"""What goes wrong in a graph, and how each door says so: an HTTP status with a Seldon status object, a gRPC code.

`code` is the name of a gRPC status code. Source of the two shapes of a status: Seldon's executor (`status: FAILURE`)
and Seldon's Python wrapper (`status: 1, code: -1`); an error passes through the graph as its first teller told it.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from model_server.errors import ModelServerError

WRAPPER_BAD_DATA = "MICROSERVICE_BAD_DATA"
WRAPPER_INTERNAL_ERROR = "MICROSERVICE_INTERNAL_ERROR"
WRAPPER_UNAVAILABLE = "MICROSERVICE_UNAVAILABLE"
"""Ours, not Seldon's: a class whose `ComeBackLater` was raised."""
MAX_DETAILS_BYTES = 2_000
"""Of the text beside a gRPC code. It travels as a header, a byte beyond ASCII as three, and clients refuse 8 KiB."""


def fitting(details: str) -> str:
    """As much of it as fits beside a gRPC code."""
    return details.encode(errors="replace")[:MAX_DETAILS_BYTES].decode(errors="ignore")


class GraphError(ModelServerError):
    """Base of every error that ends a request; raised by its children only."""

    http_status: int = 500
    code: str = "UNKNOWN"
    retry_after_seconds: ClassVar[int | None] = None
    reason: ClassVar[str | None] = None
    """Set where the server itself refuses: the label under which the refusal is counted."""

    def status(self) -> dict[str, Any]:
        """The Seldon status object, as the executor writes it."""
        return {"code": self.http_status, "info": self.message, "status": "FAILURE"}

    def body(self) -> bytes:
        return json.dumps({"status": self.status()}).encode()

    def details(self) -> str:
        """The text that goes with the gRPC code."""
        return fitting(self.message)


class WrapperError(GraphError):
    """A component's own refusal or failure, in the words of Seldon's wrapper."""

    def __init__(
        self,
        message: str,
        *,
        http_status: int = 400,
        reason: str = WRAPPER_BAD_DATA,
        status: dict[str, Any] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code or ("INVALID_ARGUMENT" if 400 <= http_status < 500 else "UNKNOWN")
        self._status = status or {"status": 1, "info": message, "code": -1, "reason": reason}

    def status(self) -> dict[str, Any]:
        return self._status

    def details(self) -> str:
        # grpcio's own words for an exception in a servicer, which is what a caller of the stock wrapper sees.
        is_plain = self.code in {"INVALID_ARGUMENT", "UNAVAILABLE"}
        return fitting(self.message if is_plain else f"Exception calling application: {self.message}")


class MessageRefused(WrapperError):
    """A component can make nothing of a message, where Seldon's wrapper fails with 500: the fault of who made it."""

    def made_by_a_component(self) -> WrapperError:
        """As it is told where that was another component, which no client can mend."""
        return WrapperError(self.message, http_status=500, reason=WRAPPER_INTERNAL_ERROR)


class ComponentAnsweredWithError(GraphError):
    """A component did not answer with 200: one elsewhere, or one here whose answer says so; it goes on unchanged."""

    def __init__(
        self, message: str, *, http_status: int = 500, body: bytes | None = None, code: str = "UNKNOWN"
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code
        self._body = body

    def body(self) -> bytes:
        return super().body() if self._body is None else self._body


class RouterFailed(GraphError):
    """The router answered a /route call with an error. The executor keeps its code and replaces its words."""

    def __init__(self, message: str, *, http_status: int) -> None:
        super().__init__(message)
        self.http_status = http_status

    @classmethod
    def of(cls, url: str, http_status: int) -> RouterFailed:
        """In the executor's words."""
        text = f"Internal service call from executor failed calling {url} status code {http_status}"
        return cls(text, http_status=http_status)

    def status(self) -> dict[str, Any]:
        return {"code": 500, "info": self.message, "status": "FAILURE"}


class ComponentUnreachable(GraphError):
    """Nothing answers at the component's address."""

    code = "UNAVAILABLE"


class ComponentTimedOut(GraphError):
    """The component did not answer in time."""

    code = "DEADLINE_EXCEEDED"


class NoSuchBranch(GraphError):
    """A router chose a branch that its node does not have, or none at all."""

    code = "INTERNAL"


class NoSuchRouting(GraphError):
    """Feedback names a branch that does not exist."""

    http_status = 400
    code = "INVALID_ARGUMENT"


class NoSuchNode(GraphError):
    """A status or metadata call names a node that the graph does not have."""


class MessageUnreadable(GraphError):
    """The body, or the gRPC message, is none."""

    http_status = 400
    code = "INVALID_ARGUMENT"


class TooLarge(GraphError):
    """More bytes or rows than this server takes in one request."""

    http_status = 413
    code = "RESOURCE_EXHAUSTED"
    reason = "too_large"


class QueueFull(GraphError):
    """As many requests wait as this server lets wait."""

    http_status = 429
    code = "RESOURCE_EXHAUSTED"
    retry_after_seconds = 1
    reason = "queue_full"


class ComponentStuck(GraphError):
    """A component has not come back from a call that timed out; this worker is about to be replaced."""

    http_status = 503
    code = "UNAVAILABLE"
    retry_after_seconds = 1
    reason = "component_stuck"


class ClientGone(GraphError):
    """The client left before its request was complete; nobody is there to be answered."""

    http_status = 499  # nginx's number for it, which nobody sees but the log
    code = "CANCELLED"


class InvalidLimits(ModelServerError):
    """What a client may take is not said in numbers that can be kept; nothing starts."""

    exit_code: ClassVar[int] = 2


class InvalidPredictor(ModelServerError):
    """What should be served is not described well enough; nothing starts."""

    exit_code: ClassVar[int] = 2


class ComponentBroken(ModelServerError):
    """A component could not be made or loaded; nothing starts."""

    exit_code: ClassVar[int] = 1
