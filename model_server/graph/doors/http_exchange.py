"""One request and its answer.

The application is a function of an exchange: it may read the body, and answers once. So an answer leaves whole, in one
system call and mostly one packet, and until then an application that fails can still be answered for, in JSON. How the
connection ends is its connection's business.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

from model_server.graph.doors.flow_control import FlowControl
from model_server.graph.doors.http_refusals import status_body
from model_server.graph.errors import ClientGone, TooLarge

logger = logging.getLogger(__name__)

type Header = tuple[bytes, bytes]
type Application = Callable[[Exchange], Awaitable[None]]
"""Answers an exchange."""

_PHRASES: Final = {each.value: each.phrase for each in HTTPStatus}
_STATUS_LINES: Final = {each: f"HTTP/1.1 {each} {_PHRASES.get(each, '')}\r\n".encode() for each in range(100, 600)}
"""Of a component elsewhere may come a status that has no name."""
_BROKEN: Final = status_body(500, "the server failed to answer this request; its log says why")
_JSON_LINE: Final = b"content-type: application/json\r\n"
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUES: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_OURS: Final = frozenset({b"content-length", b"connection", b"transfer-encoding"})
_COPIED_BYTES: Final = 64 * 1024
"""Up to here a body is copied behind its head; a larger one is worth a system call of its own."""


def header_lines(headers: Iterable[Header]) -> bytes:
    """As they stand in an answer; what they hold may come from anywhere.

    Errors: RuntimeError for what could be taken for two headers, or is said by the exchange itself.
    """
    lines: list[bytes] = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise RuntimeError(f"{name!r} is no name of a header that an application gives")
        if _NOT_IN_VALUES.search(value):
            raise RuntimeError(f"a header of the answer holds a control character: {value!r}")
        lines += (name.lower(), b": ", value, b"\r\n")
    return b"".join(lines)


class Exchange:
    __slots__ = (
        "_arriving",
        "_expects_100_continue",
        "_flow",
        "_on_answered",
        "_outlet",
        "_pieces",
        "headers",
        "is_abandoned",
        "is_answered",
        "keep_alive",
        "method",
        "more_body",
        "n_unread_bytes",
        "path",
        "query",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: list[Header],
        *,
        outlet: Any,
        flow: FlowControl,
        keep_alive: bool,
        expects_100_continue: bool,
        on_answered: Callable[[], None],
    ) -> None:
        """`headers`: with names in lower case, in the order in which they came."""
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.keep_alive = keep_alive
        """Whether the connection takes another request after this one."""
        self.more_body = True
        self.n_unread_bytes = 0
        self.is_abandoned = False
        """Whether nobody gets an answer from the application any more."""
        self.is_answered = False
        self._outlet = outlet
        self._flow = flow
        self._expects_100_continue = expects_100_continue
        self._on_answered: Callable[[], None] | None = on_answered
        self._pieces: list[bytes] = []
        self._arriving: asyncio.Future[None] | None = None

    @property
    def is_due(self) -> bool:
        return not (self.is_answered or self.is_abandoned)

    def add(self, piece: bytes) -> None:
        """A piece of the body has come."""
        self._pieces.append(piece)
        self.n_unread_bytes += len(piece)
        self._wake()

    def end(self) -> None:
        """The whole body has come."""
        self.more_body = False
        self._wake()

    def abandon(self) -> None:
        """The client gets no answer from the application, whose words go nowhere from now on."""
        self.is_abandoned = True
        self._wake()

    async def body(self, max_bytes: int) -> bytes:
        """Errors: TooLarge; ClientGone where the client will not send the rest, nor hear an answer."""
        taken, n_bytes = self._taken(), 0
        chunks = taken
        while True:
            n_bytes += sum(map(len, taken))
            if n_bytes > max_bytes:
                raise TooLarge(f"the body is larger than {max_bytes:,} bytes; send fewer rows in a request")
            if not self.is_due:
                raise ClientGone(f"{self.method} {self.path}: the client left before its request was complete")
            if not self.more_body:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
            if self._expects_100_continue and not self._outlet.is_closing():
                self._expects_100_continue = False
                self._outlet.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._flow.resume_reading()
            self._arriving = asyncio.get_running_loop().create_future()
            await self._arriving
            taken = self._taken()
            chunks += taken

    async def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """`lines`: the headers, as `header_lines` writes them; the length is added. Errors: RuntimeError if it is the
        second answer.
        """
        if self._flow.write_paused and not self.is_abandoned:
            await self._flow.drain()
        if self.is_abandoned:
            return
        if self.is_answered:
            raise RuntimeError(f"{self.method} {self.path} was answered already")
        closing = b"" if self.keep_alive else b"connection: close\r\n"
        head = b"%b%bcontent-length: %d\r\n%b\r\n" % (_STATUS_LINES[status], lines, len(body), closing)
        self._expects_100_continue = False
        if self.method == "HEAD":
            body = b""
        if len(body) > _COPIED_BYTES:
            self._outlet.write(head)
            self._outlet.write(body)
        else:
            self._outlet.write(head + body)
        self.is_answered = True
        self._wake()
        if not self.keep_alive:
            self._outlet.close()
        if self._on_answered is not None:
            self._on_answered()

    async def run(self, app: Application) -> None:
        try:
            await app(self)
        except BaseException as error:  # one request must not end the server
            if not (self.is_abandoned and isinstance(error, asyncio.CancelledError)):  # else the server was stopped
                logger.exception("%s %s: the application failed", self.method, self.path)
            await self._fail()
        else:
            if self.is_due:
                logger.error("%s %s: the application gave no answer", self.method, self.path)
                await self._fail()
        finally:
            self._on_answered = None  # it leads back to the connection, and so to this

    async def _fail(self) -> None:
        if self.is_answered:
            self._outlet.close()
        else:
            self.keep_alive = False
            await self.answer(500, _JSON_LINE, _BROKEN)

    def _taken(self) -> list[bytes]:
        pieces, self._pieces, self.n_unread_bytes = self._pieces, [], 0
        return pieces

    def _wake(self) -> None:
        arriving, self._arriving = self._arriving, None
        if arriving is not None and not arriving.done():
            arriving.set_result(None)


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
