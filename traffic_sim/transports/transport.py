"""What every transport promises, and what it brings back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self, runtime_checkable

from traffic_sim.messages.answers import Scores
from traffic_sim.results import Status

REQUEST_ID: Final = "Seldon-Puid"
"""The header, over gRPC the metadata, with the id of a request: made by the gateway or the graph server, told back."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a deployment is reached, and how long to wait for it."""

    gateway: str
    """host:port"""
    namespace: str
    deployment: str
    timeout_seconds: float
    """From when a request is given to the transport to the last byte of the answer."""
    direct: bool = False
    """True: the address is a component itself, and paths have no /seldon/NAMESPACE/DEPLOYMENT before them."""
    max_in_flight: int = 2_000
    max_connections: int = 256
    """Kept connections of a transport that has one request at a time on each."""
    threads: int = 32
    """Calls at once of a transport that blocks a thread for each."""

    def url(self, what: str) -> str:
        prefix = "" if self.direct else f"/seldon/{self.namespace}/{self.deployment}"
        return f"http://{self.gateway}{prefix}/api/v1.0/{what}"

    def __str__(self) -> str:
        return self.gateway if self.direct else f"{self.gateway}/seldon/{self.namespace}/{self.deployment}"


class Answer(NamedTuple):
    """What came of one call. Times in seconds of `time.monotonic()`; NaN for what never happened.

    A tuple, as are results: thousands a second are made, in a third of the time that a frozen dataclass takes.
    """

    status: Status
    sent_at: float
    finished_at: float
    scores: Scores | None = None
    """Of an answered prediction."""
    reply: Any = None
    """The answer as it came, for the feedback on it."""
    error: str = ""
    request_id: str = ""
    """The `Seldon-Puid` that the answer came with; "" where none is known."""
    waited_seconds: float = 0.0
    """Before it was sent: for a connection that was free. NaN where none was."""

    @classmethod
    def never_sent(cls, finished_at: float, error: str) -> Answer:
        return cls(Status.UNSENT, math.nan, finished_at, error=error)


type OnAnswer = Callable[[Answer], None]


class _Opened(Protocol):
    """Opened once (`async with`) in the process and event loop that use it."""

    def encode(self, rows: list[list[Any]], user: str | None) -> Any:
        """The payload of one request, about `user` if there is one; needs no connection."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class AwaitedTransport(_Opened, Protocol):
    """One whose calls are coroutines: each takes a task (`by_callback`)."""

    async def predict(self, payload: Any, n_rows: int) -> Answer: ...

    async def feedback(self, payload: Any, answer: Answer, reward: int) -> Answer:
        """Say what came of an answer: the request and the reply as they were, and the id by which both are known."""
        ...


@runtime_checkable
class Calls(Protocol):
    """Calls that return at once; `on_answer` is called when the answer is in, once, unless it was given up."""

    def predict_then(self, payload: Any, n_rows: int, on_answer: OnAnswer) -> None: ...

    def feedback_then(self, payload: Any, answer: Answer, reward: int, on_answer: OnAnswer) -> None:
        """As `AwaitedTransport.feedback`."""
        ...

    async def abandon(self) -> None:
        """Give up whatever is not answered yet."""
        ...


class CallbackTransport(_Opened, Calls, Protocol):
    """One that needs no task for a call."""


type Transport = AwaitedTransport | CallbackTransport
