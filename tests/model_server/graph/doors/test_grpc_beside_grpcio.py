"""The gRPC door and grpcio's own server, asked the same by grpcio's client: a caller cannot tell them apart."""

import asyncio
from dataclasses import dataclass

import grpc
import pytest
from asked_door import Counted

from model_server.graph.doors.grpc import GrpcDoor
from model_server.graph.doors.reception import Reception
from model_server.graph.errors import WrapperError
from model_server.graph.settings import Limits

MAX_BYTES = 100_000
SERVICE = "/seldon.protos.Seldon"
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", MAX_BYTES)]


async def answered(request):
    """What both servers do with a request. Errors: WrapperError, whose status is INVALID_ARGUMENT, for b"bad"."""
    if request == b"bad":
        raise WrapperError("bad it is: \N{SNOWMAN} 100 %\n", http_status=400)
    if request == b"slow":
        await asyncio.sleep(60)
    return request[::-1]


async def by_grpcio(request, context):
    try:
        return await answered(request)
    except WrapperError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)


async def by_ours(request, _):
    return await answered(request)


@dataclass
class Told:
    """What a caller learns of a call."""

    code: grpc.StatusCode
    details: str
    answer: bytes | None = None


async def told_of(channel, method, request, **how):
    call = channel.unary_unary(method)(request, **how)
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return Told(error.code(), error.details())
    return Told(await call.code(), await call.details(), answer)


async def of_both(method, request, how):
    counted = Counted()
    door = GrpcDoor(
        {f"{SERVICE}/Predict": by_ours}, Reception(counted, Limits(max_grpc_message_bytes=MAX_BYTES)), "127.0.0.1", 0
    )
    await door.start()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MAX_BYTES), ("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(by_grpcio)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE[1:], {"Predict": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    told = []
    try:
        for each in (door.port, port):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{each}", options=OPTIONS) as channel:
                told.append(await told_of(channel, method, request, **how))
    finally:
        await server.stop(0)
        await door.stop(0)
    return told


CALLS = {
    "an answer": ("Predict", b"hello", {}),
    "nothing": ("Predict", b"", {}),
    "as large as may be": ("Predict", bytes(MAX_BYTES), {}),
    "compressed by gzip": ("Predict", b"x" * 50_000, {"compression": grpc.Compression.Gzip}),
    "compressed by deflate": ("Predict", b"x" * 50_000, {"compression": grpc.Compression.Deflate}),
    "metadata, binary too": ("Predict", b"a", {"metadata": (("x-a", "1"), ("x-a", "2"), ("x-bin", bytes(range(256))))}),
    "a fault of the caller's": ("Predict", b"bad", {}),
    "a deadline": ("Predict", b"slow", {"timeout": 0.2}),
    "a byte too large": ("Predict", bytes(MAX_BYTES + 1), {}),
    "much too large when it is whole": ("Predict", bytes(2 * MAX_BYTES), {"compression": grpc.Compression.Gzip}),
    "no such method": ("Predicted", b"", {}),
    "wait for ready": ("Predict", b"a", {"wait_for_ready": True}),
}


@pytest.mark.parametrize(("method", "request_bytes", "how"), CALLS.values(), ids=CALLS.keys())
def test_a_caller_learns_the_same_of_a_call(method, request_bytes, how):
    ours, theirs = asyncio.run(of_both(f"{SERVICE}/{method}", request_bytes, how))
    assert (ours.code, ours.answer) == (theirs.code, theirs.answer)
    if request_bytes == b"bad":
        assert ours.details == theirs.details
    assert bool(ours.details) == bool(theirs.details)
