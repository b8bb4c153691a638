"""How an HTTP connection begins, is watched over, and ends; what travels on it meanwhile is `http_protocol`'s.

House rules. A connection is in one phase; `since` is when its client last began or finished something. Answers leave in
the order of their requests, a refusal included, and after a refusal nothing more is read. A connection ends by writing
what is due, telling the client that it was all, and throwing away what still comes for a while (`finish`): to close at
once makes kernels throw away answers. It is cut only where that takes too long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast

from model_server.graph.doors import http_refusals as refusals
from model_server.graph.doors.flow_control import FlowControl
from model_server.graph.doors.http_connections import NOTICED_SECONDS, Admission, Connections
from model_server.graph.doors.http_exchange import Application, Exchange, Outlet
from model_server.graph.doors.http_refusals import Refusal

if TYPE_CHECKING:
    from model_server.graph.doors.http_protocol import HttpConnection


class Phase(IntEnum):
    WAITING = 0
    """Between messages: idle, or while the application answers."""
    HEAD = 1
    BODY = 2
    TURNED_AWAY = 3
    """One connection too many: its first bytes are answered with 503."""
    OVER = 4
    """Nothing more is read; answers may still be due."""
    FINISHED = 5
    """Everything is written. What still comes is thrown away until the client has noticed."""


# Looking a member up in its class takes longer than everything else that is done with it.
WAITING, HEAD, BODY, TURNED_AWAY, OVER, FINISHED = Phase


class Lifecycle(asyncio.Protocol):
    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, app: Application, shared: Connections, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.loop = loop
        self.shared = shared
        self.limits = shared.limits
        self.newest: Exchange | None = None
        """Of the newest request whose head is complete."""
        self.pipeline: deque[Exchange] = deque()
        """Those that wait for their turn, the youngest first."""
        self.phase = WAITING
        self.since = 0.0
        self.outlet: Any = None
        self.running: Exchange | None = None
        """What the application answers now, or answered last."""
        self.linger_seconds = self.limits.linger_seconds
        self.last_words: Refusal | None = None
        self.has_client_finished = False
        self.is_refused = False
        self.discarded_bytes = 0
        self.unsent_bytes = 0
        self.unsent_since = 0.0

    @property
    def is_answering(self) -> bool:
        return self.running is not None and self.running.is_due

    @property
    def is_idle(self) -> bool:
        return self.phase == WAITING and not self.is_answering

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)
        self.since = self.loop.time()
        admission = self.shared.admit(self.since)
        self._table = self.shared.seated if admission is Admission.SEATED else self.shared.turned_away
        self._table.add(cast("HttpConnection", self))
        self.flow = FlowControl(transport)
        self.outlet = Outlet(transport, self.finish)
        if admission is Admission.TURNED_AWAY:
            self.phase = TURNED_AWAY
        elif admission is Admission.CUT:
            self.shared.on_refusal("too_many_connections")
            self.phase = FINISHED
            transport.abort()

    def eof_received(self) -> bool:
        """Whether the connection stays: for answers that are due to a client that has only finished sending."""
        self.has_client_finished = True
        self._abandon_unfinished()
        self.phase = max(self.phase, OVER)
        self.announce_end()
        return self.is_answering

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = FINISHED
        self._table.discard(cast("HttpConnection", self))
        self._abandon_all()
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    def on_answered(self) -> None:
        if self.phase == FINISHED:
            return
        if self.pipeline:
            self.running = self.pipeline.pop()
            self.start(self.running)
        elif self.phase == OVER:
            self.finish()
        else:
            self.flow.resume_reading()
            if self.phase == WAITING:
                self.since = self.loop.time()

    def start(self, exchange: Exchange) -> None:
        """Eagerly: what the application does before it waits for something costs no turn of the loop."""
        task = asyncio.Task(exchange.run(self.app), loop=self.loop, eager_start=True)
        if not task.done():
            self.shared.tasks.add(task)
            task.add_done_callback(self.shared.tasks.discard)

    def refuse(self, refusal: Refusal) -> None:
        """Read no more; say why, in its turn."""
        self.shared.on_refusal(refusal.reason)
        self.is_refused = True
        if self._abandon_unfinished():
            self.last_words = refusal
        self.read_no_more()

    def read_no_more(self) -> None:
        self.phase = OVER
        if self.is_answering:
            self.flow.pause_reading()
        else:
            self.finish()

    def finish(self) -> None:
        if self.phase == FINISHED or self.transport.is_closing():
            return
        if not self.is_refused and self.phase not in {HEAD, BODY}:
            self.linger_seconds = NOTICED_SECONDS
        self.phase, self.since = FINISHED, self.loop.time()
        if self.last_words is not None:
            self.transport.write(self.last_words.answer())
        self._abandon_all()
        self.outlet.shut()
        if self.has_client_finished:
            self.transport.close()
            return
        self.flow.resume_reading()
        with suppress(OSError):  # the client may have left already
            self.transport.write_eof()

    def discard(self, n_bytes: int) -> None:
        self.discarded_bytes += n_bytes
        if self.discarded_bytes > self.limits.linger_bytes:
            self.transport.abort()

    def announce_end(self) -> None:
        """The answer to the last request so far is the last one."""
        if self.newest is not None and self.newest.is_due:
            self.newest.keep_alive = False

    def look(self, now: float) -> None:
        """End what has taken too long."""
        if self._is_answer_stuck(now):
            self.transport.abort()
        elif self.phase in {HEAD, BODY}:
            if self.flow.read_paused:
                self.since = now  # it is the application that does not read, or has not come to it yet
            elif self.phase == HEAD and now - self.since > self.limits.head_timeout_seconds:
                self.refuse(refusals.head_too_slow(self.limits))
            elif now - self.since > self.limits.request_timeout_seconds:
                self.refuse(refusals.request_too_slow(self.limits))
        elif self.phase == FINISHED and self.unsent_bytes:
            self.since = now
        elif self.phase in {TURNED_AWAY, FINISHED}:
            if now - self.since > min(self.linger_seconds, self.shared.linger_seconds):
                if self.phase == TURNED_AWAY:
                    self.shared.on_refusal("too_many_connections")
                self.transport.abort()
        elif self.is_idle and not self.unsent_bytes and now - self.since > self.shared.idle_timeout_seconds:
            self.transport.close()

    def _is_answer_stuck(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent != self.unsent_bytes:
            self.unsent_bytes, self.unsent_since = unsent, now
        return unsent > 0 and now - self.unsent_since > self.limits.answer_timeout_seconds

    def _abandon_unfinished(self) -> bool:
        """Give up the request that is arriving, if one is; whether nothing was said in answer to it yet."""
        if self.phase != BODY:
            return True
        exchange = self.newest
        if exchange is None:
            return True
        if self.pipeline and self.pipeline[0] is exchange:
            self.pipeline.popleft()
        if exchange.is_answered:
            return False
        exchange.abandon()
        return True

    def _abandon_all(self) -> None:
        self.pipeline.clear()
        if self.running is not None and self.running.is_due:
            self.running.abandon()
