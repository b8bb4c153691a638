"""What a request costs in calls of functions, Python's and C's: no noise of a machine moves it.

32 requests of one row come together, through a door and the walk to the classes and back; what is left out are sockets,
and the parser of HTTP/1.1. Whoever makes requests dearer, or cheaper, says so here.
"""

import asyncio
import cProfile
import itertools
import json
import pstats

import pytest
from exchange_by_hand import Written, an_exchange
from google.protobuf import json_format
from hpack import Encoder
from prometheus_client import values

from model_server.graph import metrics_files
from model_server.graph.assembly import Assembly
from model_server.graph.doors.executor import grpc_methods, rest_surface
from model_server.graph.doors.grpc_calls import Desk, Method
from model_server.graph.doors.grpc_connections import GrpcConnection
from model_server.graph.doors.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from model_server.graph.doors.reception import Reception
from model_server.graph.doors.rest import RestDoor
from model_server.graph.predictor import from_dict
from model_server.graph.protos import ours
from model_server.graph.serving import Graph, Readiness
from model_server.graph.settings import Settings
from model_server.graph.telemetry import Telemetry
from model_server.impressions import NAMES, to_rows
from model_server.install_model import InstallModel
from model_server.outliers.outlier_detector import OutlierDetector

N_TOGETHER, N_TIMES = 32, 8
BUDGET = {
    ("REST", "model"): 298,
    ("REST", "detector and model"): 424,
    ("gRPC", "model"): 641,
    ("gRPC", "detector and model"): 900,
}
TOLERANCE = 0.03
MODEL = {"name": "classifier", "type": "MODEL", "children": []}
GRAPHS = {
    "model": MODEL,
    "detector and model": {"name": "outlier-detector", "type": "TRANSFORMER", "children": [MODEL]},
}


@pytest.fixture
def _own_metrics(tmp_path, monkeypatch):
    """Written to files, as a worker does; what else runs in this process keeps its own."""
    monkeypatch.setenv(metrics_files.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    metrics_files.keep_in(tmp_path)


def by_rest(served, reception, settings, messages):
    """What asks for all messages together."""
    door = RestDoor(rest_surface(served, settings), reception)
    texts = [json.dumps(message).encode() for message in messages]

    async def answered(text):
        written = Written()
        headers = [("host", "a"), ("content-type", "application/json"), ("content-length", str(len(text)))]
        exchange = an_exchange("POST", "/api/v1.0/predictions", written, headers)
        exchange.add(text)
        exchange.end()
        await door(exchange)
        assert written.startswith(b"HTTP/1.1 200 ")

    async def all_answered():
        await asyncio.gather(*map(answered, texts))

    return all_answered


class Sent(asyncio.Transport):
    """Counts the ends of calls, frames of header fields with END_STREAM, in what is written."""

    def __init__(self):
        super().__init__()
        self.n_ends = 0

    def write(self, data):
        while data:
            n_bytes, kind, flags = int.from_bytes(data[:3]), data[3], data[4]
            self.n_ends += kind == HEADERS and flags & END_STREAM
            data = data[9 + n_bytes :]

    def is_closing(self):
        return False

    def set_write_buffer_limits(self, high=None, low=None):
        pass


def by_grpc(served, reception, _, messages):
    """The same, on one connection."""
    methods = {name: Method(name, answer, True) for name, answer in grpc_methods(served).items()}
    sent = Sent()
    connection = GrpcConnection(Desk(methods, reception, asyncio.get_running_loop()), set())
    connection.connection_made(sent)
    much = (2**30).to_bytes(4)
    connection.data_received(PREFACE + frame(SETTINGS, 0, 0) + frame(WINDOW_UPDATE, 0, 0, much))
    fields = {":method": "POST", ":scheme": "http", ":path": "/seldon.protos.Seldon/Predict", ":authority": "a"}
    head = Encoder().encode([*fields.items(), ("te", "trailers"), ("content-type", "application/grpc")])
    protos = [json_format.ParseDict(each, ours().SeldonMessage()).SerializeToString() for each in messages]
    bodies = [b"\0" + len(proto).to_bytes(4) + proto for proto in protos]
    streams = itertools.count(1, 2)

    async def all_answered():
        wanted = sent.n_ends + len(bodies)
        for body, stream in zip(bodies, streams, strict=False):
            connection.data_received(frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, END_STREAM, stream, body))
        while sent.n_ends < wanted:
            await asyncio.sleep(0)

    return all_answered


async def calls_a_request(asking, graph, user_objects, messages):
    predictor = from_dict({"name": "p", "graph": graph}, "a test")
    settings = Settings(predictor=predictor, deployment="d", namespace="n")
    telemetry = Telemetry("d", "p", "", later=asyncio.get_running_loop().call_soon)
    async with Assembly(settings, user_objects, telemetry) as parts:
        readiness = Readiness(parts.components.values(), is_draining=lambda: False, full_health_checks=False)
        served = Graph(predictor, parts.walk(predictor, lambda: 0.0), readiness)
        all_answered = asking(served, Reception(telemetry, settings.limits), settings, messages)
        await all_answered()  # what is done once, is done
        profile = cProfile.Profile()
        for _ in range(N_TIMES):
            profile.enable()
            await all_answered()
            profile.disable()
    return pstats.Stats(profile).total_calls / (N_TIMES * len(messages))


@pytest.mark.usefixtures("_own_metrics")
@pytest.mark.parametrize(("asking", "name"), BUDGET, ids=[f"{name}, {asking}" for asking, name in BUDGET])
def test_a_request_takes_no_more_calls_than_its_budget(asking, name, models, detector, labelled):
    user_objects = {"classifier": InstallModel(str(models / "champion"))}
    if name != "model":
        user_objects["outlier-detector"] = OutlierDetector(str(detector))
    rows = to_rows(labelled[0].take(slice(0, N_TOGETHER)))
    messages = [{"data": {"names": list(NAMES), "ndarray": [row]}} for row in rows]
    calls = asyncio.run(
        calls_a_request({"REST": by_rest, "gRPC": by_grpc}[asking], GRAPHS[name], user_objects, messages)
    )
    assert calls == pytest.approx(BUDGET[asking, name], rel=TOLERANCE)
