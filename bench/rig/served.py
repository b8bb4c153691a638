"""Servers to measure, each on the first core; and what loads them, on the last, with bodies made beforehand."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httptools
import uvloop
from google.protobuf import json_format
from seldon_core.proto import prediction_pb2

from rig import processes
from rig.grpc_client import GrpcClient
from rig.processes import running, unused_ports
from rig.world import World

INSTALL_MODEL = "model_server.install_model.InstallModel"
OUTLIER_DETECTOR = "model_server.outliers.outlier_detector.OutlierDetector"


@dataclass(frozen=True)
class Server:
    http_port: int
    grpc_port: int
    pids: tuple[int, ...]
    """Of it, and of what it calls."""
    path: str
    """Where REST predictions are asked for."""
    metrics_port: int | None = None

    def cpu_seconds(self) -> float:
        """Of its processes and all below them, so far."""
        return processes.cpu_seconds(*self.pids)

    def resident_megabytes(self) -> dict[int, float]:
        """By process id."""
        return processes.resident_megabytes(*self.pids)


@contextmanager
def stock_wrapper(world: World) -> Iterator[Server]:
    """Seldon's own, one worker with two threads; so it keeps connections, without which it would be slower."""
    env = {"MLSERVER_MODEL_URI": str(world.champion), "GUNICORN_THREADS": "2", "GUNICORN_KEEPALIVE": "65"}
    with _running(["-m", "seldon_core.microservice", INSTALL_MODEL], env, "/predict", "/health/ping") as server:
        yield server


@contextmanager
def graph_server(world: World, model: Path | None = None) -> Iterator[Server]:
    """In the stock wrapper's place; another model than the champion, if said."""
    env = {"MLSERVER_MODEL_URI": str(model or world.champion)}
    with _running(["-m", "model_server.graph", INSTALL_MODEL], env, "/predict", "/health/ping") as server:
        yield server


@contextmanager
def graph(
    world: World,
    *,
    with_detector: bool,
    program: str = "model_server.graph",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A predictor's whole graph: the model, behind the outlier detector or by itself."""
    node = _node("classifier", "MODEL", world.champion)
    classes = {"classifier": INSTALL_MODEL}
    if with_detector:
        node = _node("outlier-detector", "TRANSFORMER", world.detector, node)
        classes["outlier-detector"] = OUTLIER_DETECTOR
    containers = [
        {"name": name, "image": "x:1", "env": [{"name": "MODEL_NAME", "value": each}]} for name, each in classes.items()
    ]
    predictor = {"name": "champion", "graph": node, "componentSpecs": [{"spec": {"containers": containers}}]}
    file = world.folder / f"deployment-{with_detector}.json"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "machinelearning.seldon.io/v1",
                "kind": "SeldonDeployment",
                "metadata": {"name": "x"},
                "spec": {"predictors": [predictor]},
            }
        )
    )
    command = ["-m", program, "--file", str(file)]
    with _running(command, dict(environment or {}), "/api/v1.0/predictions", "/ready") as server:
        yield server


def _node(name: str, kind: str, folder: Path, *children: dict[str, Any]) -> dict[str, Any]:
    parameters = [{"name": "model_uri", "value": str(folder), "type": "STRING"}]
    return {"name": name, "type": kind, "parameters": parameters, "children": list(children)}


@contextmanager
def _running(command: list[str], env: dict[str, str], path: str, ready: str) -> Iterator[Server]:
    http_port, grpc_port, metrics_port = unused_ports(3)
    flags = ["--http-port", str(http_port), "--grpc-port", str(grpc_port), "--metrics-port", str(metrics_port)]
    own = {"PREDICTIVE_UNIT_ID": "classifier", "OMP_NUM_THREADS": "1", **env}
    url = f"http://127.0.0.1:{http_port}{ready}"
    with running([sys.executable, *command, *flags], own, ready=url) as pid:
        yield Server(http_port, grpc_port, (pid,), path, metrics_port)


def requests_of(server: Server, messages: Sequence[dict[str, Any]]) -> list[bytes]:
    """Whole HTTP requests."""
    head = f"POST {server.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
    bodies = [json.dumps(message).encode() for message in messages]
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]


def answer(server: Server, message: dict[str, Any]) -> Any:
    """To one request, read."""
    url, body = f"http://127.0.0.1:{server.http_port}{server.path}", json.dumps(message).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
        return json.load(response)


class _Connection(asyncio.Protocol):
    """Sends its requests one after the other, over and over, and counts the answers."""

    def __init__(self, requests: list[bytes], first: int) -> None:
        self.requests, self.answered, self.failed, self.next = requests, 0, 0, first
        self.took: list[float] = []

    def connection_made(self, transport: Any) -> None:
        self.transport, self.parser = transport, httptools.HttpResponseParser(self)
        self.send()

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.next += 1
        self.transport.write(self.requests[self.next % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.took.append(time.perf_counter() - self.sent_at)
        self.answered += 1
        self.failed += self.parser.get_status_code() != 200
        if not self.parser.should_keep_alive():
            raise RuntimeError("the server closes connections; start it with threads and a keep-alive")
        self.send()


@dataclass(frozen=True)
class Load:
    """What came of a closed loop: the next request of each connection leaves when its last is answered."""

    requests_per_second: float
    p50_milliseconds: float
    n_answered: int


def rest_load(server: Server, requests: list[bytes], *, at_once: int, seconds: float) -> Load:
    async def run() -> Load:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        opened = [
            await loop.create_connection(
                lambda first=i * 37: _Connection(requests, first),  # type: ignore[misc]
                "127.0.0.1",
                server.http_port,
            )
            for i in range(at_once)
        ]
        await asyncio.sleep(seconds)
        elapsed = time.perf_counter() - began
        for transport, connection in opened:
            transport.abort()
            if connection.failed:
                raise RuntimeError(f"{connection.failed} requests failed")
        answered = sum(connection.answered for _, connection in opened)
        took = [each for _, connection in opened for each in connection.took]
        return Load(answered / elapsed, statistics.median(took) * 1_000, answered)

    return uvloop.run(run())


def grpc_load(server: Server, messages: Sequence[dict[str, Any]], *, at_once: int, seconds: float) -> Load:
    serialized = [json_format.ParseDict(each, prediction_pb2.SeldonMessage()).SerializeToString() for each in messages]
    method = "/seldon.protos.Seldon/Predict" if "api" in server.path else "/seldon.protos.Model/Predict"

    async def run() -> Load:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        transport, client = await loop.create_connection(
            lambda: GrpcClient(method, serialized, at_once), "127.0.0.1", server.grpc_port
        )
        await asyncio.sleep(seconds)
        elapsed = time.perf_counter() - began
        transport.abort()
        if client.failure:
            raise RuntimeError(client.failure)
        return Load(len(client.took) / elapsed, statistics.median(client.took) * 1_000, len(client.took))

    return uvloop.run(run())


def onto_the_last_core() -> None:
    """Where what loads belongs; servers are on the first."""
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
