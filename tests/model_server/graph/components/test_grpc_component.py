"""A component over gRPC: what it is sent, and what becomes of its answers, good and bad."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import grpc
import pytest
from http_by_hand import context, in_loop, until
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.graph.components.grpc import MAX_CONNECTIONS, GrpcComponent, joined
from model_server.graph.errors import ComponentAnsweredWithError, ComponentTimedOut, ComponentUnreachable
from model_server.graph.messages import GrpcMessage
from model_server.graph.protos import ours
from model_server.graph.verbs import Verb

QUESTION = GrpcMessage.of_proto(ours().SeldonMessage(strData="question"))
METADATA = "/seldon.protos.Model/Metadata"


async def echo(_method, request, _call):
    return request


@dataclass
class Server(grpc.GenericRpcHandler):
    """Any method, bytes in and bytes out, as told."""

    behaviour: object = echo
    calls: list = field(default_factory=list)
    peers: set = field(default_factory=set)
    port: int = 0

    def service(self, details):
        async def answer(request, call):
            self.calls.append((details.method, tuple(details.invocation_metadata), request))
            self.peers.add(call.peer())
            return await self.behaviour(details.method, request, call)

        return grpc.unary_unary_rpc_method_handler(answer)

    @contextlib.asynccontextmanager
    async def serving(self, port=0):
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        server = grpc.aio.server(handlers=[self], options=unlimited)
        self.port = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        try:
            yield self
        finally:
            await server.stop(0)


class Calls(list):
    def __call__(self, service, method, code, seconds):
        assert seconds >= 0
        self.append((service, method, code))


@contextlib.asynccontextmanager
async def component(server, **how):
    remote = GrpcComponent("127.0.0.1", server.port, **how)
    try:
        yield remote
    finally:
        await remote.close()


def failing(code, details):
    async def fail(_method, _request, call):
        await call.abort(code, details)

    return fail


@pytest.mark.parametrize("verb", list(Verb))
@in_loop
async def test_each_verb_calls_its_method_and_is_counted(verb):
    calls = Calls()
    async with Server().serving() as server, component(server, on_call=calls) as remote:
        answer = await remote.call(verb, QUESTION, context("grpc"))
        assert answer.serialized == QUESTION.serialized
        assert [(method, request) for method, _, request in server.calls] == [(verb.grpc_method, QUESTION.serialized)]
        assert calls == [(verb.grpc_method, "unary", "OK")]


@in_loop
async def test_bytes_that_are_no_message_pass_both_ways():
    async with Server().serving() as server, component(server) as remote:
        garbage = GrpcMessage(b"\xff\xff\xff garbage")
        assert (await remote.call(Verb.PREDICT, garbage, context("grpc"))).serialized == garbage.serialized


@in_loop
async def test_metadata_of_the_client_go_on_and_those_of_grpc_do_not():
    metadata = {
        "x-custom": "c1",
        "authorization": "Bearer x",
        "x-trace-bin": b"\x00\xff",
        "x-text-bin": "no bytes",
        "x-euro": "\u20ac",
        "X-Upper": "1",
        "grpc-timeout": "1S",
        "grpc-encoding": "gzip",
        "user-agent": "grpc-go/1.53.0",
        "content-type": "application/grpc",
        "te": "trailers",
        "seldon-puid": "from-the-client",
    }
    async with Server().serving() as server, component(server) as remote:
        await remote.call(Verb.PREDICT, QUESTION, context("grpc", **metadata))
        ((_, seen, _),) = server.calls
        assert {key: value for key, value in seen if key != "user-agent"} == {
            "x-custom": "c1",
            "authorization": "Bearer x",
            "x-trace-bin": b"\x00\xff",
            "seldon-puid": "puid-7",
        }


@pytest.mark.parametrize(
    ("code", "go_code"),
    [
        (grpc.StatusCode.UNKNOWN, "Unknown"),
        (grpc.StatusCode.CANCELLED, "Canceled"),
        (grpc.StatusCode.FAILED_PRECONDITION, "FailedPrecondition"),
        (grpc.StatusCode.UNIMPLEMENTED, "Unimplemented"),
    ],
)
@in_loop
async def test_the_status_of_a_component_passes_unchanged(code, go_code):
    calls = Calls()
    server = Server(failing(code, 'Exception calling application: "é"'))
    async with server.serving(), component(server, on_call=calls) as remote:
        with pytest.raises(ComponentAnsweredWithError) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context("grpc"))
        assert (caught.value.code, caught.value.details()) == (code.name, 'Exception calling application: "é"')
        assert calls == [(Verb.PREDICT.grpc_method, "unary", go_code)]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, ComponentUnreachable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ComponentTimedOut),
    ],
)
@in_loop
async def test_a_component_may_say_itself_that_it_is_unavailable_or_late(code, error):
    server = Server(failing(code, "in its own words"))
    async with server.serving(), component(server) as remote:
        with pytest.raises(error) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context("grpc"))
        assert (caught.value.code, caught.value.details()) == (code.name, "in its own words")


@in_loop
async def test_nobody_at_the_address_is_told_as_the_executor_tells_it():
    calls = Calls()
    async with Server().serving() as server:
        pass
    async with component(server, on_call=calls) as remote:
        with pytest.raises(ComponentUnreachable) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context("grpc"))
        assert caught.value.code == "UNAVAILABLE"
        assert caught.value.message == (
            'connection error: desc = "transport: Error while dialing: '
            f'dial tcp 127.0.0.1:{server.port}: connect: connection refused"'
        )
        assert calls == [(Verb.PREDICT.grpc_method, "unary", "Unavailable")]


@in_loop
async def test_a_component_that_comes_back_is_found_again():
    async with Server().serving() as server:
        pass
    async with component(server) as remote:
        with pytest.raises(ComponentUnreachable):
            await remote.call(Verb.PREDICT, QUESTION, context("grpc"))
        async with server.serving(server.port):
            async with asyncio.timeout(20):
                while not server.calls:
                    with contextlib.suppress(ComponentUnreachable):
                        await remote.call(Verb.PREDICT, QUESTION, context("grpc"))
                    await asyncio.sleep(0.01)


@in_loop
async def test_a_component_that_hangs_is_given_up_in_time_and_counted():
    calls = Calls()

    async def hang(_method, _request, _call):
        await asyncio.Event().wait()

    async with Server(hang).serving() as server, component(server, timeout_seconds=0.05, on_call=calls) as remote:
        with pytest.raises(ComponentTimedOut) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context("grpc"))
        assert (caught.value.code, caught.value.message) == ("DEADLINE_EXCEEDED", "context deadline exceeded")
        assert calls == [(Verb.PREDICT.grpc_method, "unary", "DeadlineExceeded")]


@in_loop
async def test_a_call_that_is_cancelled_is_cancelled_at_the_component_and_counted():
    calls, ended = Calls(), []

    async def hang(_method, _request, _call):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with Server(hang).serving() as server, component(server, on_call=calls) as remote:
        call = asyncio.ensure_future(remote.call(Verb.PREDICT, QUESTION, context("grpc")))
        await until(lambda: server.calls)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: ended)
        assert calls == [(Verb.PREDICT.grpc_method, "unary", "Canceled")]


@in_loop
async def test_messages_are_as_large_as_they_like_unless_told_otherwise():
    large = GrpcMessage(b"\x2a" + bytes(6_000_000))
    async with Server().serving() as server:
        async with component(server) as remote:
            assert len((await remote.call(Verb.PREDICT, large, context("grpc"))).serialized) == 6_000_001
        async with component(server, max_message_bytes=1000) as remote:
            assert await remote.call(Verb.PREDICT, GrpcMessage(bytes(1000)), context("grpc"))
            with pytest.raises(ComponentAnsweredWithError, match="larger than max") as caught:
                await remote.call(Verb.PREDICT, GrpcMessage(bytes(1001)), context("grpc"))
            assert caught.value.code == "RESOURCE_EXHAUSTED"


@in_loop
async def test_calls_one_after_another_share_a_connection_and_calls_at_once_spread_over_several():
    release = asyncio.Event()

    async def once_released(_method, request, _call):
        await release.wait()
        return request

    async with Server(once_released).serving() as server, component(server) as remote:
        calls = [asyncio.ensure_future(remote.call(Verb.PREDICT, QUESTION, context("grpc"))) for _ in range(30)]
        await until(lambda: len(server.calls) == 30)
        assert len(server.peers) == MAX_CONNECTIONS
        release.set()
        assert len(await asyncio.gather(*calls)) == 30
    server.peers.clear()
    async with server.serving(), component(server) as remote:
        for _ in range(10):
            await remote.call(Verb.PREDICT, QUESTION, context("grpc"))
        assert len(server.peers) == 1


@in_loop
async def test_the_answers_of_children_are_sent_as_one_list():
    async with Server().serving() as server, component(server) as remote:
        children = [ours().SeldonMessage(strData=text) for text in ("first", "", "x" * 300)]
        await remote.aggregate([GrpcMessage.of_proto(each) for each in children], context("grpc"))
        ((method, _, request),) = server.calls
        assert method == "/seldon.protos.Combiner/Aggregate"
        assert list(ours().SeldonMessageList.FromString(request).seldonMessages) == children


@given(texts=st.lists(st.text(max_size=300), max_size=5))
@settings(max_examples=100, derandomize=True)
def test_joined_messages_are_a_seldon_message_list(texts):
    messages = [ours().SeldonMessage(strData=text) for text in texts]
    serialized = joined([message.SerializeToString() for message in messages])
    assert serialized == ours().SeldonMessageList(seldonMessages=messages).SerializeToString()


@in_loop
async def test_metadata_come_as_a_dict():
    described = ours().SeldonModelMetadata(name="m", versions=["v1", "v2"], custom={"owner": "ads"})
    described.inputs.add(messagetype="tensor", name="x", datatype="FP32", shape=[2, 3])
    described.outputs.add(messagetype="ndarray").schema.struct_value.update({"names": ["a"]})

    async def describe(method, _request, _call):
        return described.SerializeToString() if method == METADATA else b""

    calls = Calls()
    async with Server(describe).serving() as server, component(server, on_call=calls) as remote:
        assert await remote.metadata(context("grpc")) == {
            "name": "m",
            "versions": ["v1", "v2"],
            "platform": "",
            "inputs": [{"messagetype": "tensor", "name": "x", "datatype": "FP32", "shape": [2, 3]}],
            "outputs": [{"messagetype": "ndarray", "schema": {"names": ["a"]}}],
            "custom": {"owner": "ads"},
        }
        assert calls == [(METADATA, "unary", "OK")]


@in_loop
async def test_metadata_that_are_none_are_refused():
    async def garbage(_method, _request, _call):
        return b"\xff\xff"

    async with Server(garbage).serving() as server, component(server) as remote:
        with pytest.raises(ComponentAnsweredWithError, match="no SeldonModelMetadata") as caught:
            await remote.metadata(context("grpc"))
        assert caught.value.code == "INTERNAL"
