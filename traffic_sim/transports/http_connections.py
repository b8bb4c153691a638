"""Kept HTTP/1.1 connections to one address, each used again and again, with one request on it at a time.

Lean, since a load generator shares the machine with what it measures: no task, future or timer for a request. Parsing
is llhttp's (httptools). No redirects, cookies, compression or retries: a load generator reports what happened.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final

import httptools


class End(Enum):
    """How an exchange ended."""

    ANSWERED = auto()
    """With a whole HTTP answer, whatever its status."""
    FAILED = auto()
    """`problem` says why."""
    TIMED_OUT = auto()
    NEVER_SENT = auto()
    """Every connection was busy until its time was over."""


_NO_HEADERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


@dataclass(slots=True, eq=False)
class Exchange:
    """One request, and what became of it. Times in seconds of `time.monotonic()`."""

    request: bytes
    """Head and body."""
    on_end: Callable[[Exchange], None]
    """Called once."""
    asked_at: float
    sent_at: float = math.nan
    """When it was written to a connection; later than `asked_at` by the wait for one that is free."""
    finished_at: float = math.nan
    end: End | None = None
    status: int = 0
    headers: Mapping[bytes, bytes] = _NO_HEADERS
    """Names as they came."""
    body: bytes = b""
    problem: str = ""

    def finish(self, end: End, problem: str = "") -> None:
        self.end, self.problem, self.finished_at = end, problem, time.monotonic()
        self.on_end(self)


class Connections:
    """At most `at_most` of them, opened as they are needed; requests beyond wait for a free one, in order.

    A request's time is over `timeout_seconds` after it was asked for, wherever it is then.
    """

    def __init__(self, host: str, port: int, *, at_most: int, timeout_seconds: float) -> None:
        self._address = host, port
        self._at_most = at_most
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._waiting: deque[Exchange] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def ask(self, request: bytes, on_end: Callable[[Exchange], None]) -> None:
        exchange = Exchange(request, on_end, time.monotonic())
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_seconds, self._end_overdue)
        if self._idle:
            # The last used: those not needed are left alone.
            self._idle.pop().send(exchange, exchange.asked_at)
        else:
            self._waiting.append(exchange)
            self._connect_as_needed()

    async def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._connecting:
            task.cancel()
        closed = [connection.closed for connection in self._open]
        for connection in self._open:
            connection.transport.abort()
        await asyncio.gather(*closed, *self._connecting, return_exceptions=True)

    def take(self, connection: _Connection) -> None:
        """Use a connection that is free."""
        if self._waiting:
            connection.send(self._waiting.popleft(), time.monotonic())
        else:
            self._idle.append(connection)

    def opened(self, connection: _Connection) -> None:
        self._open.add(connection)
        self.take(connection)

    def lost(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._connect_as_needed()

    def _connect_as_needed(self) -> None:
        n_connecting = len(self._connecting)
        room = self._at_most - len(self._open) - n_connecting
        for _ in range(0 if self._is_closed else min(room, len(self._waiting) - n_connecting)):
            task = self._loop.create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        self._connect_as_needed()  # for those who still wait, if it failed

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: _Connection(self), *self._address)
        except OSError as error:
            if self._waiting:  # one of those for whom the connection was to be
                exchange = self._waiting.popleft()
                exchange.sent_at = exchange.asked_at
                exchange.finish(End.FAILED, f"cannot connect to {self._address[0]}:{self._address[1]}: {error}")

    def _end_overdue(self) -> None:
        """End what is out of time, and come back when the next may be: one timer for all of them."""
        overdue = time.monotonic() - self._timeout_seconds
        while self._waiting and self._waiting[0].asked_at <= overdue:
            exchange = self._waiting.popleft()
            if len(self._open) < self._at_most:
                exchange.sent_at = exchange.asked_at  # a connection was asked for, and nothing came of it
                exchange.finish(End.TIMED_OUT, "no connection in time")
            else:
                exchange.finish(End.NEVER_SENT, f"all {self._at_most} connections were busy")
        for connection in list(self._open):
            if connection.exchange is not None and connection.exchange.asked_at <= overdue:
                connection.give_up()
        asked_at = [connection.exchange.asked_at for connection in self._open if connection.exchange is not None]
        asked_at.extend(exchange.asked_at for exchange in list(self._waiting)[:1])
        self._timer = None
        if asked_at:
            self._timer = self._loop.call_later(max(0.0, min(asked_at) - overdue), self._end_overdue)


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.exchange: Exchange | None = None
        """The one that waits for its answer here."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._headers: dict[bytes, bytes] = {}
        self.on_header = self._headers.__setitem__  # the parser's call for each header, without a frame of Python
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._status = 0
        self._n_answers = 0
        """Since the last request."""
        self._is_reusable = False

    def send(self, exchange: Exchange, now: float) -> None:
        self.exchange, self._n_answers = exchange, 0
        exchange.sent_at = now
        self.transport.write(exchange.request)

    def give_up(self) -> None:
        exchange, self.exchange = self.exchange, None
        self.transport.abort()
        if exchange is not None:
            exchange.finish(End.TIMED_OUT, "no answer in time")

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._connections.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"what came is no answer in HTTP/1.1: {error}")
            self.transport.abort()
            return
        if self._n_answers:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)
        self._connections.lost(self)
        self._fail(f"the connection broke: {exc}" if exc else "the connection was closed before the answer was there")

    def on_message_begin(self) -> None:
        self._headers.clear()
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if self._status >= 200:  # below: "wait", not an answer
            self._n_answers += 1
            self._is_reusable = self._n_answers == 1 and self._parser.should_keep_alive()

    def _answered(self) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            self.transport.abort()  # an answer to nothing
            return
        exchange.status, exchange.headers, exchange.body = self._status, self._headers.copy(), self._body
        if self._is_reusable:
            self._connections.take(self)  # before the answer is looked at: the next request may be waiting
        else:
            self.transport.abort()
        exchange.finish(End.ANSWERED)

    def _fail(self, reason: str) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.finish(End.FAILED, reason)
