"""Kept HTTP/1.1 connections to one address, each used again and again, with one request on it at a time.

Lean, since a load generator shares the machine with what it measures. Parsing is llhttp's (httptools). No redirects,
cookies, compression or retries: a load generator reports what happened.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httptools


class ConnectionFailed(Exception):
    """The request got no whole answer; the text says why. Never leaves the transports."""


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[bytes, bytes]
    """Lower-case names."""
    body: bytes


class Connections:
    """As many as there are requests waiting: one more would hide that the target is slow."""

    def __init__(self, host: str, port: int, timeout_seconds: float) -> None:
        self._address = host, port
        self._timeout_seconds = timeout_seconds
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._loop = asyncio.get_running_loop()

    async def ask(self, request: bytes) -> Reply:
        """The answer to a whole request, head and body. Errors: ConnectionFailed, TimeoutError."""
        answer: asyncio.Future[Reply] = self._loop.create_future()
        timer = self._loop.call_later(self._timeout_seconds, _time_out, answer)
        connection = self._idle.pop() if self._idle else await self._connected(answer)
        try:
            if not answer.done():
                connection.send(request, answer)
            return await answer
        finally:
            timer.cancel()
            connection.waiter = None
            if connection.is_reusable:
                self._idle.append(connection)
            else:
                connection.transport.abort()

    async def close(self) -> None:
        closed = [connection.closed for connection in self._open]
        for connection in self._open:
            connection.transport.abort()
        await asyncio.gather(*closed)

    async def _connected(self, answer: asyncio.Future[Reply]) -> _Connection:
        """Errors: ConnectionFailed, TimeoutError."""
        connecting = self._loop.create_task(
            self._loop.create_connection(lambda: _Connection(self._idle, self._open), *self._address)
        )
        try:
            either: set[asyncio.Future[Any]] = {connecting, answer}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            connecting.cancel()
            raise
        if not connecting.done():
            connecting.cancel()
            answer.result()  # its time is over
        try:
            return connecting.result()[1]
        except OSError as error:
            answer.cancel()
            raise ConnectionFailed(f"cannot connect to {self._address[0]}:{self._address[1]}: {error}") from error


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, idle: list[_Connection], connections: set[_Connection]) -> None:
        self._idle, self._all = idle, connections
        self.waiter: asyncio.Future[Reply] | None = None
        self.is_reusable = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body = b""

    def send(self, request: bytes, answer: asyncio.Future[Reply]) -> None:
        self.waiter, self.is_reusable = answer, False
        self._headers, self._body = {}, b""
        self.transport.write(request)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"what came is no answer in HTTP/1.1: {error}")
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_reusable = False
        self._all.discard(self)
        self.closed.set_result(None)
        if self in self._idle:
            self._idle.remove(self)
        self._fail(f"the connection broke: {exc}" if exc else "the connection was closed before the answer was there")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # "wait", not an answer
            self._headers = {}
            return
        self.is_reusable = self.waiter is not None and self._parser.should_keep_alive()
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(Reply(status, self._headers, self._body))

    def _fail(self, reason: str) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(ConnectionFailed(reason))


def _time_out(answer: asyncio.Future[Reply]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
