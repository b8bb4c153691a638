"""What this server serves, told to whoever asks over gRPC: grpcio_reflection's answers, loaded when first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from google.protobuf.message import DecodeError

from model_server.graph import protos
from model_server.graph.doors.grpc_calls import Method
from model_server.graph.errors import MessageUnreadable
from model_server.graph.messages import Context

SERVICE: Final = "grpc.reflection.v1alpha.ServerReflection"
METHOD: Final = f"/{SERVICE}/ServerReflectionInfo"


def method(services: Iterable[str]) -> Method:
    """`services`: their full names, beside this one's own."""
    named = (*services, SERVICE)

    @cache
    def servicer() -> Any:
        from grpc_reflection.v1alpha import reflection, reflection_pb2  # noqa: PLC0415 -- 20 MB that few ask for

        return reflection.ReflectionServicer(named, protos.pool()), reflection_pb2.ServerReflectionRequest

    async def answer(request: bytes, context: Context) -> bytes:
        del context
        asked, request_class = await asyncio.to_thread(servicer)
        try:
            parsed = request_class.FromString(request)
        except DecodeError as error:
            raise MessageUnreadable(f"the message is no ServerReflectionRequest: {error}") from error
        (answered,) = asked.ServerReflectionInfo(iter((parsed,)), None)
        serialized: bytes = answered.SerializeToString()
        return serialized

    return Method(METHOD, answer, streams=True)
