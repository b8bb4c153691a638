"""One HTTP connection: what comes on it is parsed (llhttp), held to limits, and made into exchanges.

A request runs as soon as its head is complete and those before it are answered. An Upgrade is not done: the request is
answered as if it had not been asked for, body included, which llhttp by itself would take for the other protocol.
"""

from __future__ import annotations

import asyncio
import logging
import urllib.parse
from typing import Any, Final

import httptools

from model_server.graph.doors import http_refusals as refusals
from model_server.graph.doors.flow_control import HIGH_WATER_BYTES
from model_server.graph.doors.http_connections import Connections
from model_server.graph.doors.http_exchange import Application, Exchange, Header
from model_server.graph.doors.http_lifecycle import BODY, HEAD, TURNED_AWAY, WAITING, Lifecycle
from model_server.graph.doors.http_limits import Limits
from model_server.graph.doors.http_refusals import Refused

__all__ = ["HttpConnection", "Limits"]

logger = logging.getLogger(__name__)

UNFINISHED_HEAD_FACTOR: Final = 2
"""An unfinished head is counted as it comes, colons and line ends included: it may have twice the bytes."""

_FRAMING: Final = frozenset({b"content-length", b"expect", b"transfer-encoding"})


class NoMoreRequests(Exception):
    """Raised in a callback of the parser where a request begins on a connection that takes no more."""


class HttpConnection(Lifecycle):
    def __init__(self, app: Application, shared: Connections, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(app, shared, loop)
        self.parser: Any = _parser(self)
        self.url = b""
        self.headers: list[Header] = []
        self.expects_100_continue = False
        self.content_length = 0
        self.head_bytes = 0
        self.body_bytes = 0
        self.fruitless_bytes = 0
        """Read since a message, a head or a piece of a body was last complete. The parser may hold on to them."""
        self.is_upgrade = False
        self.to_run: Exchange | None = None
        """Runs once what has arrived is read: mostly the whole request, for which the application need not wait."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.parser = None  # it leads back to this

    def data_received(self, data: bytes) -> None:
        self._read(data)
        exchange, self.to_run = self.to_run, None
        if exchange is not None:
            self.start(exchange)

    def _read(self, data: bytes) -> None:
        if self.phase >= TURNED_AWAY:
            if self.phase == TURNED_AWAY:
                self.refuse(refusals.too_many_connections(self.limits))
            self.discard(len(data))
            return
        self.fruitless_bytes += len(data)
        head_ends_at = 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head_ends_at = upgrade.args[0]
        except httptools.HttpParserError as error:
            self._stopped_by(error)
        if self.is_upgrade:  # not inside `except`: the parser tells of callbacks by the context of its errors
            self._go_on_without_upgrade(data[head_ends_at:])
        elif self.fruitless_bytes > UNFINISHED_HEAD_FACTOR * self.limits.max_head_bytes and HEAD <= self.phase <= BODY:
            self.refuse(refusals.head_too_large(self.limits))

    def on_message_begin(self) -> None:
        if self.newest is not None:
            if len(self.pipeline) >= self.limits.max_pipelined_requests:
                self.newest.keep_alive = False
            if not self.newest.keep_alive:
                raise NoMoreRequests
        self.phase = HEAD
        self.since = self.loop.time()
        self.url, self.headers, self.expects_100_continue = b"", [], False
        self.head_bytes = self.content_length = self.body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase != HEAD:
            return  # a trailer; the application has had its headers
        name = name.lower()
        self.headers.append((name, value))
        self.head_bytes += len(name) + len(value)
        if len(self.headers) > self.limits.max_headers:
            raise Refused(refusals.head_too_large(self.limits))
        if name in _FRAMING:
            self._note(name, value)

    def _note(self, name: bytes, value: bytes) -> None:
        """Errors: Refused."""
        if name == b"content-length":
            self.content_length = int(value)  # one number: the parser has seen to that
        elif name == b"expect":
            self.expects_100_continue = value.lower() == b"100-continue"
        elif value.lower() != b"chunked":
            raise Refused(refusals.malformed("a Transfer-Encoding other than chunked is not understood here"))

    def on_headers_complete(self) -> None:
        self.fruitless_bytes = 0
        if self.head_bytes + len(self.url) > self.limits.max_head_bytes:
            raise Refused(refusals.head_too_large(self.limits))
        parser = self.parser
        version = parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            raise Refused(refusals.malformed(f"it says HTTP/{version}; 1.1 and 1.0 are spoken here"))
        if parser.should_upgrade():
            self.is_upgrade = True
            return
        if self.content_length > self.limits.max_body_bytes:
            raise Refused(refusals.body_too_large(self.limits))
        path, query = _path_and_query(self.url)
        self.phase = BODY
        running = self.running
        self.newest = exchange = Exchange(
            parser.get_method().decode("ascii"),
            urllib.parse.unquote(path) if "%" in path else path,
            query,
            self.headers,
            outlet=self.outlet,
            flow=self.flow,
            keep_alive=version == "1.1" and parser.should_keep_alive() and not self.shared.is_draining,
            expects_100_continue=self.expects_100_continue,
            on_answered=self.on_answered,
        )
        if running is not None and running.is_due:
            self.flow.pause_reading()
            self.pipeline.appendleft(exchange)
        else:
            self.running = self.to_run = exchange

    def on_body(self, body: bytes) -> None:
        self.fruitless_bytes = 0
        self.body_bytes += len(body)
        if self.body_bytes > self.limits.max_body_bytes:
            raise Refused(refusals.body_too_large(self.limits))
        exchange = self.newest
        if exchange is None or exchange.is_answered:
            return
        exchange.add(body)
        if exchange.n_unread_bytes > HIGH_WATER_BYTES:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        if self.is_upgrade:
            return
        self.fruitless_bytes = 0
        self.phase = WAITING
        exchange = self.newest
        if exchange is None:
            return
        exchange.end()
        if exchange.is_answered:
            self.since = self.loop.time()

    def _stopped_by(self, error: httptools.HttpParserError) -> None:
        """The parser has stopped for good: by itself, or because a callback wanted it."""
        cause = error.__context__
        if isinstance(cause, NoMoreRequests):
            self.read_no_more()
        elif isinstance(cause, Refused):
            self.refuse(cause.refusal)
        elif isinstance(error, httptools.HttpParserCallbackError):
            logger.error("a callback of the HTTP parser failed", exc_info=cause)
            self.transport.abort()
        else:
            self.refuse(refusals.malformed(str(error)))

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Have the same head parsed again without its wish, then what follows it."""
        self.is_upgrade = False
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.refuse(refusals.malformed("CONNECT is for proxies, and this is none"))
            return
        lines = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = _parser(self)
        self._read(b"\r\n".join([*lines, b"", b""]) + rest)


def _parser(connection: HttpConnection) -> Any:
    parser = httptools.HttpRequestParser(connection)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # what comes then is thrown away, not refused
    return parser


def _path_and_query(url: bytes) -> tuple[str, str]:
    """Errors: Refused."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
    else:
        try:
            parsed = httptools.parse_url(url)
        except httptools.HttpParserInvalidURLError as error:
            raise Refused(refusals.malformed("its target is no URL")) from error
        path, query = parsed.path or b"/", parsed.query or b""
    return path.decode("ascii"), query.decode("latin-1")
