"""Adaptive batching: one call for whatever has arrived while the last call ran. No fixed wait; bounded by rows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from model_server.graph.messages import Message

type Answers = list[Message | BaseException]
type AnswerMany = Callable[[Sequence[Message]], Answers]
"""As many answers as messages, in their order; an error is that caller's alone."""
type Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function where it may block, outside the event loop."""


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
        self._waiting: deque[tuple[Message, asyncio.Future[Message]]] = deque()
        self._serving: asyncio.Task[None] | None = None

    async def answer(self, message: Message) -> Message:
        """The message's own answer, or its own error. Whoever stops waiting is left out if its turn has not come."""
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        try:
            while self._waiting:
                taken, answers, rows = await self._run(self._one_batch)
                if taken:
                    self._on_batch(rows, len(taken))
                for future, answer in zip(taken, answers, strict=True):
                    if future.done():
                        continue
                    if isinstance(answer, BaseException):
                        future.set_exception(answer)
                    else:
                        future.set_result(answer)
        finally:
            self._serving = None

    def _one_batch(self) -> tuple[list[asyncio.Future[Message]], Answers, int]:
        """Outside the loop, which meanwhile appends to what waits; nobody else takes from it."""
        messages: list[Message] = []
        futures: list[asyncio.Future[Message]] = []
        rows = 0
        while self._waiting:
            message, future = self._waiting[0]
            n_rows = 0 if future.done() else self._rows_of(message)
            if messages and rows + n_rows > self._max_rows:
                break
            self._waiting.popleft()
            if not future.done():
                messages.append(message)
                futures.append(future)
                rows += n_rows
        if not messages:
            return [], [], 0
        try:
            answers = self._answer_many(messages)
            if len(answers) != len(messages):
                raise RuntimeError(f"{len(answers)} answers to {len(messages)} messages")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 -- nobody may wait for ever for the others' sake
            answers = [error] * len(messages)
        return futures, answers, rows
