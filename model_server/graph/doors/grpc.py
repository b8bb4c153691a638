"""The gRPC door: Seldon's services, on raw bytes. Which of them, depends on what is behind it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import grpc
from grpc_reflection.v1alpha import reflection

from model_server.graph import protos
from model_server.graph.doors.reception import (
    PUID_HEADER,
    SKIP_LOGGING_HEADER,
    Reception,
    asks_not_to_be_logged,
    request_id,
    since,
)
from model_server.graph.grpc_codes import go_name
from model_server.graph.messages import Context

logger = logging.getLogger(__name__)

MAX_STREAMS_OF_A_CONNECTION: Final = 256

type Answer = Callable[[bytes, Context], Awaitable[bytes]]


class GrpcDoor:
    """`methods`: full name, such as /seldon.protos.Seldon/Predict -> what answers. Errors of `Answer`: GraphError."""

    def __init__(self, methods: dict[str, Answer], reception: Reception, host: str, port: int) -> None:
        self._reception = reception
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", reception.limits.max_grpc_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", MAX_STREAMS_OF_A_CONNECTION),
            ]
        )
        services = {name.rsplit("/", 2)[1] for name in methods}
        self._server.add_generic_rpc_handlers(
            (_Handlers({name: self._handler(name, methods[name]) for name in methods}),)
        )
        reflection.enable_server_reflection([*sorted(services), reflection.SERVICE_NAME], self._server, protos.pool())
        self.port = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    async def start(self) -> None:
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """No new calls; those under way may take so long."""
        await self._server.stop(grace_seconds)

    def _handler(self, name: str, answer: Answer) -> Any:
        telemetry = self._reception.telemetry
        tells_puid = not name.endswith("Metadata")

        async def serve(request: bytes, call: Any) -> bytes:
            began = time.perf_counter()
            metadata = dict(call.invocation_metadata() or ())  # of a key that comes twice, the last
            puid = request_id(_text(metadata, PUID_HEADER))
            code, details = "UNKNOWN", ""
            try:
                self._reception.admit()
                try:
                    is_logged = not asks_not_to_be_logged(_text(metadata, SKIP_LOGGING_HEADER))
                    answered = await answer(request, Context(puid, "grpc", metadata, is_logged))
                finally:
                    self._reception.gone()
                if tells_puid:
                    with suppress(Exception):  # the client has gone: grpcio's error for that has no public name
                        await call.send_initial_metadata(((PUID_HEADER, puid),))
                code = "OK"
            except asyncio.CancelledError:  # by the client, who left or whose time is over; or since the server ends
                code = "CANCELLED"
                raise
            except Exception as error:  # noqa: BLE001 -- one request must not end the server
                failure = self._reception.failed(error, puid)
                code, details = failure.code, failure.details()
            finally:
                telemetry.answered(name, "unary", go_name(code), since(began))
            if code != "OK":
                await call.abort(grpc.StatusCode[code], details)
            return answered

        return grpc.unary_unary_rpc_method_handler(serve)


def _text(metadata: Mapping[str, Any], key: str) -> str | None:
    value = metadata.get(key)
    return value if isinstance(value, str) else None


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, handlers: dict[str, Any]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)
