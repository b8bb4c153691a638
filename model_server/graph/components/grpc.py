"""A component elsewhere, called over gRPC as Seldon's executor calls it: bytes in, bytes out, nothing generated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import grpc
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from model_server.graph.base128 import base128
from model_server.graph.components.calls import OnCall, told_nobody
from model_server.graph.components.headers import grpc_metadata
from model_server.graph.errors import ComponentAnsweredWithError, ComponentTimedOut, ComponentUnreachable, GraphError
from model_server.graph.grpc_codes import go_name
from model_server.graph.messages import Context, GrpcMessage, Message
from model_server.graph.protos import ours
from model_server.graph.verbs import Verb

METADATA_METHOD: Final = "/seldon.protos.Model/Metadata"
MAX_CONNECTIONS: Final = 10
"""As many as the executor holds to each component. The processes of a component (GRPC_WORKERS) share its port, and each
connection belongs to one of them: calls over a single one would all be done by a single process."""
RECONNECT_WITHIN_MS: Final = 1000
"""A component that comes back is found again within a second; gRPC itself would wait up to two minutes."""


class GrpcComponent:
    """Takes and gives GrpcMessages; their bytes are not looked into, so garbage passes too.

    Connections are opened as calls overlap, inside the event loop that makes them: the process may fork before.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout_seconds: float | None = None,
        max_message_bytes: int | None = None,
        on_call: OnCall = told_nobody,
    ) -> None:
        """`timeout_seconds` for a whole call, None: as long as it takes; `max_message_bytes` None: without a limit."""
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._timeout_seconds = timeout_seconds
        self._max_message_bytes = -1 if max_message_bytes is None else max_message_bytes
        self._on_call = on_call
        self._connections: list[_Connection] = []

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        return GrpcMessage(await self._asked(verb.grpc_method, _serialized(message), context))

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        serialized = joined([_serialized(each) for each in messages])
        return GrpcMessage(await self._asked(Verb.AGGREGATE.grpc_method, serialized, context))

    async def metadata(self, context: Context) -> Any:
        answer = await self._asked(METADATA_METHOD, b"", context)
        try:
            metadata = ours().SeldonModelMetadata.FromString(answer)
        except DecodeError as error:
            raise ComponentAnsweredWithError(
                f"{METADATA_METHOD} of {self._address} answered with what is no SeldonModelMetadata: {error}",
                code="INTERNAL",
            ) from error
        return {
            "name": metadata.name,
            "versions": list(metadata.versions),
            "platform": metadata.platform,
            "inputs": [_described(each) for each in metadata.inputs],
            "outputs": [_described(each) for each in metadata.outputs],
            "custom": dict(metadata.custom),
        }

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()

    async def _asked(self, method: str, request: bytes, context: Context) -> bytes:
        started = time.perf_counter()
        code = "OK"
        try:
            return await self._free_connection().ask(method, request, grpc_metadata(context), self._timeout_seconds)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            raise _failure(code, error.details() or "", self._address) from error
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        finally:
            self._on_call(method, "unary", go_name(code), time.perf_counter() - started)

    def _free_connection(self) -> _Connection:
        """The least busy one; one more where all are busy and there may be more."""
        least = min(self._connections, key=lambda each: each.n_calls, default=None)
        if least is None or (least.n_calls and len(self._connections) < MAX_CONNECTIONS):
            least = _Connection(self._address, self._max_message_bytes)
            self._connections.append(least)
        return least


class _Connection:
    def __init__(self, address: str, max_message_bytes: int) -> None:
        options = [
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share one connection
            ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_WITHIN_MS // 10),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_WITHIN_MS),
        ]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self._methods: dict[str, Any] = {}
        self.n_calls = 0

    async def ask(
        self, method: str, request: bytes, metadata: list[tuple[str, str | bytes]], timeout_seconds: float | None
    ) -> bytes:
        callable_ = self._methods.get(method)
        if callable_ is None:
            callable_ = self._methods[method] = self._channel.unary_unary(method)
        self.n_calls += 1
        try:
            answer: bytes = await callable_(request, metadata=metadata, timeout=timeout_seconds)
            return answer
        finally:
            self.n_calls -= 1

    async def close(self) -> None:
        await self._channel.close()


def joined(serialized: Sequence[bytes]) -> bytes:
    """A SeldonMessageList of these messages, which are not parsed: its field 1, as often as there are messages."""
    return b"".join(b"\x0a" + base128(len(each)) + each for each in serialized)


def _failure(code: str, details: str, address: str) -> GraphError:
    """What the component said; where gRPC itself says it, in the words of Go's, which the executor's users know."""
    if code == "UNAVAILABLE":
        if details.startswith("failed to connect to all addresses"):
            cause = f"dial tcp {address}: connect: connection refused" if "refused" in details else details
            return ComponentUnreachable(f'connection error: desc = "transport: Error while dialing: {cause}"')
        return ComponentUnreachable(details)
    if code == "DEADLINE_EXCEEDED":
        return ComponentTimedOut("context deadline exceeded" if details == "Deadline Exceeded" else details)
    return ComponentAnsweredWithError(details, code=code)


def _described(message: Any) -> dict[str, Any]:
    """An input or output of a model, its shape as numbers: protobuf's JSON has 64-bit integers as text."""
    described: dict[str, Any] = json_format.MessageToDict(message)
    if message.shape:
        described["shape"] = list(message.shape)
    return described


def _serialized(message: Message) -> bytes:
    if not isinstance(message, GrpcMessage):
        raise TypeError(f"a call over gRPC takes GrpcMessages, not {type(message).__name__}")
    return message.serialized
