"""The connections of one server: how many there may be, who makes room, and the one timer that watches over them all.

Connections note when something happened; a periodic look compares. So a request costs no timer, and a deadline may be
late by one period.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Final

from model_server.graph.doors.http_limits import Limits

if TYPE_CHECKING:
    from model_server.graph.doors.http_protocol import HttpConnection

MADE_ROOM_AT_ONCE: Final = 32
"""Idle connections closed when all places are taken: who looks through all of them closes some. nginx's number."""
NO_ROOM_SECONDS: Final = 0.1
"""How long it is believed that nobody could make room."""
SURELY_IDLE_SECONDS: Final = 1.0
"""A connection that has just been used is likely to be used again: closing it then could cross a request on its way."""
NOTICED_SECONDS: Final = 1.0
"""For a client to notice that its connection is over, where it had sent everything and got its answer."""
QUIET_SECONDS: Final = 0.5
"""At the end: a connection used more recently may have a request on its way, and gets to answer it."""
CUT_SECONDS: Final = 1.0
"""For applications to notice that they are cancelled."""


class Admission(Enum):
    SEATED = "seated"
    TURNED_AWAY = "turned away"
    """It will be told to come back later."""
    CUT = "cut"
    """So many are being turned away that there is no time to tell this one."""


class Connections:
    """Shared by the connections of one server."""

    def __init__(self, limits: Limits, on_refusal: Callable[[str], None]) -> None:
        self.limits = limits
        self.on_refusal = on_refusal
        self.tasks: set[asyncio.Task[None]] = set()
        """Applications at work."""
        self.seated: set[HttpConnection] = set()
        self.turned_away: set[HttpConnection] = set()
        self.is_draining = False
        self.idle_timeout_seconds = limits.idle_timeout_seconds
        self.linger_seconds = limits.linger_seconds
        self.period_seconds = min(
            1.0,
            limits.head_timeout_seconds / 4,
            limits.idle_timeout_seconds / 4,
            limits.answer_timeout_seconds / 4,
            limits.linger_seconds / 4,
        )
        self._no_room_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_empty(self) -> bool:
        """No connection is open, and no application works for one that was."""
        return not (self.seated or self.turned_away or self.tasks)

    def admit(self, now: float) -> Admission:
        """What becomes of a new connection."""
        if len(self.seated) >= self.limits.max_connections and now >= self._no_room_until:
            self._make_room(now)
        if len(self.seated) < self.limits.max_connections:
            return Admission.SEATED
        # Those who are told take a place for a moment, too; a quarter more, and it ends.
        crowd = max(1, self.limits.max_connections // 4)
        return Admission.TURNED_AWAY if len(self.turned_away) < crowd else Admission.CUT

    def drain(self) -> None:
        """Every answer from now on is the last one of its connection."""
        self.is_draining = True
        for connection in self.seated:
            connection.announce_end()

    def hurry(self) -> None:
        """Whoever has no request under way goes soon."""
        self.idle_timeout_seconds = QUIET_SECONDS
        self.linger_seconds = NOTICED_SECONDS

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self.period_seconds, self.watch, loop)
        self.look(loop.time())

    def unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def look(self, now: float) -> None:
        for connection in (*self.seated, *self.turned_away):
            connection.look(now)

    async def cut(self) -> None:
        """End everything now; an application that does not let itself be cancelled is left behind."""
        for connection in (*self.seated, *self.turned_away):
            connection.transport.abort()
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=CUT_SECONDS)
        await asyncio.sleep(0)

    def _make_room(self, now: float) -> None:
        """Close those that have been idle for the longest, so that silence cannot lock everyone else out."""
        idle = [each for each in self.seated if each.is_idle and now - each.since >= SURELY_IDLE_SECONDS]
        if not idle:
            self._no_room_until = now + NO_ROOM_SECONDS
        for connection in sorted(idle, key=lambda each: each.since)[:MADE_ROOM_AT_ONCE]:
            self.seated.discard(connection)
            connection.transport.close()
