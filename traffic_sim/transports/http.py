"""REST over kept connections: as many as there are requests waiting, each used again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

from traffic_sim.messages import rest
from traffic_sim.messages.answers import Malformed, Scores, from_json, reason_of, shortened
from traffic_sim.results import Status
from traffic_sim.transports.transport import REQUEST_ID, Answer, Target


class HttpTransport:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._session: aiohttp.ClientSession | None = None
        self._predictions, self._feedback = target.url("predictions"), target.url("feedback")

    def encode(self, rows: list[list[Any]], user: str | None) -> bytes:
        return rest.prediction(rows, user)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # No limit here: a request that waited for a connection would hide that the target is slow. The driver's
            # `max_in_flight` is the limit, and counts what it drops.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._target.timeout_seconds),
            headers={"Content-Type": "application/json"},
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def predict(self, payload: bytes, n_rows: int) -> Answer:
        return await self._post(self._predictions, payload, lambda body: from_json(body, n_rows))

    async def feedback(self, payload: bytes, answer: Answer, reward: int) -> Answer:
        body = rest.feedback(payload, answer.reply, reward, answer.request_id)
        headers = {REQUEST_ID: answer.request_id} if answer.request_id else None
        return await self._post(self._feedback, body, lambda _: None, headers)

    async def _post(
        self,
        url: str,
        body: bytes,
        read: Callable[[bytes], Scores | None],
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("open the transport first, with `async with`")
        sent_at = time.monotonic()
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                reply = await response.read()
        except TimeoutError:
            return Answer(Status.TIMED_OUT, sent_at, time.monotonic(), error="no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            reason = shortened(f"{type(error).__name__}: {error}")
            return Answer(Status.FAILED, sent_at, time.monotonic(), error=reason)
        finished_at = time.monotonic()
        if response.status != 200:
            reason = f"HTTP {response.status}: {reason_of(reply)}"
            return Answer(Status.FAILED, sent_at, finished_at, error=reason)
        try:
            request_id = response.headers.get(REQUEST_ID, "")
            return Answer(Status.ANSWERED, sent_at, finished_at, read(reply), reply, request_id=request_id)
        except Malformed as error:
            return Answer(Status.MALFORMED, sent_at, finished_at, error=str(error))
