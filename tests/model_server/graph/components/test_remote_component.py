"""A node that runs elsewhere: which way it is asked, and when it is ready."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

import grpc
import pytest
from http_by_hand import ByHand, answering, context, hanging, in_loop

from model_server.graph.components import remote as remote_module
from model_server.graph.components.http_client import HttpClient
from model_server.graph.components.remote import RemoteComponent
from model_server.graph.errors import ComponentTimedOut, InvalidPredictor
from model_server.graph.messages import GrpcMessage, RestMessage
from model_server.graph.predictor import Endpoint, Node, from_dict
from model_server.graph.verbs import Verb

NOBODY = 9


@contextlib.asynccontextmanager
async def remote_at(http_port=NOBODY, grpc_port=NOBODY, service_port=0, **how):
    client = HttpClient()
    endpoint = Endpoint("127.0.0.1", http_port, grpc_port, service_port)
    remote = RemoteComponent(Node("elsewhere", endpoint=endpoint), client, **how)
    try:
        yield remote
    finally:
        await remote.close()
        await client.close()


@in_loop
async def test_a_call_goes_on_over_the_transport_that_it_came_over():
    class Backwards(grpc.GenericRpcHandler):
        def service(self, details):
            async def answer(request, _call):
                return details.method.encode() + request

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.aio.server(handlers=[Backwards()])
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with ByHand(answering(b"[7]")).serving() as http, remote_at(http.port, grpc_port) as remote:
        assert remote.name == "elsewhere"
        over_rest = await remote.call(Verb.PREDICT, RestMessage(b"{}"), context("rest"))
        assert over_rest.body == b"[7]"
        over_grpc = await remote.call(Verb.PREDICT, GrpcMessage(b"?"), context("grpc"))
        assert over_grpc.serialized == b"/seldon.protos.Model/Predict?"
        await remote.aggregate([RestMessage(b"1")], context("rest"))
        aggregated = await remote.aggregate([GrpcMessage(b"?")], context("grpc"))
        assert aggregated.serialized == b"/seldon.protos.Combiner/Aggregate\x0a\x01?"
        assert (await remote.status(context("grpc"))).body == b"[7]"
        assert [request.line.split()[1] for request in http.requests] == ["/predict", "/aggregate", "/health/status"]
    await server.stop(0)


@in_loop
async def test_each_transport_has_its_own_time():
    silent = socket.create_server(("127.0.0.1", 0))  # accepts, in the kernel, and says nothing
    port = silent.getsockname()[1]
    async with remote_at(port, port, rest_timeout_seconds=0.01, grpc_timeout_seconds=0.02) as remote:
        with pytest.raises(ComponentTimedOut, match=r"^Post "):
            await remote.call(Verb.PREDICT, RestMessage(b"{}"), context("rest"))
        with pytest.raises(ComponentTimedOut, match=r"^context deadline exceeded"):
            await remote.call(Verb.PREDICT, GrpcMessage(b""), context("grpc"))
    silent.close()


@in_loop
async def test_readiness_is_the_opening_of_the_service_port():
    async with ByHand().serving() as http:
        async with remote_at(http.port) as remote:
            assert await remote.is_ready(thoroughly=False)
        async with remote_at(NOBODY, service_port=http.port) as remote:
            assert await remote.is_ready(thoroughly=False)
        async with remote_at(http.port, service_port=NOBODY) as remote:
            assert not await remote.is_ready(thoroughly=False)
        assert http.requests == []
    async with remote_at(http.port) as remote:  # gone by now
        assert not await remote.is_ready(thoroughly=False)


@in_loop
async def test_thorough_readiness_is_a_healthy_answer_and_not_counted():
    calls = []
    async with ByHand().serving() as http, remote_at(http.port, on_call=lambda *call: calls.append(call)) as remote:
        assert await remote.is_ready(thoroughly=True)
        assert http.requests[0].line == "GET /api/v1.0/health/status HTTP/1.1"
        for behaviour in (answering(status=500), answering(status=201)):
            http.behaviour = behaviour
            assert not await remote.is_ready(thoroughly=True)
        assert calls == []
    async with remote_at(http.port) as remote:
        assert not await remote.is_ready(thoroughly=True)


@in_loop
async def test_a_component_that_hangs_is_not_ready(monkeypatch):
    monkeypatch.setattr(remote_module, "READY_WITHIN_SECONDS", 0.05)
    async with ByHand(hanging).serving() as http, remote_at(http.port) as remote:
        assert not await remote.is_ready(thoroughly=True)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70, "not a host", ""])
@in_loop
async def test_no_host_makes_readiness_raise(host):
    client = HttpClient()
    remote = RemoteComponent(Node("elsewhere", endpoint=Endpoint(host, NOBODY, NOBODY)), client)
    assert await remote.is_ready(thoroughly=False) is False
    assert await remote.is_ready(thoroughly=True) is False
    await remote.close()
    await client.close()


FORKS = """
import asyncio, os
from model_server.graph.components.http_client import HttpClient
from model_server.graph.components.remote import RemoteComponent
from model_server.graph.errors import ComponentUnreachable
from model_server.graph.messages import Context, GrpcMessage, RestMessage
from model_server.graph.predictor import Endpoint, Node
from model_server.graph.verbs import Verb

client = HttpClient()
remote = RemoteComponent(Node("elsewhere", endpoint=Endpoint("127.0.0.1", 9, 9)), client)

async def call():
    n_unreachable = 0
    for message, transport in ((RestMessage(b"{}"), "rest"), (GrpcMessage(b""), "grpc")):
        try:
            await remote.call(Verb.PREDICT, message, Context("p", transport))
        except ComponentUnreachable:
            n_unreachable += 1
    await remote.close()
    await client.close()
    return n_unreachable

children = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        os._exit(asyncio.run(call()))
    children.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
"""


def test_it_is_made_once_and_called_in_each_process_that_is_forked_then():
    forked = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=False, timeout=60)
    assert (forked.stdout, forked.stderr) == ("[2, 2]\n", "")


@in_loop
async def test_it_is_closed_without_a_call():
    async with remote_at():
        pass


def test_a_node_without_an_address_is_refused():
    with pytest.raises(InvalidPredictor, match="Node lost runs elsewhere"):
        RemoteComponent(Node("lost"), HttpClient())


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ({"httpPort": 9000, "grpcPort": 9500, "service_port": 9500}, Endpoint("h", 9000, 9500, 9500)),
        ({"httpPort": 9000, "grpcPort": 9500}, Endpoint("h", 9000, 9500, 0)),
        ({"service_port": 9000}, Endpoint("h", 9000, 9000, 9000)),
    ],
)
def test_the_service_port_is_read_as_the_operator_writes_it(endpoint, expected):
    tree = {"name": "p", "graph": {"name": "m", "type": "MODEL", "endpoint": {"service_host": "h", **endpoint}}}
    assert from_dict(tree, "here").graph.endpoint == expected
