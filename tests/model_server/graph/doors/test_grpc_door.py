"""The gRPC door: ids, codes and details, what is counted, also of those who left, and where it listens."""

import asyncio
import logging

import grpc
import pytest
from asked_door import Counted

from model_server.graph.doors.executor import grpc_methods
from model_server.graph.doors.grpc import GrpcDoor
from model_server.graph.doors.reception import Reception
from model_server.graph.errors import NoSuchNode, WrapperError
from model_server.graph.settings import Limits

METHOD = "/seldon.protos.Seldon/Predict"
LONG = 20.0


def asked(answer, go, limits=None, host="127.0.0.1", address=None):
    """Run `go(call, counted)` with a door that gives `answer`."""

    async def run():
        counted = Counted()
        door = GrpcDoor({METHOD: answer}, Reception(counted, limits or Limits()), host, 0)
        await door.start()
        try:
            async with grpc.aio.insecure_channel(f"{address or host}:{door.port}") as channel:
                return await go(channel.unary_unary(METHOD), counted)
        finally:
            await door.stop(0)

    return asyncio.run(run())


async def echo(request, context):
    return request


async def until(condition):
    deadline = asyncio.get_running_loop().time() + LONG
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.002)


async def failure_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await call
    return told.value


def test_an_answer_has_the_id_that_was_given_or_a_new_one():
    async def go(call, counted):
        one = call(b"x", metadata=(("seldon-puid", "given"),))
        assert (await one, dict(await one.initial_metadata())["seldon-puid"]) == (b"x", "given")
        other = call(b"")
        await other
        assert len(dict(await other.initial_metadata())["seldon-puid"]) == 36
        assert counted.answers == [(METHOD, "unary", "OK")] * 2
        assert counted.under_way == 0

    asked(echo, go)


@pytest.mark.parametrize(
    "error",
    [NoSuchNode("caf\xe9 \u20ac" * 2_000), WrapperError("\u20ac" * 2_000), NoSuchNode("lone \udc80"), NoSuchNode("")],
)
def test_details_of_any_length_and_script_arrive_with_their_code(error, caplog):
    caplog.set_level(logging.CRITICAL)  # xdist cannot carry what is captured of a lone surrogate

    async def fails(request, context):
        raise error

    async def go(call, counted):
        told = await failure_of(call(b""))
        assert told.code().name == error.code
        assert told.details()[:4] == error.message.encode(errors="replace").decode()[:4]
        assert len(counted.answers) == 1

    asked(fails, go)


def test_who_leaves_is_counted_as_such_and_holds_no_place():
    async def go(call, counted):
        entered = asyncio.Event()
        waiting.append(entered)
        leaving = call(b"")
        asking = asyncio.ensure_future(leaving)
        await asyncio.wait_for(entered.wait(), LONG)
        assert counted.under_way == 1
        leaving.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await until(lambda: counted.answers)
        assert counted.answers == [(METHOD, "unary", "Canceled")]
        assert counted.under_way == 0

    waiting = []

    async def waits(request, context):
        waiting[0].set()
        await asyncio.Event().wait()

    asked(waits, go)


def test_whose_time_is_over_holds_no_place_either():
    async def waits(request, context):
        await asyncio.Event().wait()

    async def go(call, counted):
        assert (await failure_of(call(b"", timeout=0.1))).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: counted.answers)
        assert counted.answers == [(METHOD, "unary", "Canceled")]
        assert counted.under_way == 0

    asked(waits, go)


def test_more_calls_than_may_wait_are_refused():
    entered, go_on = [], []

    async def waits(request, context):
        entered[0].set()
        await go_on[0].wait()
        return b""

    async def go(call, counted):
        entered.append(asyncio.Event())
        go_on.append(asyncio.Event())
        first = asyncio.ensure_future(call(b""))
        await asyncio.wait_for(entered[0].wait(), LONG)
        told = await failure_of(call(b""))
        assert told.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert counted.refusals == ["queue_full"]
        go_on[0].set()
        await first

    asked(waits, go, limits=Limits(max_requests_waiting=1))


def test_an_error_of_the_server_itself_keeps_its_reason(caplog):
    async def breaks(request, context):
        raise ZeroDivisionError("secret")

    async def go(call, counted):
        told = await failure_of(call(b"", metadata=(("seldon-puid", "the-id"),)))
        assert told.code() is grpc.StatusCode.UNKNOWN
        assert "the-id" in told.details()
        assert "secret" not in told.details()

    asked(breaks, go)
    assert "secret" in caplog.text


def test_bytes_that_are_no_message_are_the_callers_fault(caplog):
    caplog.set_level(logging.ERROR)

    async def go(call, counted):
        told = await failure_of(call(b"\xff\xff"))
        assert told.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "SeldonModelMetadataRequest" in told.details()

    asked(grpc_methods(None)["/seldon.protos.Seldon/ModelMetadata"], go)
    assert not caplog.records


def test_a_door_listens_on_an_address_of_version_six():
    async def go(call, counted):
        assert await call(b"x") == b"x"

    asked(echo, go, host="::1", address="[::1]")
