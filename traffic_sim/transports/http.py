"""REST over kept connections, each used again and again, by callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from traffic_sim.messages import rest
from traffic_sim.messages.answers import Malformed, from_json, reason_of, shortened
from traffic_sim.results import Status
from traffic_sim.transports.http_connections import Connections, End, Exchange
from traffic_sim.transports.transport import REQUEST_ID, Answer, OnAnswer, Target

_REQUEST_ID: Final = REQUEST_ID.lower().encode()
_STATUS: Final = {End.FAILED: Status.FAILED, End.TIMED_OUT: Status.TIMED_OUT, End.NEVER_SENT: Status.DROPPED}


class HttpTransport:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._connections: Connections | None = None
        self._predictions, self._feedback = (_head(target.url(what)) for what in ("predictions", "feedback"))

    def encode(self, rows: list[list[Any]], user: str | None) -> bytes:
        """The whole request, head and all."""
        return _request(self._predictions, rest.prediction(rows, user))

    async def __aenter__(self) -> Self:
        url = urlsplit(self._target.url("predictions"))
        self._connections = Connections(
            url.hostname or "",
            url.port or 80,
            at_most=self._target.max_connections,
            timeout_seconds=self._target.timeout_seconds,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connections is not None:
            await self._connections.close()

    def predict_then(self, payload: bytes, n_rows: int, on_answer: OnAnswer) -> None:
        self._ask(payload, n_rows, on_answer)

    def feedback_then(self, payload: bytes, answer: Answer, reward: int, on_answer: OnAnswer) -> None:
        asked = payload[payload.index(b"\r\n\r\n") + 4 :]
        head = self._feedback
        if answer.request_id:
            head = b"%b%b: %b\r\n" % (head, REQUEST_ID.encode(), answer.request_id.encode("latin-1"))
        self._ask(_request(head, rest.feedback(asked, answer.reply, reward, answer.request_id)), None, on_answer)

    async def abandon(self) -> None:
        """Nothing runs that would have to be ended: connections close with the transport."""

    def _ask(self, request: bytes, n_rows: int | None, on_answer: OnAnswer) -> None:
        if self._connections is None:
            raise RuntimeError("open the transport first, with `async with`")
        self._connections.ask(request, partial(_tell, n_rows, on_answer))


def _tell(n_rows: int | None, on_answer: OnAnswer, exchange: Exchange) -> None:
    on_answer(_answer(n_rows, exchange))


def _answer(n_rows: int | None, exchange: Exchange) -> Answer:
    """`n_rows`: of a prediction; None for feedback, whose answer says nothing."""
    sent_at, finished_at = exchange.sent_at, exchange.finished_at
    waited_seconds = sent_at - exchange.asked_at
    if exchange.end is not End.ANSWERED:
        status = _STATUS[exchange.end] if exchange.end is not None else Status.FAILED
        reason = shortened(exchange.problem)
        return Answer(status, sent_at, finished_at, error=reason, waited_seconds=waited_seconds)
    if exchange.status != 200:
        reason = f"HTTP {exchange.status}: {reason_of(exchange.body)}"
        return Answer(Status.FAILED, sent_at, finished_at, error=reason, waited_seconds=waited_seconds)
    try:
        scores = None if n_rows is None else from_json(exchange.body, n_rows)
    except Malformed as error:
        return Answer(Status.MALFORMED, sent_at, finished_at, error=str(error), waited_seconds=waited_seconds)
    request_id = (exchange.headers.get(_REQUEST_ID) or _in_any_case(exchange.headers)).decode("latin-1")
    return Answer(Status.ANSWERED, sent_at, finished_at, scores, exchange.body, "", request_id, waited_seconds)


def _in_any_case(headers: Mapping[bytes, bytes]) -> bytes:
    return next((value for name, value in headers.items() if name.lower() == _REQUEST_ID), b"")


def _head(url: str) -> bytes:
    """Of a POST of JSON, its length and its end still to come."""
    parts = urlsplit(url)
    return f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n".encode()


def _request(head: bytes, body: bytes) -> bytes:
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
