"""Calls that were made and not yet answered, and waiting until there are none."""

from __future__ import annotations

import asyncio
from typing import Any


class Outstanding[Known]:
    """By the number of the request, with what is known of each."""

    def __init__(self) -> None:
        self._known: dict[int, Known] = {}
        self._emptied: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, index: int) -> bool:
        return index in self._known

    def begin(self, index: int, known: Known) -> None:
        self._known[index] = known

    def end(self, index: int) -> Known | None:
        """What is known of it; None if it was given up."""
        known = self._known.pop(index, None)
        if self._emptied is not None and not self._known and not self._emptied.done():
            self._emptied.set_result(None)
        return known

    def give_up(self) -> list[Known]:
        """End all that are left."""
        known = list(self._known.values())
        self._known.clear()
        return known

    async def emptied(self, timeout_seconds: float, *, unless: asyncio.Task[bool] | None = None) -> None:
        """Return when none is left, or the time is up, or `unless` is done."""
        if self._known:
            self._emptied = asyncio.get_running_loop().create_future()
            either: set[asyncio.Future[Any]] = {self._emptied} if unless is None else {self._emptied, unless}
            await asyncio.wait(either, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
