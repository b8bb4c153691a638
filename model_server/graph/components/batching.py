"""Adaptive batching: one call for whatever has arrived while the last call ran. No fixed wait; bounded by rows.

What several components do to a request one after the other is a chain of links; a batch goes through all of them, and
only its first link waits for anything. Little that is asked of links which never wait is answered in the event loop's
own thread: two handovers between threads cost more than it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from model_server.graph.components.deadlines import Deadlines
from model_server.graph.messages import Context, Message

type Answers = list[Message | BaseException]


class Asked:
    """A request in a chain."""

    __slots__ = ("began", "context", "future", "message", "place")

    def __init__(self, message: Message, context: Context, future: asyncio.Future[Message], began: float) -> None:
        self.message: Message | None = message
        """For the link that is asked; None once nobody waits for an answer any more: it may be large, and its turn
        far."""
        self.context = context
        self.future = future
        self.began = began
        """When it came to this link, by `time.perf_counter`."""
        self.place = 0
        """Which link that is."""

    @property
    def is_over(self) -> bool:
        return self.future.done()


class Link(Protocol):
    """What a component does to many requests at once."""

    at_once_bytes: int
    """How much one call may be asked in the event loop's own thread; 0 where it may wait for something."""

    def require_unstuck(self) -> None:
        """Errors: ComponentStuck."""
        ...

    def timeout_seconds(self, context: Context) -> float | None:
        """How long one request may take here, what waits before the chain included; None: for ever."""
        ...

    def answer_many(self, messages: Sequence[Message]) -> Answers:
        """As many answers as messages, in their order; an error is that caller's alone. May block."""
        ...

    def run(self, work: Callable[[], Any]) -> Awaitable[Any]:
        """What `work` returns, run where it may block: outside the event loop."""
        ...

    def run_here(self, work: Callable[[], Any]) -> Any:
        """What `work` returns, run in this thread: the event loop's."""
        ...

    def batched(self, rows: int, requests: int) -> None:
        """Told of each call."""
        ...

    def told(self, asked: Asked, answer: Message | BaseException, ended: float) -> Message | BaseException:
        """What the caller gets of an answer, which is counted. `ended` by `time.perf_counter`."""
        ...

    def timed_out(self, asked: Asked, seconds: float) -> BaseException:
        """The error of a request that has taken too long here, so many seconds; which is counted."""
        ...


class Batcher:
    """Of one chain. Lives in one event loop; one batch at a time is under way."""

    def __init__(
        self,
        links: Sequence[Link],
        rows_of: Callable[[Message], int],
        bytes_of: Callable[[Message], int],
        *,
        max_rows: int,
    ) -> None:
        """`rows_of` may have to parse a message, `bytes_of` does not."""
        self._links = tuple(links)
        self._rows_of = rows_of
        self._bytes_of = bytes_of
        self._max_rows = max_rows
        self._at_once_bytes = min(link.at_once_bytes for link in links)
        self._waiting: deque[Asked] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._is_begun = False
        self._deadlines: dict[float, Deadlines[Asked]] = {}

    async def answer(self, message: Message, context: Context) -> Message:
        """The message's own answer, or its own error. Whoever stops waiting is left out if its turn has not come.

        Errors: GraphError.
        """
        for link in self._links:
            link.require_unstuck()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Message] = loop.create_future()
        asked = Asked(message, context, future, time.perf_counter())
        self._waiting.append(asked)
        timeout_seconds = self._links[0].timeout_seconds(context)
        if timeout_seconds is not None:
            deadlines = self._deadlines.get(timeout_seconds)
            if deadlines is None:
                deadlines = self._deadlines[timeout_seconds] = Deadlines(loop, timeout_seconds, self._expire_at_first)
            deadlines.add(asked)
        if not self._is_begun:
            self._is_begun = True
            loop.call_soon(self._begin, loop, 0)
        try:
            return await future
        finally:
            asked.message = None

    def _begin(self, loop: asyncio.AbstractEventLoop, n_seen: int) -> None:
        """Once a turn of the loop has brought nothing more: what waits in the sockets already had better go together.

        But not later than what waits is more than can be answered at once.
        """
        if len(self._waiting) > n_seen and self._is_little():
            loop.call_soon(self._begin, loop, len(self._waiting))
        else:
            self._serving = asyncio.Task(self._serve(), loop=loop, eager_start=True)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._serve_batch(is_little=self._is_little())
        finally:
            self._is_begun = False

    def _is_little(self) -> bool:
        """Whether all that waits may be answered at once."""
        left = self._at_once_bytes
        if not left:
            return False
        for asked in self._waiting:
            if asked.message is not None:
                left -= self._bytes_of(asked.message)
                if left < 0:
                    return False
        return True

    async def _serve_batch(self, *, is_little: bool) -> None:
        going: list[Asked] = []
        try:
            first = partial(self._first_call, going)
            answers, rows = self._links[0].run_here(first) if is_little else await self._links[0].run(first)
        except Exception as error:  # noqa: BLE001 -- nobody may wait for ever for the others' sake
            answers, rows = [error] * len(going), None
            if not going:
                self._fail_all(error)
        going = self._hand_over(0, going, answers, rows)
        for place in range(1, len(self._links)):
            if not going:
                return
            timers = [] if is_little else [*self._expiring(place, going)]
            try:
                following = partial(self._next_call, place, going)
                link = self._links[place]
                answers, rows = link.run_here(following) if is_little else await link.run(following)
            except Exception as error:  # noqa: BLE001 -- as above
                answers, rows = [error] * len(going), None
            for timer in timers:
                timer.cancel()
            going = self._hand_over(place, going, answers, rows)

    def _first_call(self, taken: list[Asked]) -> tuple[Answers, int]:
        """The answers for those that are `taken`, in their order, and their rows.

        Mostly outside the loop, which meanwhile appends to what waits; nobody else takes from it.
        """
        messages: list[Message] = []
        rows = 0
        while self._waiting:
            message = self._waiting[0].message
            if message is not None:
                n_rows = self._rows_of(message)
                if messages and rows + n_rows > self._max_rows:
                    break
                messages.append(message)
                taken.append(self._waiting[0])
                rows += n_rows
            self._waiting.popleft()
        return self._answers(0, messages), rows

    def _next_call(self, place: int, going: Sequence[Asked]) -> tuple[Answers, int]:
        asked = [one.message for one in going]  # some may give up meanwhile
        messages = [message for message in asked if message is not None]
        told = self._answers(place, messages)
        if len(messages) < len(asked):
            answers = iter(told)
            told = [TimeoutError() if message is None else next(answers) for message in asked]
        return told, sum(map(self._rows_of, messages))

    def _answers(self, place: int, messages: list[Message]) -> Answers:
        answers = self._links[place].answer_many(messages) if messages else []
        if len(answers) != len(messages):
            raise RuntimeError(f"{len(answers)} answers to {len(messages)} messages")
        return answers

    def _hand_over(self, place: int, going: Sequence[Asked], answers: Answers, rows: int | None) -> list[Asked]:
        """Settle what has ended at this link; those that go on to the next."""
        link, is_last, ended = self._links[place], place == len(self._links) - 1, time.perf_counter()
        if going and rows is not None:
            link.batched(rows, len(going))
        going_on = []
        for asked, answer in zip(going, answers, strict=True):
            if asked.future.done():
                continue
            try:
                told = link.told(asked, answer, ended)
            except Exception as error:  # noqa: BLE001 -- as above
                told = error
            if isinstance(told, BaseException):
                asked.future.set_exception(told)
            elif is_last:
                asked.future.set_result(told)
            else:
                asked.message, asked.began, asked.place = told, ended, place + 1
                going_on.append(asked)
        return going_on

    def _expiring(self, place: int, going: Sequence[Asked]) -> Iterable[asyncio.TimerHandle]:
        """Timers for what is at a link beyond the first; there its time begins anew."""
        link, by_seconds = self._links[place], dict[float, list[Asked]]()
        for asked in going:
            timeout_seconds = link.timeout_seconds(asked.context)
            if timeout_seconds is not None:
                by_seconds.setdefault(timeout_seconds, []).append(asked)
        loop = asyncio.get_running_loop()
        return [loop.call_later(seconds, self._expire, waiting) for seconds, waiting in by_seconds.items()]

    def _expire_at_first(self, asked: Asked) -> None:
        if asked.place == 0:
            self._expire([asked])

    def _expire(self, late: Iterable[Asked]) -> None:
        for asked in late:
            if not asked.future.done():
                link, seconds = self._links[asked.place], time.perf_counter() - asked.began
                asked.future.set_exception(link.timed_out(asked, seconds))

    def _fail_all(self, error: Exception) -> None:
        for asked in self._waiting:
            if not asked.future.done():
                asked.future.set_exception(error)
        self._waiting.clear()
