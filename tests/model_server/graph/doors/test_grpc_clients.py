"""The gRPC door asked by grpcio's own clients: sizes, compression, reflection, many at once, a server that ends."""

import asyncio
import gc

import grpc
import pytest
from asked_door import Counted
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from model_server.graph.doors.grpc import GrpcDoor
from model_server.graph.doors.reception import Reception
from model_server.graph.errors import WrapperError
from model_server.graph.settings import Limits

METHOD = "/seldon.protos.Seldon/Predict"
MIB = 2**20
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
ANY_SIZE = [("grpc.max_receive_message_length", -1)]


def with_door(go, answer=None, limits=None):
    async def echo(request, context):
        return request

    async def run():
        counted, unretrieved = Counted(), []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: unretrieved.append(told))
        door = GrpcDoor({METHOD: answer or echo}, Reception(counted, limits or Limits()), "127.0.0.1", 0)
        await door.start()
        try:
            async with asyncio.timeout(60):
                return await go(f"127.0.0.1:{door.port}", door, counted)
        finally:
            await door.stop(0)
            assert door._desk.held_bytes == 0
            assert counted.under_way == 0
            gc.collect()
            assert not unretrieved

    return asyncio.run(run())


@pytest.mark.parametrize("compression", list(grpc.Compression))
@pytest.mark.parametrize("n_bytes", [0, 1, 16_379, 70_000, 5 * MIB])
def test_messages_of_any_size_come_back_however_they_are_compressed(n_bytes, compression):
    message = bytes(range(256)) * (n_bytes // 256) + b"x" * (n_bytes % 256)

    async def go(address, door, counted):
        async with grpc.aio.insecure_channel(address, options=ANY_SIZE) as channel:
            ask = channel.unary_unary(METHOD)
            assert await asyncio.gather(*(ask(message, compression=compression) for _ in range(3))) == [message] * 3

    with_door(go)


def test_a_small_message_that_is_large_when_read_is_refused():
    async def go(address, door, counted):
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as told:
                await channel.unary_unary(METHOD)(bytes(20 * MIB), compression=grpc.Compression.Gzip)
            assert told.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    with_door(go)


def test_the_synchronous_client_is_answered_too():
    def ask(address):
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(METHOD)
            return [each.result() for each in [call.future(b"%d" % i) for i in range(500)]]

    async def go(address, door, counted):
        assert await asyncio.to_thread(ask, address) == [b"%d" % i for i in range(500)]
        assert counted.answers == [(METHOD, "unary", "OK")] * 500

    with_door(go)


def test_reflection_answers_each_question_in_turn():
    questions = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="seldon.protos.Seldon"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="none.proto"),
    ]

    async def go(address, door, counted):
        async with grpc.aio.insecure_channel(address) as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            listed, file, none = [each async for each in stub.ServerReflectionInfo(iter(questions))]
        names = [each.name for each in listed.list_services_response.service]
        assert names == ["grpc.reflection.v1alpha.ServerReflection", "seldon.protos.Seldon"]
        assert any(b"SeldonMessage" in each for each in file.file_descriptor_response.file_descriptor_proto)
        assert none.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]

    with_door(go)


def test_a_server_that_ends_answers_what_is_under_way_and_takes_no_more():
    entered, go_on = [], []

    async def waits(request, context):
        entered[0].set()
        await go_on[0].wait()
        return request

    async def go(address, door, counted):
        entered.append(asyncio.Event())
        go_on.append(asyncio.Event())
        async with grpc.aio.insecure_channel(address) as channel:
            under_way = asyncio.ensure_future(channel.unary_unary(METHOD)(b"x"))
            await entered[0].wait()
            stopping = asyncio.ensure_future(door.stop(30))
            while door._server.is_serving():
                await asyncio.sleep(0)
            # A connection of its own: grpcio's channels to one address share theirs, on which calls still come in.
            async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as other:
                with pytest.raises(grpc.aio.AioRpcError) as told:
                    await other.unary_unary(METHOD)(b"y")
                assert told.value.code() is grpc.StatusCode.UNAVAILABLE
            go_on[0].set()
            assert await under_way == b"x"
            await stopping

    with_door(go, answer=waits)


def test_keep_alive_pings_of_a_client_that_asks_nothing_are_answered():
    options = [
        ("grpc.keepalive_time_ms", 10),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]

    async def go(address, door, counted):
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            await channel.unary_unary(METHOD)(b"x")
            (connection,) = door._connections
            await asyncio.sleep(0.5)
            assert await channel.unary_unary(METHOD)(b"x") == b"x"
            assert door._connections == {connection}

    with_door(go)


def test_a_call_that_fails_ends_with_its_code_and_leaves_nothing_behind():
    async def fails(request, context):
        raise WrapperError("not like this")

    async def go(address, door, counted):
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError, match="not like this") as told:
                await channel.unary_unary(METHOD)(b"x")
            assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert counted.answers == [(METHOD, "unary", "InvalidArgument")]

    with_door(go, answer=fails)
