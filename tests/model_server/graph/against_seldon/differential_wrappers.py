"""Every component of the zoo behind the real, stock `seldon-core-microservice`: once each, shared by all graphs."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graph_server_process import ROOT, free_ports

LOOPBACK = "127.0.0.1"
START_SECONDS = 120.0
PREDICTOR, DEPLOYMENT, NAMESPACE = "p", "dep", "ns"
LABELS = {"version": "v7"}
METRICS_PATH = "/prometheus"


@dataclass(frozen=True)
class Kind:
    """A component of the zoo: the name of its node, and what its container is told."""

    name: str
    class_name: str
    parameters: tuple[tuple[str, str, str], ...] = ()
    """name, value, type"""

    @property
    def image(self):
        return f"registry:5000/zoo/{self.name}:1.2"

    @property
    def parameter_trees(self):
        return [{"name": name, "value": value, "type": kind} for name, value, kind in self.parameters]

    @property
    def container(self):
        return {"name": self.name, "image": self.image, "env": [{"name": "MODEL_NAME", "value": self.class_name}]}

    @property
    def environment(self):
        """What the operator tells the container of where it runs."""
        return {
            "PREDICTIVE_UNIT_ID": self.name,
            "PREDICTIVE_UNIT_IMAGE": self.image,
            "PREDICTIVE_UNIT_PARAMETERS": json.dumps(self.parameter_trees),
            "PREDICTIVE_UNIT_METRICS_ENDPOINT": METRICS_PATH,
            "PREDICTOR_ID": PREDICTOR,
            "PREDICTOR_LABELS": json.dumps(LABELS),
            "SELDON_DEPLOYMENT_ID": DEPLOYMENT,
            "SELDON_EXECUTOR_ENABLED": "true",
        }


KINDS = {
    kind.name: kind
    for kind in (
        Kind("scales", "differential_zoo.Scales", (("factor", "3", "INT"),)),
        Kind("tagged", "differential_zoo.Tagged"),
        Kind("renames", "differential_zoo.Renames"),
        Kind("rounds", "differential_zoo.Rounds"),
        Kind("picks", "differential_zoo.Picks"),
        Kind("splits", "differential_zoo.Splits"),
        Kind("averages", "differential_zoo.Averages"),
        Kind("answers", "differential_zoo.Answers"),
        Kind("refuses", "differential_zoo.Refuses"),
        Kind("raw", "differential_zoo.Raw"),
        Kind("responds", "differential_zoo_of_seldons.Responds"),
        Kind("component", "differential_zoo_of_seldons.Component"),
    )
}


@dataclass(frozen=True)
class Wrapper:
    """A stock wrapper that runs."""

    kind: Kind
    process: subprocess.Popen[bytes]
    http_port: int
    grpc_port: int
    metrics_port: int
    log: Path

    def metrics(self):
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.metrics_port}{METRICS_PATH}", timeout=10) as answer:
            return answer.read().decode()


@contextmanager
def stock_wrappers(folder):
    """One for each kind, by name; none of their processes is left at the end."""
    running = {}
    try:
        for kind in KINDS.values():
            running[kind.name] = _start(kind, folder)
        asyncio.run(_until_all_answer(running.values()))
        yield running
    finally:
        for wrapper in running.values():
            os.killpg(wrapper.process.pid, signal.SIGKILL)
            wrapper.process.wait()


def _start(kind, folder):
    ports = free_ports(3)
    command = [sys.executable, "-m", "deployments.local.stock_wrapper", kind.class_name]
    for name, port in zip(("--http-port", "--grpc-port", "--metrics-port"), ports, strict=True):
        command += [name, str(port)]
    log = Path(folder) / f"{kind.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **kind.environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"},
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
    return Wrapper(kind, process, *ports, log)


async def _until_all_answer(wrappers):
    async with asyncio.timeout(START_SECONDS):
        for wrapper in wrappers:
            for port in (wrapper.http_port, wrapper.grpc_port, wrapper.metrics_port):
                while not is_open(port):
                    assert wrapper.process.poll() is None, wrapper.log.read_text()
                    await asyncio.sleep(0.05)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
