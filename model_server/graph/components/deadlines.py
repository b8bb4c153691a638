"""Deadlines of those that wait equally long, and so in the order of their coming: one timer for all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol


class Waiting(Protocol):
    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        ...


class Deadlines[T: Waiting]:
    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, on_late: Callable[[T], None]) -> None:
        """`on_late` is called in the loop with each that still waits after so many seconds."""
        self._loop, self._seconds, self._on_late = loop, seconds, on_late
        self._waiting: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, one: T) -> None:
        waiting = self._waiting
        while waiting and waiting[0][1].is_over:
            waiting.popleft()
        waiting.append((self._loop.time() + self._seconds, one))
        if self._timer is None:
            self._timer = self._loop.call_at(waiting[0][0], self._ring)

    def _ring(self) -> None:
        now = self._loop.time()
        while self._waiting and (self._waiting[0][1].is_over or self._waiting[0][0] <= now):
            one = self._waiting.popleft()[1]
            if not one.is_over:
                self._on_late(one)
        self._timer = self._loop.call_at(self._waiting[0][0], self._ring) if self._waiting else None
