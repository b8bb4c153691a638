"""One request and its answer, as uvicorn has it, but for two things: how the connection ends is its connection's
business, and an application that fails is answered for in JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from model_server.graph.doors.http_refusals import status_body

_BROKEN = status_body(500, "the server failed to answer this request; its log says why")


class Exchange(RequestResponseCycle):
    async def send_500_response(self) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(_BROKEN)),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _BROKEN, "more_body": False})

    def abandon(self) -> None:
        """The client gets no answer from the application, whose sends go nowhere from now on."""
        self.disconnected = True
        self.message_event.set()

    @property
    def is_due(self) -> bool:
        return not (self.response_complete or self.disconnected)


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
