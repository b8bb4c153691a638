"""The sockets of the gRPC door: what arrives goes to `http2`, what it writes leaves, and who takes too long is cut.

Nothing is read from a client that does not read itself; so what waits for it has a bound.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final, cast

from model_server.graph.doors.grpc_calls import Call, Desk
from model_server.graph.doors.grpc_wire import CallHead, call_head
from model_server.graph.doors.http2.connection import Connection
from model_server.graph.doors.http2.errors import Code

MAX_CONNECTIONS: Final = 2_000
"""Of one worker."""
MADE_ROOM_AT_ONCE: Final = 32
"""Idle connections closed when all places are taken."""
SURELY_IDLE_SECONDS: Final = 1.0
PREFACE_SECONDS: Final = 20.0
"""For a client to show that it speaks HTTP/2."""
ANSWER_SECONDS: Final = 60.0
"""For a client that takes nothing of an answer that waits for it."""
LAST_WORDS_SECONDS: Final = 2.0
"""For a client to take in why its connection ends."""
DRAIN_SECONDS: Final = 1.0
"""For a client to hear that it is to ask elsewhere."""
HIGH_WATER_BYTES: Final = 256 * 1024
"""Unsent, from which on nothing more is read."""


class GrpcConnection(asyncio.Protocol):
    def __init__(self, desk: Desk, all_connections: set[GrpcConnection]) -> None:
        self._desk, self._loop, self._all = desk, desk.loop, all_connections
        self.since = self._unsent_since = self._loop.time()
        """When the client last said something."""
        self._n_written = self._n_gone = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.http2: Connection[CallHead] = Connection(call_head, self._opened, self._flush_soon)
        self._transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        connected = transport.get_extra_info("socket")
        if connected is not None:  # who has vanished without a word is found out
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if len(self._all) >= MAX_CONNECTIONS:
            self._make_room()
        if len(self._all) >= MAX_CONNECTIONS:
            self._transport.abort()
        else:
            self._all.add(self)

    def data_received(self, data: bytes) -> None:
        self.since = self._loop.time()
        self.http2.receive(data)

    def eof_received(self) -> None:
        """Whoever sends no more takes no answers either: there is no half of an HTTP/2 connection."""

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._all.discard(self)
        self.http2.lost()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def drain(self) -> None:
        self.http2.drain()
        self._loop.call_later(DRAIN_SECONDS, self.http2.stop_accepting)

    def look(self, now: float) -> None:
        """End what is done or has taken too long."""
        http2 = self.http2
        if http2.is_over:
            if now - self.since > LAST_WORDS_SECONDS:
                self._transport.abort()
        elif not http2.is_introduced:
            if now - self.since > PREFACE_SECONDS:
                http2.end(Code.NO_ERROR, "nothing came")
        elif http2.is_drained:
            http2.end(Code.NO_ERROR, "the server ends")
        elif self._is_answer_stuck(now):
            self._transport.abort()

    def cut(self) -> None:
        self.http2.end(Code.NO_ERROR, "the server ends, and has no more time")
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def _opened(self, head: CallHead) -> Call:
        return self._desk.call(head, self.http2.outgoing)

    def _flush_soon(self) -> None:
        """What the calls of one turn of the loop answer, leaves together."""
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        written = self.http2.outgoing.take()
        if written and not self._transport.is_closing():
            self._n_written += len(written)
            self._transport.write(written)
        if self.http2.is_over:
            self._transport.close()

    def _is_answer_stuck(self, now: float) -> bool:
        unsent = self._transport.get_write_buffer_size()
        gone = self._n_written - unsent
        if gone != self._n_gone or not (unsent or self.http2.outgoing.unsent_bytes):
            self._n_gone, self._unsent_since = gone, now
        return now - self._unsent_since > ANSWER_SECONDS

    def _make_room(self) -> None:
        now = self._loop.time()
        idle = [each for each in self._all if each.http2.is_idle and now - each.since >= SURELY_IDLE_SECONDS]
        for each in sorted(idle, key=lambda each: each.since)[:MADE_ROOM_AT_ONCE]:
            self._all.discard(each)
            each.http2.end(Code.NO_ERROR, "others need the place")
