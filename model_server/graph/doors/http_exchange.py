"""One request and its answer: uvicorn's, but for four things.

An answer's head leaves together with its body: one system call and one packet instead of two, and until then an
application that fails can still be answered for. How the connection ends is its connection's business. A request that
has arrived whole reads nothing more, which would be others' requests. What goes wrong is told in JSON.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from model_server.graph.doors.http_refusals import status_body

_BROKEN: Final = status_body(500, "the server failed to answer this request; its log says why")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUES = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_COPIED_BYTES: Final = 64 * 1024
"""Up to here a body is copied behind its head; a larger one is worth a system call of its own."""


_LENGTH: Final = b"content-length: "
_CONNECTION: Final = b"connection: "
_CODING: Final = b"transfer-encoding: "
_LINES: Final = {line[:-2]: line for line in (_LENGTH, _CONNECTION, _CODING)}
"""How the line of a header begins, by its name. Applications use few names, again and again."""
_MAX_LINES: Final = 200


class Exchange(RequestResponseCycle):
    is_taken = False
    """Whether the application has had the whole body."""
    head: bytes | None = None
    """Of the answer, until it leaves."""

    @property
    def is_due(self) -> bool:
        return not (self.response_complete or self.disconnected)

    def abandon(self) -> None:
        """The client gets no answer from the application, whose sends go nowhere from now on."""
        self.disconnected = True
        self.message_event.set()

    async def receive(self) -> Any:
        if self.is_taken or self.more_body or self.disconnected or self.response_complete:
            event = await super().receive()
            self.is_taken = not self.more_body
            return event
        self.is_taken = True
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        """Errors: RuntimeError for what is no answer; a header that could be taken for two is none, either."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        is_start = message["type"] == "http.response.start"
        if self.response_complete or is_start != (self.head is None and not self.response_started):
            raise RuntimeError(f"{message['type']} is not what an answer goes on with here")
        if is_start:
            self.waiting_for_100_continue = False
            self.head = self._head(message["status"], message.get("headers", ()))
        else:
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))

    async def run_asgi(self, app: Callable[..., Any]) -> None:
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:  # one request must not end the server
            if not (self.disconnected and isinstance(error, asyncio.CancelledError)):  # else the server was stopped
                self.logger.exception("%s %s: the application failed", *self._told())
            await self._fail()
        else:
            if not (self.response_complete or self.disconnected):
                self.logger.error("%s %s: the application gave no whole answer", *self._told())
                await self._fail()
        finally:
            self.on_response = lambda: None  # it leads back to the connection, and so to this

    async def send_500_response(self) -> None:
        length = b"%d" % len(_BROKEN)
        headers = ((b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close"))
        self.head, self.chunked_encoding, self.expected_content_length = None, None, 0
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _BROKEN})

    async def _fail(self) -> None:
        if self.response_started:
            self.transport.close()
        else:
            await self.send_500_response()

    def _told(self) -> tuple[str, str]:
        return self.scope["method"], self.scope["path"]

    def _head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        lines, values = [STATUS_LINE[status]], []
        for name, value in headers:
            line = _LINES.get(name) or _line(name)
            if line is _LENGTH:
                self.chunked_encoding, self.expected_content_length = False, int(value)
            elif line is _CONNECTION:
                self.keep_alive = self.keep_alive and b"close" not in value.lower()
                continue
            elif line is _CODING:
                continue  # ours to choose
            values.append(value)
            lines += (line, value, b"\r\n")
        if _NOT_IN_VALUES.search(b"".join(values)):
            raise RuntimeError(f"a header of the answer holds a control character: {values!r}")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in {204, 304}:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _write(self, body: bytes, *, is_last: bool) -> None:
        if self.scope["method"] == "HEAD":
            body, self.expected_content_length = b"", 0
        elif self.chunked_encoding:
            body = b"".join((b"%x\r\n%s\r\n" % (len(body), body) if body else b"", b"0\r\n\r\n" if is_last else b""))
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (is_last and self.expected_content_length):
                raise RuntimeError("the body of the answer has not the length that its head tells")
        if self.head is not None:
            if len(body) > _COPIED_BYTES:
                self.transport.write(self.head)
            else:
                body = self.head + body
            self.head, self.response_started = None, True
        if body:
            self.transport.write(body)
        if is_last:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()


def _line(name: bytes) -> bytes:
    """Errors: RuntimeError."""
    if not _NAME.fullmatch(name):
        raise RuntimeError(f"{name!r} is no name of a header")
    line = _LINES.get(name.lower()) or b"%s: " % name.lower()
    if len(_LINES) < _MAX_LINES:
        _LINES[name] = line
    return line


class Outlet:
    """What an exchange sees of its transport: whoever closes that tells the connection, which knows how."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: Any, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close

    def shut(self) -> None:
        """Nothing is written from now on."""
        self.write = lambda _: None
        self.is_closing = lambda: True
