"""Hostile input at the gRPC door of a whole server."""

import contextlib

import grpc
import pytest
from google.protobuf import struct_pb2
from hostile_servers import FORMS, MIB, NUMBERS, besieged, raw_answer, seldon_message, until

from model_server.graph import protos

pytestmark = pytest.mark.component
MAX_BYTES = 2_500 * MIB
CLIENTS_FAULTS = {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}
"""The last: what only a graph could answer, asked of a component."""


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: form.name)
def siege(request, models, tmp_path_factory):
    with besieged(request.param, tmp_path_factory.mktemp(request.param.name), models) as siege:
        yield siege


def methods(form):
    services = {"Seldon": protos.SERVICES["Seldon"]} if form.is_graph else protos.SERVICES
    return [f"/seldon.protos.{service}/{method}" for service, of in services.items() for method in of]


def is_absent(told):
    """Seldon's own code and words for what the component, or the graph, does not have."""
    code, details = told
    return code == "UNKNOWN" and ("not defined" in details or "Failed to find model" in details)


def deep(depth):
    value = struct_pb2.Value(number_value=1)
    for _ in range(depth):
        outer = struct_pb2.Value()
        outer.list_value.values.add().CopyFrom(value)
        value = outer
    return protos.ours().SeldonMessage(
        jsonData=protos.ours().SeldonMessage().jsonData.FromString(value.SerializeToString())
    )


def messages():
    good = seldon_message(NUMBERS)
    tensor = protos.ours().SeldonMessage()
    tensor.data.tensor.shape.extend([2_000_000_000, 2_000_000_000])
    negative = protos.ours().SeldonMessage()
    negative.data.tensor.shape.extend([-1, -5])
    return {
        "nothing": b"",
        "garbage": b"\xff\xfe\x00garbage" * 10,
        "cut short": good[:-3],
        "an endless length": b"\x1a\xff\xff\xff\xff\x07",
        "an endless varint": b"\x08" + b"\xff" * 20,
        "a group that never ends": b"\x0b" * 5_000,
        "deep messages": b"\x32\x7f" * 2_000,
        "20 lists": deep(20).SerializeToString(),
        "a shape of no values": tensor.SerializeToString(),
        "a shape below zero": negative.SerializeToString(),
        "twice": good + good,
        "zeros": b"\0" * 10_000,
    }


def test_no_message_to_any_method_is_worth_more_than_a_clients_fault(siege):
    seen = {
        f"{name} to {method}": siege.call(method, message)[:2]
        for method in methods(siege.form)
        for name, message in messages().items()
    }
    assert {name: told for name, told in seen.items() if told[0] not in CLIENTS_FAULTS and not is_absent(told)} == {}
    siege.require_health(MAX_BYTES)


def test_a_message_of_100_mb_is_refused(siege):
    siege.forget_peak()
    message = protos.ours().SeldonMessage(binData=b"x" * 100 * MIB).SerializeToString()
    assert siege.call(siege.form.predict_method, message)[0] == "RESOURCE_EXHAUSTED"
    siege.require_health(MAX_BYTES)


@pytest.mark.parametrize(
    "method", ["/seldon.protos.Seldon/Nothing", "/nothing.Here/Predict", "/", "/a", "/seldon.protos.Model/"]
)
def test_an_unknown_method_is_unimplemented(siege, method):
    assert siege.call(method, b"")[0] == "UNIMPLEMENTED"


def test_what_is_no_grpc_is_turned_away(siege):
    port = siege.server.grpc_port
    for request in (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\xff" * 1_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
    ):
        raw_answer(port, request, finish=True, timeout_seconds=5)
    siege.require_health(MAX_BYTES)


def test_floods_of_metadata_are_refused(siege):
    metadata = tuple((f"x-{i}", "x" * 1_000) for i in range(100))
    code, _, _ = siege.call(siege.form.predict_method, seldon_message(siege.form.good), metadata=metadata)
    assert code == "RESOURCE_EXHAUSTED"
    siege.require_health(MAX_BYTES)


def test_calls_that_nobody_waits_for_leave_nothing_under_way(siege):
    ask = siege.channel.unary_unary(siege.form.predict_method)
    message = seldon_message(siege.form.good)
    asked = [ask.future(message, timeout=0.001 if i % 2 else 30) for i in range(200)]
    for each in asked[::3]:
        each.cancel()
    for each in asked:
        with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):
            each.result()
    until(lambda: siege.in_flight() == 0, "no call under way")
    siege.require_health(MAX_BYTES)
