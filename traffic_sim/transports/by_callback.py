"""Any transport by callbacks: the driver's way to all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from traffic_sim.transports.transport import Answer, AwaitedTransport, Calls, OnAnswer, Transport


def by_callback(transport: Transport, on_bug: Callable[[BaseException], None]) -> Calls:
    """The transport itself where it calls back; else a task for each call. `on_bug` hears what such a task raises."""
    return transport if isinstance(transport, Calls) else _Tasks(transport, on_bug)


async def answer_of(transport: Transport, payload: Any, n_rows: int) -> Answer:
    """The answer to one prediction, for those who would rather wait."""
    if not isinstance(transport, Calls):
        return await transport.predict(payload, n_rows)
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    transport.predict_then(payload, n_rows, lambda told: None if answer.done() else answer.set_result(told))
    return await answer


class _Tasks:
    def __init__(self, transport: AwaitedTransport, on_bug: Callable[[BaseException], None]) -> None:
        self._transport = transport
        self._on_bug = on_bug
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[None]] = set()

    def predict_then(self, payload: Any, n_rows: int, on_answer: OnAnswer) -> None:
        self._spawn(self._transport.predict(payload, n_rows), on_answer)

    def feedback_then(self, payload: Any, answer: Answer, reward: int, on_answer: OnAnswer) -> None:
        self._spawn(self._transport.feedback(payload, answer, reward), on_answer)

    async def abandon(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _spawn(self, call: Coroutine[Any, Any, Answer], on_answer: OnAnswer) -> None:
        # Eager: the request is on its way before the next one is looked at, not at the loop's next turn.
        task = asyncio.Task(_told(call, on_answer), loop=self._loop, eager_start=True)
        if not task.done():
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        task.add_done_callback(self._notice_bug)

    def _notice_bug(self, task: asyncio.Task[None]) -> None:
        """Transports report failures as answers; whatever else is raised is ours."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_bug(error)


async def _told(call: Coroutine[Any, Any, Answer], on_answer: OnAnswer) -> None:
    on_answer(await call)
