"""Every transport against Seldon's own wrapper: the proof that the fake target speaks as Seldon does."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from free_ports import free_ports

from traffic_sim.results import Status

COMPONENT = """
import json, os
import numpy as np

class Halves:
    def predict(self, X, names, meta=None):
        return np.full(len(X), 0.5)

    def tags(self):
        return {"predictor": "champion"}

    def send_feedback(self, features, names, reward, truth, routing=None):
        with open(os.environ["FEEDBACK_FILE"], "a") as file:
            file.write(json.dumps([len(features), list(names), reward]) + chr(10))
"""


@pytest.fixture(scope="module")
def wrapper(tmp_path_factory):
    """The wrapper's REST and gRPC ports, and the file where its component notes feedback."""
    folder = tmp_path_factory.mktemp("wrapper")
    (folder / "Halves.py").write_text(COMPONENT)
    rest, grpc, metrics = free_ports(3)
    command = [Path(sys.executable).parent / "seldon-core-microservice", "Halves"]
    command += ["--http-port", str(rest), "--grpc-port", str(grpc), "--metrics-port", str(metrics)]
    environ = {**os.environ, "PYTHONPATH": str(folder), "FEEDBACK_FILE": str(folder / "feedback")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True)
    try:
        await_ready(f"http://127.0.0.1:{rest}/health/ping", grpc, process, folder / "log")
        yield rest, grpc, folder / "feedback"
    finally:
        os.killpg(process.pid, 15)
        try:
            process.wait(20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()


def await_ready(url, grpc_port, process, log):
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            socket.create_connection(("127.0.0.1", grpc_port), timeout=2).close()
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        else:
            return


@pytest.mark.component
@pytest.mark.parametrize("transport", ["http", "grpc", "seldon-client"])
def test_the_stock_wrapper_answers_and_takes_feedback(simulate, wrapper, transport):
    rest, grpc, notes = wrapper
    notes.write_text("")
    run = simulate(
        transport=transport,
        gateway=f"127.0.0.1:{grpc if transport == 'grpc' else rest}",
        direct=True,
        warm_up_requests=2,
        feedback_ratio=1,
    )
    assert run.summary.reasons == {}
    assert run.summary.feedback_reasons == {}
    assert run.summary.counts[Status.ANSWERED] == run.summary.feedback_counts[Status.ANSWERED] == 40
    assert run.summary.predictors["champion"].score_sum == 0.5 * 160
    lines = notes.read_text().splitlines()
    assert len(lines) == 40
    assert all(line.startswith('[4, ["id", "timestamp",') for line in lines)
    # All ads score the same, so the first is shown, and the fake world installs the last only.
    assert all(line.endswith(("0.0]", " 0]")) for line in lines)
