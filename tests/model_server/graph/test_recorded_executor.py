"""Every recorded conversation with Seldon's executor, had again with a graph server: all nodes in it, or elsewhere."""

import asyncio
import json

import aiohttp
import grpc
import pytest
import recorded_conversations as recorded
from component_hosts import collector, hosts
from google.protobuf import json_format
from graph_server_process import free_ports, graph_arguments, started
from prometheus_client.parser import text_string_to_metric_families
from recorded_differences import CLIENT, DIFFERENCES, FUSED, REMOTE, SERVER, Expectations

from model_server.graph import protos

pytestmark = [
    pytest.mark.component,
    pytest.mark.skipif(not recorded.names(), reason=f"no recorded conversations: {recorded.VARIABLE} is not set"),
]
EVENT_SECONDS = 10.0
GIVEN_UP = {"rest-timeout", "grpc-timeout"}
"""Conversations in which a component is still at a call when its caller has been answered."""


@pytest.fixture(autouse=True)
def components_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(recorded.folder())


@pytest.mark.parametrize("mode", [FUSED, REMOTE])
@pytest.mark.parametrize("name", recorded.names())
def test_a_recorded_conversation_goes_as_it_did(name, mode, tmp_path):
    asyncio.run(have(name, mode, tmp_path))


def test_each_difference_applies_to_some_conversation():
    applied = set()
    for name in recorded.names():
        conversation = recorded.load(name)
        expectations = Expectations(name, conversation, FUSED)
        for number in range(len(conversation["steps"])):
            expectations.of(number)
        applied |= expectations.applied
    assert applied == DIFFERENCES.names


async def have(name, mode, folder):
    conversation = recorded.load(name)
    calls, events = [], []
    away = conversation.get("unreachable", [])
    every_node = [node["name"] for node, _ in recorded.nodes(conversation["predictor"])]
    async with (
        hosts(conversation["predictor"], calls, every_node if mode == FUSED else away) as running,
        collector(events) as collector_url,
    ):
        endpoints = {host.name: ("127.0.0.1", host.http_port, host.grpc_port) for host in running}
        endpoints |= {node: ("127.0.0.1", *free_ports(2)) for node in away}
        predictor = recorded.with_collector(
            recorded.with_endpoints(conversation["predictor"], endpoints), collector_url
        )
        arguments, environment = graph_arguments(predictor, folder, conversation.get("annotations"))
        environment |= conversation.get("environment", {})
        environment["REQUEST_LOGGER_DEFAULT_ENDPOINT"] = f"{collector_url}/default"
        if name == "full-health-checks":
            arguments.append("--full_health_checks=true")
        addresses = {f"127.0.0.1:{port}": node for node, (_, *ports) in endpoints.items() for port in ports}
        addresses |= {f"//{node}/": f"//{node}" for node in every_node if node not in endpoints}
        async with started(arguments, folder, environment=environment, python_path=[recorded.folder()]) as server:
            talk = Talk(
                server, name, conversation, mode=mode, running=running, calls=calls, events=events, addresses=addresses
            )
            for number in range(len(conversation["steps"])):
                await talk.step(number)
            await talk.compare_metrics()


class Talk:
    """One conversation, step by step."""

    def __init__(self, server, name, conversation, *, mode, running, calls, events, addresses):
        self.server = server
        self.name = name
        self.expectations = Expectations(name, conversation, mode)
        self.mode = mode
        self.asked_in_between = {"status", "/health/status"} if name in GIVEN_UP else set()
        self.hosts = running
        self.calls = calls
        self.events = events
        self.addresses = addresses

    async def step(self, number):
        step, expected = self.expectations.of(number)
        recording = step.recorded
        self.calls.clear()
        self.events.clear()
        seen = await (self.send(recording["send"]) if step.is_rest else self.call(recording["grpc"]))
        await self.until_told(len(expected.events))
        placeholders = recorded.Placeholders(self.addresses)
        where = f"step {number} ({recording.get('about', '')})"
        answered = placeholders.in_tree(seen)
        compared = {name: answered["headers"].get(name) for name in expected.receive.get("headers", {})}
        assert {**answered, "headers": compared} == {"headers": {}, **expected.receive}, where
        if self.mode == REMOTE and step.is_rest:
            seen_calls = [_comparable(call, call["headers"]) for call in placeholders.in_tree(self.calls)]
            for call in expected.calls:
                found = [each for each in seen_calls if _as_told(call, each)]
                assert found, f"{where}: no call {call}\namong {seen_calls}"
                seen_calls.remove(found[0])
            assert seen_calls == [], f"{where}: more calls than recorded"
        seen_events = _sorted(map(_event, placeholders.in_tree(self.events)))
        assert seen_events == _sorted(map(_event, expected.events)), f"{where}: events"

    async def send(self, request):
        body = request.get("text")
        if "body" in request:
            body = recorded.json_bytes(request["body"])
        skipped = [] if "Content-Type" in request["headers"] else ["Content-Type"]
        async with (
            aiohttp.ClientSession(skip_auto_headers=skipped) as session,
            session.request(
                request["method"], self.server.url + request["path"], data=body, headers=request["headers"]
            ) as answer,
        ):
            told = await answer.read()
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return {"code": answer.status, "headers": headers, "body": recorded.body_of(told)}

    async def call(self, rpc):
        classes = protos.ours()
        request_class, answer_class = {
            "Predict": (classes.SeldonMessage, classes.SeldonMessage),
            "SendFeedback": (classes.Feedback, classes.SeldonMessage),
            "ModelMetadata": (classes.SeldonModelMetadataRequest, classes.SeldonModelMetadata),
            "GraphMetadata": (classes.SeldonModelMetadataRequest, classes.SeldonGraphMetadata),
        }[rpc["method"]]
        request = json_format.ParseDict(rpc["message"], request_class())
        metadata = tuple(rpc.get("metadata", {}).items())
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.server.grpc_port}") as channel:
            ask = channel.unary_unary(
                f"/seldon.protos.Seldon/{rpc['method']}",
                request_serializer=request_class.SerializeToString,
                response_deserializer=answer_class.FromString,
            )
            asked = ask(request, metadata=metadata)
            try:
                answer = await asked
            except grpc.aio.AioRpcError as error:
                return {"code": error.code().name, "details": error.details(), "headers": {}}
            headers = {name: value for name, value in await asked.initial_metadata() if name == "seldon-puid"}
            return {"code": "OK", "message": json_format.MessageToDict(answer), "headers": headers}

    async def until_told(self, n_events):
        """Wait for the events, and for components that are still at a call that was given up."""
        deadline = asyncio.get_running_loop().time() + EVENT_SECONDS
        while len(self.events) < n_events or any(host.busy for host in self.hosts) or await self.is_busy():
            assert asyncio.get_running_loop().time() < deadline, f"{len(self.events)} of {n_events} events came"
            await asyncio.sleep(0.02)

    async def is_busy(self):
        """Whether a component in the server is still at a call that was given up: it does not take another then."""
        if self.name not in GIVEN_UP or self.mode == REMOTE:
            return False
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.server.url}/api/v1.0/status/sleeps") as answer,
        ):
            return answer.status != 200

    async def compare_metrics(self):
        text = await asyncio.to_thread(self.server.metrics)
        seen = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in {CLIENT, SERVER} and sample.labels["service"] not in self.asked_in_between:
                    seen[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
        expected = self.expectations.metrics()
        if expected is not None:
            assert seen == expected


def _comparable(call, headers):
    return {**call, "headers": headers}


def _as_told(recording, call):
    headers = {name: call["headers"].get(name, "") for name in recording["headers"]}
    same = all(call.get(key) == recording.get(key) for key in ("node", "method", "path", "body", "answer"))
    return same and headers == recording["headers"]


def _sorted(events):
    return sorted(events, key=lambda event: json.dumps(event, sort_keys=True))


def _event(event):
    """Without what differs each time; the bytes of protobuf as what they say."""
    headers = {
        name: value
        for name, value in event["headers"].items()
        if name not in {"ce-id", "ce-time", "ce-traceparent", "ce-source"}
    }
    present = sorted(set(event["headers"]) - set(headers))
    is_protobuf = event["headers"]["content-type"] == "application/protobuf"
    kind = "Feedback" if headers["ce-type"].endswith("feedback") else "SeldonMessage"
    body = recorded.protobuf_of(event["body"], kind) if is_protobuf else event["body"]
    return {"headers": headers, "present": present, "path": event["path"], "body": body}
