"""The gRPC door: Seldon's services, on raw bytes. Which of them, depends on what is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from model_server.graph.doors import grpc_reflection
from model_server.graph.doors.grpc_calls import Answer, Desk, Method
from model_server.graph.doors.grpc_connections import GrpcConnection
from model_server.graph.doors.reception import Reception
from model_server.graph.listening import bound

__all__ = ["Answer", "GrpcDoor"]

ACCEPT_BACKLOG: Final = 2_048
"""Connections that the kernel takes while the loop is busy."""
LOOK_SECONDS: Final = 1.0
STOPPING_LOOK_SECONDS: Final = 0.02
"""When stopping: how often it is looked whether everything has ended."""
ROUNDS_TO_ACCEPT: Final = 3
"""Turns of the loop in which what already waits in the kernel is accepted, and read."""
CUT_SECONDS: Final = 1.0
"""For calls to notice that they are cancelled, and for their clients to hear of it."""


class GrpcDoor:
    """`methods`: full name, such as /seldon.protos.Seldon/Predict -> what answers. Errors of `Answer`: GraphError."""

    def __init__(self, methods: Mapping[str, Answer], reception: Reception, host: str, port: int) -> None:
        """The port is the door's from now on, beside others' who share it; port 0: any."""
        known = {name: Method(name, answer, not name.endswith("Metadata")) for name, answer in methods.items()}
        services = {name.rsplit("/", 2)[1] for name in methods}
        known[grpc_reflection.METHOD] = grpc_reflection.method(sorted(services))
        self._methods = known
        self._reception = reception
        self._socket = bound(host, port, "gRPC", is_shared=True)
        self.port: int = self._socket.getsockname()[1]
        self._connections: set[GrpcConnection] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._desk = Desk(self._methods, self._reception, loop)
        self._server = await loop.create_server(
            lambda: GrpcConnection(self._desk, self._connections), sock=self._socket, backlog=ACCEPT_BACKLOG
        )
        self._watch(loop)

    async def stop(self, grace_seconds: float) -> None:
        """No new calls; those under way may take so long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        for _ in range(ROUNDS_TO_ACCEPT):
            await asyncio.sleep(0)
        self._server.close()
        for connection in self._connections:
            connection.drain()
        while self._connections and loop.time() < deadline:
            await asyncio.sleep(STOPPING_LOOK_SECONDS)
            self._look(loop.time())
        self._timer.cancel()
        for connection in tuple(self._connections):
            connection.cut()
        for task in tuple(self._desk.tasks):
            task.cancel()
        if self._desk.tasks:
            await asyncio.wait(self._desk.tasks, timeout=CUT_SECONDS)
        await asyncio.sleep(0)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(LOOK_SECONDS, self._watch, loop)
        self._look(loop.time())

    def _look(self, now: float) -> None:
        for connection in tuple(self._connections):
            connection.look(now)
