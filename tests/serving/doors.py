"""The doors through which a request reaches the model: how to open one, and how to ask it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
import requests
from free_ports import free_ports
from google.protobuf import json_format
from seldon_core.proto import prediction_pb2, prediction_pb2_grpc

PROJECT = Path(__file__).parents[2]


@dataclass
class Door:
    """Where a deployment listens, and how to ask it."""

    rest: str
    grpc_target: str
    metadata: tuple[tuple[str, str], ...] = ()
    metrics_url: str = ""
    status_of_wrong_type: int = 415
    """400 where InstallModel itself has to refuse it, since the stock wrapper would answer 500."""
    session: requests.Session = field(default_factory=requests.Session)

    def post(self, path="predictions", **how):
        return self.session.post(f"{self.rest}/api/v1.0/{path}", timeout=30, **how)

    def predict(self, message):
        """The answer of gRPC's Predict as a dict. Errors: grpc.RpcError."""
        request = json_format.ParseDict(message, prediction_pb2.SeldonMessage())
        with self._channel() as channel:
            stub = prediction_pb2_grpc.SeldonStub(channel)
            return json_format.MessageToDict(stub.Predict(request, metadata=self.metadata, timeout=30))

    def send_feedback(self, feedback):
        request = json_format.ParseDict(feedback, prediction_pb2.Feedback())
        with self._channel() as channel:
            stub = prediction_pb2_grpc.SeldonStub(channel)
            return json_format.MessageToDict(stub.SendFeedback(request, metadata=self.metadata, timeout=30))

    def _channel(self):
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        return grpc.insecure_channel(self.grpc_target, options=unlimited)


def wait_until(what, is_true, deadline_seconds=60.0):
    deadline = time.monotonic() + deadline_seconds
    while not is_true():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {deadline_seconds:.0f} s")
        time.sleep(0.05)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


STOCK_WRAPPER = (str(Path(sys.executable).with_name("seldon-core-microservice")),)
GRAPH_SERVER = (sys.executable, "-m", "model_server.graph")


@contextmanager
def component_served(by, bundle: Path, log: Path, **environment):
    """InstallModel alone, served by one of the programs above as a process group; the door to it."""
    http_port, grpc_port, metrics_port = free_ports(3)
    command = [*by, "model_server.install_model.InstallModel"]
    ports = ["--http-port", str(http_port), "--grpc-port", str(grpc_port), "--metrics-port", str(metrics_port)]
    variables = {
        **os.environ,
        "MLSERVER_MODEL_URI": str(bundle),
        "PREDICTOR_ID": "alone",
        "PREDICTIVE_UNIT_ID": "classifier",
        "PREDICTIVE_UNIT_IMAGE": "forkcast/champion:0.1.0",
        "OMP_NUM_THREADS": "1",
        **environment,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *ports], env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_until(f"{by[-1]} answers ({log})", lambda: answers(f"http://127.0.0.1:{http_port}/health/status"))
        grpc_target = f"127.0.0.1:{grpc_port}"
        with grpc.insecure_channel(grpc_target) as channel:
            grpc.channel_ready_future(channel).result(timeout=60)
        yield Door(
            f"http://127.0.0.1:{http_port}",
            grpc_target,
            metrics_url=f"http://127.0.0.1:{metrics_port}/metrics",
            status_of_wrong_type=400 if by is STOCK_WRAPPER else 415,
        )
    finally:
        process.terminate()  # so that it can tidy up behind itself
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port():
    return free_ports(1)[0]


def forkcast(*arguments, **how):
    """Run a forkcast command to its end; what it printed, on any exit code."""
    command = [sys.executable, "-m", "deployments.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, cwd=PROJECT, **how)


@contextmanager
def deployed(overlay, models, state, *options):
    """An overlay of the project (or any file), run by `forkcast up` over the small models; the door to it."""
    port = free_port()
    options = ("--port", port, "--volumes", models.parent, "--state", state, *options)
    up = forkcast("up", PROJECT / "kustomize" / overlay, "--detach", *options)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        yield Door(
            f"http://127.0.0.1:{port}/seldon/seldon/xgboost",
            f"127.0.0.1:{port}",
            (("seldon", "xgboost"), ("namespace", "seldon")),
        )
    finally:
        down = forkcast("down", "--state", state)
        assert down.returncode == 0, down.stdout + down.stderr
