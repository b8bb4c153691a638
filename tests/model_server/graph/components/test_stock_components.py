"""Seldon's own wrapper, the real one, as a component elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format
from http_by_hand import context, in_loop

from model_server.graph.components.http_client import HttpClient
from model_server.graph.components.remote import RemoteComponent
from model_server.graph.errors import ComponentAnsweredWithError, ComponentUnreachable, RouterFailed
from model_server.graph.messages import GrpcMessage, RestMessage
from model_server.graph.predictor import Endpoint, Node
from model_server.graph.protos import ours
from model_server.graph.verbs import Verb

pytestmark = pytest.mark.component
WRAPPER = Path(sys.executable).with_name("seldon-core-microservice")


def rows(*rows):
    return RestMessage(json.dumps({"data": {"ndarray": rows}}).encode())


def proto(*rows):
    return GrpcMessage.of_proto(json_format.ParseDict({"data": {"ndarray": list(rows)}}, ours().SeldonMessage()))


def as_dict(message):
    return json_format.MessageToDict(message.proto(ours().SeldonMessage))


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """Of a stock wrapper around StockEcho that has opened its REST port."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    http_port, grpc_port, metrics_port = (each.getsockname()[1] for each in sockets)
    for each in sockets:
        each.close()
    log = tmp_path_factory.mktemp("stock") / "log"
    command = [WRAPPER, "stock_echo.StockEcho", "--http-port", http_port, "--grpc-port", grpc_port]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(each) for each in [*command, "--metrics-port", metrics_port]],
            cwd=Path(__file__).parent,
            env={**os.environ, "PREDICTIVE_UNIT_ID": "echo"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Endpoint("127.0.0.1", http_port, grpc_port, http_port)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Remote:
    """A RemoteComponent at the endpoint, once it is ready both ways."""

    def __init__(self, endpoint):
        self.client = HttpClient()
        self.component = RemoteComponent(Node("echo", endpoint=endpoint), self.client)

    async def __aenter__(self):
        async with asyncio.timeout(50):
            while not await self._is_up():
                await asyncio.sleep(0.05)
        return self.component

    async def _is_up(self):
        try:
            await self.component.metadata(context("grpc"))
        except ComponentUnreachable:
            return False
        return await self.component.is_ready(thoroughly=True)

    async def __aexit__(self, *_):
        await self.component.close()
        await self.client.close()


@in_loop
async def test_the_stock_wrapper_answers_over_rest(endpoint):
    async with Remote(endpoint) as component:
        assert await component.is_ready(thoroughly=False)
        answer = await component.call(Verb.PREDICT, rows([1, 2]), context())
        assert (json.loads(answer.body)["data"]["ndarray"], answer.content_type) == ([[1, 2]], "application/json")
        answer = await component.aggregate([rows([1, 2]), rows([10, 20])], context())
        assert json.loads(answer.body)["data"]["ndarray"] == [[11, 22]]
        assert json.loads((await component.status(context())).body)["strData"] == "healthy"
        described = await component.metadata(context())
        assert (described["name"], described["versions"], described["custom"]) == ("echo", ["v7"], {"owner": "ads"})


@in_loop
async def test_the_stock_wrapper_answers_over_grpc(endpoint):
    async with Remote(endpoint) as component:
        answer = await component.call(Verb.PREDICT, proto([1, 2]), context("grpc"))
        assert as_dict(answer)["data"]["ndarray"] == [[1.0, 2.0]]
        answer = await component.aggregate([proto([1, 2]), proto([10, 20])], context("grpc"))
        assert as_dict(answer)["data"]["ndarray"] == [[11.0, 22.0]]
        described = await component.metadata(context("grpc"))
        assert (described["name"], described["versions"], described["custom"]) == ("echo", ["v7"], {"owner": "ads"})


@in_loop
async def test_errors_of_the_stock_wrapper_pass_in_its_own_words(endpoint):
    async with Remote(endpoint) as component:
        with pytest.raises(ComponentAnsweredWithError) as caught:
            await component.call(Verb.PREDICT, rows([1], [2], [3]), context())
        assert caught.value.http_status == 500
        assert json.loads(caught.value.body())["status"]["info"] == "three rows are too many"
        with pytest.raises(RouterFailed, match="status code 400") as caught:
            await component.call(Verb.ROUTE, rows([1]), context())
        with pytest.raises(ComponentAnsweredWithError) as caught:
            await component.call(Verb.PREDICT, proto([1], [2], [3]), context("grpc"))
        assert (caught.value.code, caught.value.details()) == (
            "UNKNOWN",
            "Exception calling application: three rows are too many",
        )
