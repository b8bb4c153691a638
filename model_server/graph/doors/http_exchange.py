"""One request and its answer, as uvicorn has it, but for three things: how the connection ends is its connection's
business, a request that has arrived whole keeps no others coming, and an application that fails is answered for in JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from model_server.graph.doors.http_refusals import status_body

_BROKEN = status_body(500, "the server failed to answer this request; its log says why")


class Exchange(RequestResponseCycle):
    is_taken = False
    """Whether the application has had the whole body."""

    @property
    def is_due(self) -> bool:
        return not (self.response_complete or self.disconnected)

    def abandon(self) -> None:
        """The client gets no answer from the application, whose sends go nowhere from now on."""
        self.disconnected = True
        self.message_event.set()

    async def receive(self) -> Any:
        if self.is_taken or self.more_body or not self.is_due:
            event = await super().receive()
            self.is_taken = not self.more_body
            return event
        # Everything is here: unlike uvicorn, read no more on its account, which would be others' requests.
        self.is_taken = True
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def run_asgi(self, app: Callable[..., Any]) -> None:
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:
            if not (self.disconnected and isinstance(error, asyncio.CancelledError)):  # else the server was stopped
                self.logger.error("%s %s: the application failed", *self._told(), exc_info=error)
            await self._fail()
        else:
            if self.is_due:
                self.logger.error("%s %s: the application gave no whole answer", *self._told())
                await self._fail()
        finally:
            self.on_response = lambda: None  # it leads back to the connection, and so to this

    async def send_500_response(self) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(_BROKEN)),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _BROKEN, "more_body": False})

    async def _fail(self) -> None:
        if self.response_started:
            self.transport.close()
        else:
            await self.send_500_response()

    def _told(self) -> tuple[str, str]:
        return self.scope["method"], self.scope["path"]


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
