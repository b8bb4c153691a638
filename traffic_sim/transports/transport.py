"""What every transport promises, and what it brings back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

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
    """From the real send to the last byte of the answer."""
    direct: bool = False
    """True: the address is a component itself, and paths have no /seldon/NAMESPACE/DEPLOYMENT before them."""
    max_in_flight: int = 2_000
    threads: int = 32
    """Calls at once of a transport that blocks a thread for each."""

    def url(self, what: str) -> str:
        prefix = "" if self.direct else f"/seldon/{self.namespace}/{self.deployment}"
        return f"http://{self.gateway}{prefix}/api/v1.0/{what}"

    def __str__(self) -> str:
        return self.gateway if self.direct else f"{self.gateway}/seldon/{self.namespace}/{self.deployment}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call. Times in seconds of `time.monotonic()`; NaN for what never happened."""

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

    @classmethod
    def never_sent(cls, finished_at: float, error: str) -> Answer:
        return cls(Status.UNSENT, math.nan, finished_at, error=error)


class Transport(Protocol):
    """Opened once (`async with`) in the process and event loop that use it."""

    def encode(self, rows: list[list[Any]], user: str | None) -> Any:
        """The payload of one request, about `user` if there is one; needs no connection."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def predict(self, payload: Any, n_rows: int) -> Answer: ...

    async def feedback(self, payload: Any, answer: Answer, reward: int) -> Answer:
        """Say what came of an answer: the request and the reply as they were, and the id by which both are known."""
        ...
