"""What a request costs in calls of functions, Python's and C's: no noise of a machine moves it.

32 requests of one row come together, through the REST door and the walk to the classes and back; what is left out are
sockets and threads. Whoever makes requests dearer, or cheaper, says so here.
"""

import asyncio
import cProfile
import json
import pstats

import pytest
from exchange_by_hand import Written, an_exchange
from prometheus_client import values

from model_server.graph import metrics_files
from model_server.graph.assembly import Assembly
from model_server.graph.doors.executor import rest_surface
from model_server.graph.doors.reception import Reception
from model_server.graph.doors.rest import RestDoor
from model_server.graph.predictor import from_dict
from model_server.graph.serving import Graph, Readiness
from model_server.graph.settings import Settings
from model_server.graph.telemetry import Telemetry
from model_server.impressions import NAMES, to_rows
from model_server.install_model import InstallModel
from model_server.outliers.outlier_detector import OutlierDetector

N_TOGETHER, N_TIMES = 32, 8
BUDGET = {"model": 298, "detector and model": 424}
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


async def answered(door, body):
    written = Written()
    headers = [("host", "a"), ("content-type", "application/json"), ("content-length", str(len(body)))]
    exchange = an_exchange("POST", "/api/v1.0/predictions", written, headers)
    exchange.add(body)
    exchange.end()
    await door(exchange)
    assert written.startswith(b"HTTP/1.1 200 ")


async def calls_a_request(graph, user_objects, bodies):
    predictor = from_dict({"name": "p", "graph": graph}, "a test")
    settings = Settings(predictor=predictor, deployment="d", namespace="n")
    telemetry = Telemetry("d", "p", "", later=asyncio.get_running_loop().call_soon)
    async with Assembly(settings, user_objects, telemetry) as parts:
        for component in parts.in_process:  # in this thread, which is the one that is counted

            async def here(work):
                return work()

            component._threads.run = here
        readiness = Readiness(parts.components.values(), is_draining=lambda: False, full_health_checks=False)
        served = Graph(predictor, parts.walk(predictor, lambda: 0.0), readiness)
        door = RestDoor(rest_surface(served, settings), Reception(telemetry, settings.limits))

        async def round_of_requests():
            await asyncio.gather(*(answered(door, body) for body in bodies))

        await round_of_requests()  # what is done once, is done
        profile = cProfile.Profile()
        for _ in range(N_TIMES):
            profile.enable()
            await round_of_requests()
            profile.disable()
    return pstats.Stats(profile).total_calls / (N_TIMES * len(bodies))


@pytest.mark.usefixtures("_own_metrics")
@pytest.mark.parametrize("name", GRAPHS)
def test_a_request_takes_no_more_calls_than_its_budget(name, models, detector, labelled):
    user_objects = {"classifier": InstallModel(str(models / "champion"))}
    if name != "model":
        user_objects["outlier-detector"] = OutlierDetector(str(detector))
    rows = to_rows(labelled[0].take(slice(0, N_TOGETHER)))
    bodies = [json.dumps({"data": {"names": list(NAMES), "ndarray": [row]}}).encode() for row in rows]
    calls = asyncio.run(calls_a_request(GRAPHS[name], user_objects, bodies))
    assert calls == pytest.approx(BUDGET[name], rel=TOLERANCE)
