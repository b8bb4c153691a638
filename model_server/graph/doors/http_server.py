"""An HTTP/1.1 server around an application, on a socket that is bound already, inside a loop that runs already.

It touches no signal, and shares nothing with other servers in the same loop.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from model_server.graph.doors.http_connections import Connections
from model_server.graph.doors.http_exchange import Application
from model_server.graph.doors.http_limits import Limits
from model_server.graph.doors.http_protocol import HttpConnection

__all__ = ["HttpServer", "Limits"]

ACCEPT_BACKLOG: Final = 2_048
"""Connections that the kernel takes while the loop is busy. It has a limit of its own."""
LOOK_SECONDS: Final = 0.02
"""When stopping: how often it is looked whether everything has ended."""
ROUNDS_TO_ACCEPT: Final = 3
"""Turns of the loop in which what already waits in the kernel is accepted, and read."""


class HttpServer:
    def __init__(
        self,
        app: Application,
        listening: socket.socket,
        limits: Limits | None = None,
        on_refusal: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_refusal` gets the reason of each refusal, one of `http_refusals.REASONS`."""
        self._socket = listening
        self._connections = Connections(limits or Limits(), on_refusal)
        self._app = app
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: HttpConnection(self._app, self._connections, loop), sock=self._socket, backlog=ACCEPT_BACKLOG
        )
        self._connections.watch(loop)

    def begin_drain(self) -> None:
        """From now on each answer is the last one of its connection, and says so; connections are still accepted."""
        self._connections.drain()

    async def stop(self, grace_seconds: float) -> None:
        """Accept no more, answer what has arrived, close what is idle; cut what is left after `grace_seconds`."""
        if self._server is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        self.begin_drain()
        for _ in range(ROUNDS_TO_ACCEPT):
            await asyncio.sleep(0)
        self._server.close()
        self._connections.hurry()
        while not self._connections.is_empty and loop.time() < deadline:
            self._connections.look(loop.time())
            await asyncio.sleep(LOOK_SECONDS)
        self._connections.unwatch()
        await self._connections.cut()
        self._server = None
