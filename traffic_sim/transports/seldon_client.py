"""Seldon's own client, as a data scientist calls it: one blocking call, one new connection each, no timeout.

Every call takes a thread. A call that is given up on keeps its thread until the target answers.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from seldon_core.seldon_client import SeldonClient

from model_server.impressions import NAMES
from model_server.metric_names import USER_TAG
from traffic_sim.messages.answers import Malformed, from_message, shortened
from traffic_sim.results import Status
from traffic_sim.transports.transport import REQUEST_ID, Answer, Target

CPU_SECONDS_PER_CALL: Final = 0.002
CPU_SECONDS_PER_ROW: Final = 0.0001
"""What one call costs its process. Measured with seldon-core 1.19.0 against a server that does nothing: 2.0 ms of CPU
for 1 row of 16 columns, 2.1 for 10, 5.5 for 50, 10.5 for 100; half as much again with many threads in a process."""


class Asked(NamedTuple):
    """What the client is asked to send. Shapes: rows object[n, 16], columns in the order of NAMES."""

    rows: NDArray[np.object_]
    tags: dict[str, str]


class SeldonClientTransport:
    def __init__(self, target: Target) -> None:
        self._is_direct = target.direct
        self._timeout_seconds = target.timeout_seconds
        self._n_threads = target.threads
        self._threads: ThreadPoolExecutor | None = None
        self._client = SeldonClient(
            deployment_name=target.deployment,
            namespace=target.namespace,
            gateway_endpoint=target.gateway,
            gateway="seldon" if target.direct else "ambassador",
            payload_type="ndarray",
        )

    def encode(self, rows: list[list[Any]], user: str | None) -> Asked:
        return Asked(np.array(rows, dtype=object), {} if user is None else {USER_TAG: user})

    async def __aenter__(self) -> Self:
        self._threads = ThreadPoolExecutor(self._n_threads, thread_name_prefix="seldon-client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def predict(self, payload: Asked, n_rows: int) -> Answer:
        # The client keeps the answer's headers to itself, so the id is made here. It sends none to a lone component.
        request_id = "" if self._is_direct else str(uuid.uuid4())
        headers = {REQUEST_ID: request_id} if request_id else None
        answer = await self._in_thread(
            lambda: self._client.predict(data=payload.rows, names=NAMES, meta=payload.tags, headers=headers), n_rows
        )
        return answer._replace(request_id=request_id)

    async def feedback(self, payload: Asked, answer: Answer, reward: int) -> Answer:
        # The client cannot build a Feedback message from a response that carries tags, so it gets the JSON form.
        meta = {"meta": {"tags": payload.tags}} if payload.tags else {}
        request = {**meta, "data": {"names": list(NAMES), "ndarray": payload.rows.tolist()}}
        response = answer.reply
        if answer.request_id:
            meta_told = response.get("meta") or {}
            response = {**response, "meta": {**meta_told, "puid": meta_told.get("puid") or answer.request_id}}
        message = {"request": request, "response": response, "reward": reward}
        return await self._in_thread(lambda: self._client.feedback(raw_request=message), None)

    async def _in_thread(self, call: Callable[[], Any], n_rows: int | None) -> Answer:
        if self._threads is None:
            raise RuntimeError("open the transport first, with `async with`")
        loop, sent = asyncio.get_running_loop(), asyncio.Event()
        sent_at = math.nan  # until a thread is free

        def work() -> Answer:
            nonlocal sent_at
            sent_at = time.monotonic()
            loop.call_soon_threadsafe(sent.set)
            return _called(call, n_rows, sent_at)

        future = self._threads.submit(work)
        try:
            await asyncio.wait_for(sent.wait(), self._timeout_seconds)
        except TimeoutError:
            future.cancel()
            if math.isnan(sent_at):
                return Answer.never_sent(time.monotonic(), "every client thread was busy")
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_seconds)
        except TimeoutError:
            return Answer(Status.TIMED_OUT, sent_at, time.monotonic(), error="no answer in time")


def _called(call: Callable[[], Any], n_rows: int | None, sent_at: float) -> Answer:
    try:
        result = call()
    except Exception as error:  # noqa: BLE001  # whatever the client raises, the run goes on
        reason = shortened(f"{type(error).__name__}: {error}")
        return Answer(Status.FAILED, sent_at, time.monotonic(), error=reason)
    finished_at = time.monotonic()
    if not result.success:
        return Answer(Status.FAILED, sent_at, finished_at, error=shortened(f"HTTP {result.msg}"))
    try:
        scores = None if n_rows is None else from_message(result.response, n_rows)
    except Malformed as error:
        return Answer(Status.MALFORMED, sent_at, finished_at, error=str(error))
    return Answer(Status.ANSWERED, sent_at, finished_at, scores, result.response)
