"""A node whose component runs elsewhere: asked the way the request came, over REST or gRPC, as by the executor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final

from model_server.graph.components.calls import OnCall, told_nobody
from model_server.graph.components.grpc import GrpcComponent
from model_server.graph.components.http_client import HttpClient
from model_server.graph.components.rest import RestComponent
from model_server.graph.errors import InvalidPredictor
from model_server.graph.messages import Context, Message
from model_server.graph.predictor import Node
from model_server.graph.verbs import Verb

READY_WITHIN_SECONDS: Final = 2.0
"""What takes longer to open a connection, or to say that it is well, is not ready. Kubernetes asks again."""


class RemoteComponent:
    """Is a Component. The HttpClient is shared, so it is not closed here."""

    def __init__(
        self,
        node: Node,
        client: HttpClient,
        *,
        rest_timeout_seconds: float | None = None,
        grpc_timeout_seconds: float | None = None,
        max_message_bytes: int | None = None,
        on_call: OnCall = told_nobody,
    ) -> None:
        """`max_message_bytes` bounds gRPC messages; None: without a limit. Errors: InvalidPredictor."""
        if node.endpoint is None:
            raise InvalidPredictor(
                f"Node {node.name} runs elsewhere, but its endpoint names no service_host; Seldon's operator writes it"
            )
        self.name = node.name
        self._host = node.endpoint.host
        self._ready_port = node.endpoint.service_port or node.endpoint.http_port
        self._rest = RestComponent(
            self._host, node.endpoint.http_port, client, timeout_seconds=rest_timeout_seconds, on_call=on_call
        )
        self._grpc = GrpcComponent(
            self._host,
            node.endpoint.grpc_port,
            timeout_seconds=grpc_timeout_seconds,
            max_message_bytes=max_message_bytes,
            on_call=on_call,
        )

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        return await self._by(context).call(verb, message, context)

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        return await self._by(context).aggregate(messages, context)

    async def metadata(self, context: Context) -> Any:
        return await self._by(context).metadata(context)

    async def status(self, context: Context) -> Message:
        return await self._rest.status(context)

    async def is_ready(self, *, thoroughly: bool) -> bool:
        """Whether its port opens, which is all that the executor asks by default; `thoroughly`: its health check."""
        if thoroughly:
            return await self._rest.is_healthy(timeout_seconds=READY_WITHIN_SECONDS)
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                _, writer = await asyncio.open_connection(self._host, self._ready_port)
        except (OSError, ValueError):  # ValueError: a host name that cannot be one
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    async def close(self) -> None:
        await self._grpc.close()

    def _by(self, context: Context) -> RestComponent | GrpcComponent:
        return self._rest if context.transport == "rest" else self._grpc
