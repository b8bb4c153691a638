"""Spans of a graph server that has an OTLP endpoint, as they arrive there; and that there is nothing of them else."""

import asyncio
import socket
import time
from pathlib import Path

import aiohttp
import grpc
import pytest
from graph_server_process import graph_arguments, started
from otlp_receiver import otlp_receiver
from routers_under_test import Caller, parameters, request

from model_server.graph import protos

HERE = Path(__file__).parent
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NODES = ["outlier-detector /transform-input", "classifier /predict"]
BATCHES = ["outlier-detector batch", "classifier batch"]


@pytest.fixture(scope="module")
def receiver():
    with otlp_receiver() as found:
        yield found


def node(name, kind, *children, **more):
    return {"name": name, "type": kind, "children": list(children), **more}


def tree(classes, graph):
    containers = [
        {"name": name, "image": f"{name}:1", "env": [{"name": "MODEL_NAME", "value": f"traced_models.{each}"}]}
        for name, each in classes.items()
    ]
    return {"name": "champion", "graph": graph, "componentSpecs": [{"spec": {"containers": containers}}]}


def two_nodes(model="Scorer"):
    classes = {"outlier-detector": "Doubler", "classifier": model}
    return tree(classes, node("outlier-detector", "TRANSFORMER", node("classifier", "MODEL")))


def telling(endpoint, **more):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50", **more}


def asked(predictor, folder, variables, ask):
    """What `ask(caller, server)` gives of a server of this predictor."""

    async def run():
        arguments, environment = graph_arguments(predictor, folder)
        async with (
            started(arguments, folder, environment=environment | variables, python_path=[HERE]) as server,
            Caller(server.http_port, server.grpc_port) as caller,
        ):
            return await ask(caller, server)

    return asyncio.run(run())


async def posted(server, message, path="/api/v1.0/predictions", **headers):
    async with aiohttp.ClientSession() as session:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with session.post(f"{server.url}{path}", json=message, headers=headers) as answer:
            return answer.status, await answer.json()


def assert_is_inside(inner, outer):
    """With a millisecond for two readings of two clocks."""
    assert outer["start"] - 1e6 <= inner["start"] <= inner["end"] <= outer["end"] + 1e6


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_request_has_spans_of_the_server_of_each_node_and_of_each_batch(receiver, tmp_path, transport):
    before = time.time_ns()

    async def ask(caller, server):
        if transport == "rest":
            status, _ = await posted(server, request(), seldon_puid="rest-1")
            assert status == 200
            return "rest-1"
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            message = protos.ours().SeldonMessage()
            message.data.tensor.shape.extend([1, 1])
            message.data.tensor.values.append(1.0)
            call = channel.unary_unary("/seldon.protos.Seldon/Predict")
            await call(message.SerializeToString(), metadata=(("seldon-puid", "grpc-1"),))
        return "grpc-1"

    puid = asked(two_nodes(), tmp_path, telling(receiver.endpoint), ask)
    spans = receiver.of_puid(puid, 5)
    assert set(spans) == {"predict dep/champion", *NODES, *BATCHES}
    server = spans["predict dep/champion"]
    assert (server["kind"], server["parent"]) == ("SERVER", "")
    attributes = server["attributes"]
    assert (attributes["seldon.deployment"], attributes["seldon.predictor"]) == ("dep", "champion")
    if transport == "rest":
        assert attributes["http.response.status_code"] == 200
    else:
        assert attributes["rpc.method"] == "seldon.protos.Seldon/Predict"
        assert attributes["rpc.response.status_code"] == "OK"
    for name, batch, model in zip(NODES, BATCHES, ("outlier-detector", "classifier"), strict=True):
        for each in (spans[name], spans[batch]):
            assert (each["kind"], each["parent"], each["trace"]) == ("INTERNAL", server["id"], server["trace"])
            assert each["attributes"]["seldon.model_name"] == model
            assert_is_inside(each, server)
        assert spans[name]["attributes"]["seldon.code"] == ("200" if transport == "rest" else "OK")
        assert spans[name]["links"] == {spans[batch]["id"]}
        assert spans[batch]["links"] == {server["id"]}
        told = spans[batch]["attributes"]
        assert (told["batch.rows"], told["batch.requests"]) == (1, 1)
    assert len({span["id"] for span in spans.values()}) == 5
    assert before <= server["start"] <= server["end"] <= time.time_ns()
    assert server["resource"]["service.name"] == "dep-champion"
    assert not any(span["is_error"] for span in spans.values())
    assert receiver.paths == {"/v1/traces"}


def test_a_clients_trace_is_continued_and_its_decision_not_to_be_sampled_is_kept(receiver, tmp_path):
    async def ask(_, server):
        await posted(server, request(), seldon_puid="left-out", traceparent=f"00-{TRACE}-{PARENT}-00")
        await posted(server, request(), seldon_puid="no-parent", traceparent="garbage")
        await posted(server, {"reward": 1.0, "request": request()}, "/api/v1.0/feedback", seldon_puid="rewarded")
        await posted(server, request(), seldon_puid="continued", traceparent=f"00-{TRACE}-{PARENT}-01")

    asked(two_nodes(), tmp_path, telling(receiver.endpoint, OTEL_SERVICE_NAME="mine"), ask)
    spans = receiver.of_puid("continued", 5)
    assert {span["trace"] for span in spans.values()} == {TRACE}
    assert spans["predict dep/champion"]["parent"] == PARENT
    assert spans["predict dep/champion"]["resource"]["service.name"] == "mine"
    assert receiver.of_puid("no-parent", 5)["predict dep/champion"]["parent"] == ""
    rewarded = receiver.of_puid("rewarded", 2)
    assert rewarded["classifier /send-feedback"]["parent"] == rewarded["feedback dep/champion"]["id"]
    # The server told all it had when it ended.
    assert not [span for span in receiver.spans if span["attributes"].get("seldon.puid") == "left-out"]


@pytest.mark.parametrize("model", ["Scorer", "Alone"])
def test_a_component_that_fails_is_marked_and_so_is_the_request(receiver, tmp_path, model):
    puid = f"failed-{model}"

    async def ask(_, server):
        message = {"data": {"ndarray": [[-1.0]]}}
        status, _ = await posted(server, message, seldon_puid=puid)
        refused, _ = await posted(server, {"data": {"ndarray": 7}}, seldon_puid=f"{puid}-refused")
        return status, refused

    status, refused = asked(two_nodes(model), tmp_path, telling(receiver.endpoint), ask)
    spans = receiver.of_puid(puid, 5 if model == "Scorer" else 4)
    server, failed, fine = (spans[name] for name in ("predict dep/champion", NODES[1], NODES[0]))
    assert server["is_error"]
    assert server["attributes"]["http.response.status_code"] == status == 500
    assert failed["is_error"]
    assert "no score below zero" in failed["said"]
    assert failed["attributes"]["seldon.code"] == "500"
    assert failed["parent"] == server["id"]
    assert not fine["is_error"]
    server = receiver.of_puid(f"{puid}-refused", 2)["predict dep/champion"]
    assert server["attributes"]["http.response.status_code"] == refused == 400
    assert not server["is_error"], "it is the client's error, which OpenTelemetry does not count as the server's"
    assert server["attributes"]["error.type"]


def test_requests_that_are_answered_together_share_a_batch_that_links_to_all_of_them(receiver, tmp_path):
    gate = tmp_path / "gate"
    model = node("slow", "MODEL", parameters=parameters(gate=str(gate)))

    async def ask(caller, server):
        first = asyncio.create_task(posted(server, {"data": {"ndarray": [[0.5]]}}, seldon_puid="together-first"))
        while "graph_server_requests_in_flight 1.0" not in await asyncio.to_thread(server.metrics):
            await asyncio.sleep(0.01)
        rest = [asyncio.create_task(posted(server, request(), seldon_puid=f"together-{i}")) for i in range(3)]
        while "graph_server_requests_in_flight 4.0" not in await asyncio.to_thread(server.metrics):
            await asyncio.sleep(0.01)
        gate.touch()
        assert [status for status, _ in await asyncio.gather(first, *rest)] == [200] * 4

    asked(tree({"slow": "Slow"}, model), tmp_path, telling(receiver.endpoint), ask)
    servers = [receiver.of_puid(f"together-{i}", 2)["predict dep/champion"] for i in range(3)]
    calls = [receiver.of_puid(f"together-{i}", 2)["slow /predict"] for i in range(3)]
    (batch,) = [
        span for span in receiver.spans if span["name"] == "slow batch" and span["attributes"]["batch.requests"] == 3
    ]
    assert batch["attributes"]["batch.rows"] == 3
    assert batch["links"] == {server["id"] for server in servers}
    assert batch["parent"] in batch["links"]
    assert all(call["links"] == {batch["id"]} for call in calls)
    assert len({server["trace"] for server in servers}) == 3


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_component_elsewhere_goes_on_with_the_trace(receiver, tmp_path, transport):
    async def run():
        alone = {"PREDICTIVE_UNIT_ID": "classifier", "PREDICTOR_ID": "champion", "SELDON_DEPLOYMENT_ID": "dep"}
        class_name = ["traced_models.Scorer", "--lame-duck-seconds", "0"]
        variables = telling(receiver.endpoint)
        async with started(
            class_name, tmp_path, environment=alone | variables, python_path=[HERE], metrics_port=True
        ) as component:
            ports = {"httpPort": component.http_port, "grpcPort": component.grpc_port}
            endpoint = {"service_host": "127.0.0.1", "service_port": component.http_port, "type": "REST", **ports}
            remote = {"name": "p", "graph": node("classifier", "MODEL", endpoint=endpoint)}
            arguments, environment = graph_arguments(remote, tmp_path)
            async with (
                started(arguments, tmp_path, environment=environment | variables, python_path=[HERE]) as server,
                Caller(server.http_port, server.grpc_port) as caller,
            ):
                await caller.predict(request(), transport)

    before = len(receiver.spans)
    asyncio.run(run())

    spans = {
        (span["name"], span["kind"]): span
        for span in receiver.until(lambda spans: spans[before + 4 :] and spans[before:])
    }
    server, called = spans["predict dep/p", "SERVER"], spans["classifier /predict", "CLIENT"]
    component, call = spans["predict dep/champion/classifier", "SERVER"], spans["classifier /predict", "INTERNAL"]
    assert [each["parent"] for each in (server, called, component, call)] == [
        "", server["id"], called["id"], component["id"]
    ]  # fmt: skip
    assert len({(span["trace"], span["attributes"]["seldon.puid"]) for span in spans.values()}) == 1
    assert component["resource"]["service.name"] == "dep-champion-classifier"


async def imported(server):
    status, answer = await posted(server, request())
    assert status == 200
    return answer["meta"]["tags"]["opentelemetry"]


@pytest.mark.parametrize(
    ("variables", "is_traced"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
    ],
)
def test_nothing_of_opentelemetry_is_imported_where_nothing_is_traced(tmp_path, variables, is_traced):
    asking = tree({"modules": "Modules"}, node("modules", "MODEL"))
    found = asked(asking, tmp_path, variables, lambda _, server: imported(server))
    assert bool(found) == is_traced


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "20"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "no address"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_MAX_QUEUE_SIZE": "-1"},
    ],
    ids=["nobody is there", "no address", "a variable that is none"],
)
def test_an_endpoint_that_takes_no_spans_costs_no_request_and_a_few_lines_of_the_log(tmp_path, variables):
    async def ask(_, server):
        for _ in range(30):
            status, _ = await posted(server, request())
            assert status == 200
        await until_said(server, "opentelemetry" if "MAX_QUEUE" not in str(variables) else "nothing is traced")
        return server

    server = asked(two_nodes(), tmp_path, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"} | variables, ask)
    assert server.process.returncode == 0
    said = [line for line in server.log.splitlines() if "opentelemetry" in line or "spans" in line]
    assert len(said) <= 6, server.log


async def until_said(server, text):
    deadline = asyncio.get_running_loop().time() + 30
    while text not in server.log:
        assert asyncio.get_running_loop().time() < deadline, server.log
        await asyncio.sleep(0.05)


def test_a_server_that_ends_does_not_wait_for_an_endpoint_that_hangs(tmp_path):
    """Its 30 s of grace and the exporter's 10 s are far; `started` would fail at 30 s."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"

        async def ask(_, server):
            await posted(server, request())
            return server

        server = asked(two_nodes(), tmp_path, telling(endpoint), ask)
    assert server.process.returncode == 0
    assert "spans are left untold" in server.log
