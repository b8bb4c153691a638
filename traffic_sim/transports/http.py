"""REST over kept connections: as many as there are requests waiting, each used again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from traffic_sim.messages import rest
from traffic_sim.messages.answers import Malformed, Scores, from_json, reason_of, shortened
from traffic_sim.results import Status
from traffic_sim.transports.http_connections import ConnectionFailed, Connections
from traffic_sim.transports.transport import REQUEST_ID, Answer, Target

_REQUEST_ID: Final = REQUEST_ID.lower().encode()


class HttpTransport:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._connections: Connections | None = None
        self._predictions, self._feedback = (_head(target.url(what)) for what in ("predictions", "feedback"))

    def encode(self, rows: list[list[Any]], user: str | None) -> bytes:
        return rest.prediction(rows, user)

    async def __aenter__(self) -> Self:
        url = urlsplit(self._target.url("predictions"))
        # No limit on connections: a request that waited for one would hide that the target is slow. The driver's
        # `max_in_flight` is the limit, and counts what it drops.
        self._connections = Connections(url.hostname or "", url.port or 80, self._target.timeout_seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connections is not None:
            await self._connections.close()

    async def predict(self, payload: bytes, n_rows: int) -> Answer:
        return await self._post(self._predictions, payload, lambda body: from_json(body, n_rows))

    async def feedback(self, payload: bytes, answer: Answer, reward: int) -> Answer:
        body = rest.feedback(payload, answer.reply, reward, answer.request_id)
        head = self._feedback
        if answer.request_id:
            head = b"%b%b: %b\r\n" % (head, REQUEST_ID.encode(), answer.request_id.encode("latin-1"))
        return await self._post(head, body, lambda _: None)

    async def _post(self, head: bytes, body: bytes, read: Callable[[bytes], Scores | None]) -> Answer:
        if self._connections is None:
            raise RuntimeError("open the transport first, with `async with`")
        sent_at = time.monotonic()
        try:
            reply = await self._connections.ask(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
        except TimeoutError:
            return Answer(Status.TIMED_OUT, sent_at, time.monotonic(), error="no answer in time")
        except ConnectionFailed as error:
            return Answer(Status.FAILED, sent_at, time.monotonic(), error=shortened(str(error)))
        finished_at = time.monotonic()
        if reply.status != 200:
            reason = f"HTTP {reply.status}: {reason_of(reply.body)}"
            return Answer(Status.FAILED, sent_at, finished_at, error=reason)
        try:
            request_id = reply.headers.get(_REQUEST_ID, b"").decode("latin-1")
            return Answer(Status.ANSWERED, sent_at, finished_at, read(reply.body), reply.body, request_id=request_id)
        except Malformed as error:
            return Answer(Status.MALFORMED, sent_at, finished_at, error=str(error))


def _head(url: str) -> bytes:
    """Of a POST of JSON, its length and its end still to come."""
    parts = urlsplit(url)
    return f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n".encode()
