"""Servers to measure, each on the first core; and what loads them, on the last, with bodies made beforehand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httptools
import numpy as np
import uvloop
from google.protobuf import json_format
from seldon_core.proto import prediction_pb2

from model_server.impressions import NAMES, to_rows
from model_server.training.fit_detector import fit_detector
from model_server.training.train import train
from rig.grpc_client import GrpcClient
from traffic_sim.population import Population

INSTALL_MODEL = "model_server.install_model.InstallModel"
OUTLIER_DETECTOR = "model_server.outliers.outlier_detector.OutlierDetector"
N_ROWS = 2_000
START_SECONDS = 60


@dataclass(frozen=True)
class World:
    """Bundles of a champion and of a detector, and rows to ask for."""

    folder: Path
    rows: list[list[Any]]

    @property
    def champion(self) -> Path:
        return self.folder / "champion"

    @property
    def detector(self) -> Path:
        return self.folder / "detector"

    def bodies(self, n_rows: int) -> list[dict[str, Any]]:
        """Messages of so many rows each."""
        names = list(NAMES)
        firsts = range(0, len(self.rows) - n_rows + 1, n_rows)
        return [{"data": {"names": names, "ndarray": self.rows[first : first + n_rows]}} for first in firsts]


@contextmanager
def world() -> Iterator[World]:
    rng = np.random.default_rng(1)
    scored = Population(seed=1).sample(50_000, rng)
    with tempfile.TemporaryDirectory() as folder:
        made = World(Path(folder), to_rows(scored.impressions.take(slice(0, N_ROWS))))
        installs = scored.draw_installs(rng)
        how = {"data": {"file": "made up"}, "seed": 1, "threads": 1}
        train(scored.impressions, installs, feature_set="classic", folder=made.champion, **how)
        fit_detector(scored.impressions, folder=made.detector, **how)
        yield made


@dataclass(frozen=True)
class Server:
    http_port: int
    grpc_port: int
    pid: int
    path: str
    """Where REST predictions are asked for."""

    def cpu_seconds(self) -> float:
        """Of the process and all below it, so far."""
        return sum(map(_cpu_seconds, [self.pid, *_descendants(self.pid)]))

    def resident_megabytes(self) -> dict[int, float]:
        """By process id."""
        pids = [self.pid, *_descendants(self.pid)]
        return {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20 for pid in pids}


@contextmanager
def stock_wrapper(world: World) -> Iterator[Server]:
    """Seldon's own, one worker with two threads; so it keeps connections, without which it would be slower."""
    env = {"MLSERVER_MODEL_URI": str(world.champion), "GUNICORN_THREADS": "2", "GUNICORN_KEEPALIVE": "65"}
    with _running(["-m", "seldon_core.microservice", INSTALL_MODEL], env, "/predict", "/health/ping") as server:
        yield server


@contextmanager
def graph_server(world: World) -> Iterator[Server]:
    """In the stock wrapper's place."""
    env = {"MLSERVER_MODEL_URI": str(world.champion)}
    with _running(["-m", "model_server.graph", INSTALL_MODEL], env, "/predict", "/health/ping") as server:
        yield server


@contextmanager
def graph(world: World, *, with_detector: bool) -> Iterator[Server]:
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
    command = ["-m", "model_server.graph", "--file", str(file)]
    with _running(command, {}, "/api/v1.0/predictions", "/ready") as server:
        yield server


def _node(name: str, kind: str, folder: Path, *children: dict[str, Any]) -> dict[str, Any]:
    parameters = [{"name": "model_uri", "value": str(folder), "type": "STRING"}]
    return {"name": name, "type": kind, "parameters": parameters, "children": list(children)}


@contextmanager
def _running(command: list[str], env: dict[str, str], path: str, ready: str) -> Iterator[Server]:
    http_port, grpc_port, metrics_port = _unused_ports(3)
    flags = ["--http-port", str(http_port), "--grpc-port", str(grpc_port), "--metrics-port", str(metrics_port)]
    own = {"PREDICTIVE_UNIT_ID": "classifier", "OMP_NUM_THREADS": "1", **env}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, *command, *flags],
            env={**os.environ, **own}, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            _await(f"http://127.0.0.1:{http_port}{ready}", process, log)
            yield Server(http_port, grpc_port, process.pid, path)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310  (http, on loopback)
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                log.seek(0)
                raise RuntimeError(log.read().decode()[-4_000:]) from None
            time.sleep(0.1)
        else:
            return


def requests_of(server: Server, messages: Sequence[dict[str, Any]]) -> list[bytes]:
    """Whole HTTP requests."""
    head = f"POST {server.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
    bodies = [json.dumps(message).encode() for message in messages]
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]


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


def _unused_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, children) for each in (child, *_descendants(child))]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
