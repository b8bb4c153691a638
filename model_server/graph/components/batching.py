"""Adaptive batching: one call for whatever has arrived while the last call ran. No fixed wait; bounded by rows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from model_server.graph.messages import Message

type Answers = list[Message | BaseException]
type AnswerMany = Callable[[Sequence[Message]], Answers]
"""As many answers as messages, in their order; an error is that caller's alone."""
type Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function where it may block, outside the event loop."""


class _Asked:
    __slots__ = ("held",)

    def __init__(self, message: Message, future: asyncio.Future[Message]) -> None:
        self.held: tuple[Message, asyncio.Future[Message]] | None = message, future
        """None once nobody waits for an answer any more: a message may be large, and its turn far."""


class _Deadlines:
    """Of those that wait equally long, and so in the order of their coming: one timer for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop, self._seconds = loop, seconds
        self._waiting: deque[tuple[float, _Asked]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, asked: _Asked) -> None:
        waiting = self._waiting
        while waiting and waiting[0][1].held is None:
            waiting.popleft()
        waiting.append((self._loop.time() + self._seconds, asked))
        if self._timer is None:
            self._timer = self._loop.call_at(waiting[0][0], self._ring)

    def _ring(self) -> None:
        now = self._loop.time()
        while self._waiting and (self._waiting[0][1].held is None or self._waiting[0][0] <= now):
            held = self._waiting.popleft()[1].held
            if held is not None:
                _settle(held[1], TimeoutError())
        self._timer = self._loop.call_at(self._waiting[0][0], self._ring) if self._waiting else None


class Batcher:
    """Of one component and verb. Lives in one event loop; one call at a time is under way."""

    def __init__(
        self,
        answer_many: AnswerMany,
        rows_of: Callable[[Message], int],
        run: Run,
        *,
        max_rows: int,
        on_batch: Callable[[int, int], None],
    ) -> None:
        """`on_batch` is told the rows and the requests of each call."""
        self._answer_many = answer_many
        self._rows_of = rows_of
        self._run = run
        self._max_rows = max_rows
        self._on_batch = on_batch
        self._waiting: deque[_Asked] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._deadlines: dict[float, _Deadlines] = {}

    async def answer(self, message: Message, timeout_seconds: float | None = None) -> Message:
        """The message's own answer, or its own error. Whoever stops waiting is left out if its turn has not come.

        Errors: TimeoutError.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Message] = loop.create_future()
        asked = _Asked(message, future)
        self._waiting.append(asked)
        if timeout_seconds is not None:
            deadlines = self._deadlines.get(timeout_seconds)
            if deadlines is None:
                deadlines = self._deadlines[timeout_seconds] = _Deadlines(loop, timeout_seconds)
            deadlines.add(asked)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        try:
            return await future
        finally:
            asked.held = None

    async def _serve(self) -> None:
        try:
            while self._waiting:
                taken: list[asyncio.Future[Message]] = []
                try:
                    answers, rows = await self._run(partial(self._one_batch, taken))
                except Exception as error:  # noqa: BLE001 -- nobody may wait for ever for the others' sake
                    answers = [error] * len(taken)
                    if not taken:
                        self._fail_all(error)
                else:
                    if taken:
                        self._on_batch(rows, len(taken))
                for future, answer in zip(taken, answers, strict=True):
                    _settle(future, answer)
        finally:
            self._serving = None

    def _one_batch(self, taken: list[asyncio.Future[Message]]) -> tuple[Answers, int]:
        """The answers for those that are `taken`, in their order, and their rows.

        Outside the loop, which meanwhile appends to what waits; nobody else takes from it.
        """
        messages: list[Message] = []
        rows = 0
        while self._waiting:
            held = self._waiting[0].held
            if held is not None:
                n_rows = self._rows_of(held[0])
                if messages and rows + n_rows > self._max_rows:
                    break
                messages.append(held[0])
                taken.append(held[1])
                rows += n_rows
            self._waiting.popleft()
        answers = self._answer_many(messages) if messages else []
        if len(answers) != len(messages):
            raise RuntimeError(f"{len(answers)} answers to {len(messages)} messages")
        return answers, rows

    def _fail_all(self, error: Exception) -> None:
        for asked in self._waiting:
            if asked.held is not None:
                _settle(asked.held[1], error)
        self._waiting.clear()


def _settle(future: asyncio.Future[Message], answer: Message | BaseException) -> None:
    if future.done():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
