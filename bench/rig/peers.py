"""Other servers, on the first core as ours are: Seldon's executor over stock components, and MLServer."""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rig.processes import running, unused_ports
from rig.served import INSTALL_MODEL, OUTLIER_DETECTOR, Server
from rig.world import World

EXECUTOR: Final = "FORKCAST_SELDON_EXECUTOR"
"""Names the program of Seldon's executor, which no package index has."""
MLSERVER: Final = Path(__file__).parents[2] / ".tools/peers/mlserver/bin/mlserver"
_NAME: Final = "install"


@contextmanager
def executor(world: World) -> Iterator[Server]:
    """The detector and the model, each in a stock wrapper, and Seldon's executor in front: a predictor's Pod."""
    stock = {
        "GUNICORN_THREADS": "2",
        "GUNICORN_KEEPALIVE": "65",  # as in served.stock_wrapper: at their best
        "OMP_NUM_THREADS": "1",
    }
    http_port, grpc_port, *ports = unused_ports(8)
    detector = _Component("outlier-detector", "TRANSFORMER", OUTLIER_DETECTOR, world.detector, ports[:3])
    classifier = _Component("classifier", "MODEL", INSTALL_MODEL, world.champion, ports[3:])
    predictor = {"name": "champion", "graph": detector.node(classifier.node())}
    env = {"ENGINE_PREDICTOR": base64.b64encode(json.dumps(predictor).encode()).decode()}
    flags = ["--sdep", "x", "--namespace", "seldon", "--predictor", "champion", "--prometheus_path", "/prometheus"]
    flags += ["--http_port", str(http_port), "--grpc_port", str(grpc_port)]
    url = f"http://127.0.0.1:{http_port}/ready"
    with (
        running(detector.command(), stock | detector.env(), ready=detector.url) as first,
        running(classifier.command(), stock | classifier.env(), ready=classifier.url) as second,
        running([os.environ[EXECUTOR], *flags], env, ready=url) as front,
    ):
        yield Server(http_port, grpc_port, (front, first, second), "/api/v1.0/predictions")


@dataclass(frozen=True)
class _Component:
    name: str
    kind: str
    class_name: str
    bundle: Path
    ports: list[int]
    """For REST, gRPC and metrics."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}/health/ping"

    def node(self, *children: dict[str, Any]) -> dict[str, Any]:
        http_port, grpc_port, _ = self.ports
        endpoint = {
            "service_host": "127.0.0.1",
            "service_port": http_port,
            "httpPort": http_port,
            "grpcPort": grpc_port,
        }
        return {"name": self.name, "type": self.kind, "endpoint": endpoint | {"type": "REST"}, "children": [*children]}

    def command(self) -> list[str]:
        http_port, grpc_port, metrics_port = map(str, self.ports)
        flags = ["--service-type", self.kind, "--http-port", http_port, "--grpc-port", grpc_port]
        flags += ["--metrics-port", metrics_port]
        return [sys.executable, "-m", "seldon_core.microservice", self.class_name, *flags]

    def env(self) -> dict[str, str]:
        return {"PREDICTIVE_UNIT_ID": self.name, "MLSERVER_MODEL_URI": str(self.bundle)}


@dataclass(frozen=True)
class Tuning:
    """What can be set to make MLServer fast. Its adaptive batching is off without a size."""

    max_batch_size: int
    max_batch_seconds: float
    parallel_workers: int
    """Processes that predict; 0: the one that takes requests does."""

    def __str__(self) -> str:
        batches = f"batches of {self.max_batch_size} in {self.max_batch_seconds * 1_000:g} ms"
        where = f"{self.parallel_workers} worker" if self.parallel_workers else "in process"
        return f"{batches if self.max_batch_size else 'no batches'}, {where}"


@contextmanager
def mlserver(world: World, tuning: Tuning) -> Iterator[Server]:
    """With its XGBoost runtime, which is given the champion's model and takes ready features."""
    http_port, grpc_port, metrics_port = unused_ports(3)
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_port": metrics_port,
        "parallel_workers": tuning.parallel_workers,
    }
    model = {
        "name": _NAME,
        "implementation": "mlserver_xgboost.XGBoostModel",
        "parameters": {"uri": str(world.champion / "model.ubj")},
        "max_batch_size": tuning.max_batch_size,
        "max_batch_time": tuning.max_batch_seconds,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps(model))
        url = f"http://127.0.0.1:{http_port}/v2/models/{_NAME}/ready"
        command = [str(MLSERVER), "start", str(folder)]
        with running(command, {"OMP_NUM_THREADS": "1"}, ready=url, folder=folder) as pid:
            yield Server(http_port, grpc_port, (pid,), f"/v2/models/{_NAME}/infer")


def tensors(rows: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Requests of one row of ready features each, in V2's JSON. It has no way to say that a value is missing."""
    return [
        {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, len(row)], "data": [*map(_short, row)]}]}
        for row in rows
    ]


def _short(value: Any) -> float | int:
    """The shortest decimal that is the same float32."""
    number = float(str(value))
    return int(number) if number.is_integer() else number
