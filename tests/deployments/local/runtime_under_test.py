"""Overlays of echoing predictors, and a `forkcast` that runs them in a folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
from free_ports import free_ports

from deployments.local.leftovers import processes_of

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


ECHO = "echo_model.EchoModel"


def predictor(name, traffic=None, *, shadow=False, **of_the_node):
    """A predictor of one node, `echo`."""
    found = graph_of(name, node("echo", **of_the_node))
    return found | ({} if traffic is None else {"traffic": traffic}) | ({"shadow": True} if shadow else {})


def node(
    name,
    kind="MODEL",
    *children,
    model_name=ECHO,
    env=(),
    model_uri=None,
    parameters=(),
    implementation=None,
):
    """A node of a graph, with what its container should have; `graph_of` puts both in their places."""
    fields = {"type": kind, "implementation": implementation, "modelUri": model_uri, "parameters": list(parameters)}
    variables = [{"name": "MODEL_NAME", "value": model_name}, *({"name": k, "value": v} for k, v in env)]
    return {
        "name": name,
        **{key: value for key, value in fields.items() if value},
        "children": list(children),
        "env": variables,
    }


def graph_of(name, root):
    """A predictor with that graph, and a container for each node that is no implementation of Seldon's."""
    containers = []

    def placed(each):
        found = {key: value for key, value in each.items() if key not in {"env", "children"}}
        if "implementation" not in each:
            containers.append({"name": each["name"], "image": f"{each['name']}:1", "env": each["env"]})
        children = [placed(child) for child in each["children"]]
        return found | ({"children": children} if children else {})

    graph = placed(root)
    return {"name": name, "graph": graph, "componentSpecs": [{"spec": {"containers": containers}}]}


def overlay(*predictors, annotations=None, name="xgboost", namespace="seldon"):
    return json.dumps(
        {
            "apiVersion": "machinelearning.seldon.io/v1",
            "kind": "SeldonDeployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"predictors": list(predictors), "annotations": annotations or {}},
        }
    )


def eventually(condition, seconds=30.0, what="the condition"):
    """Poll until `condition` returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not hold within {seconds} s")


def ports_of(status):
    """Every port that a program of a runtime listens on, its gateway apart."""
    programs = [program for each in status["predictors"] for program in (each, *each["components"])]
    return {port for program in programs for port in program["ports"].values()}


def champion_of(forkcast):
    """What is known of the champion as a whole, and of its only component's wrapper."""
    champion = forkcast.status_of("champion")
    return champion, *champion["components"]


def has_restarted(now, before):
    return now["restarts"] == before["restarts"] + 1 and now["pid"] not in {None, before["pid"]}


def tree_of(pid):
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def assert_have_ended(processes):
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


class Forkcast:
    """The command, run in a folder of its own on a port of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / ".forkcast"
        (self.port,) = free_ports(1)
        self.gateway = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.gateway}/seldon/seldon/xgboost/api/v1.0/predictions"
        self.foreground = []

    def write(self, text, name="overlay.json"):
        path = self.folder / name
        path.write_text(text)
        return name

    def __call__(self, *arguments, code=0):
        done = self._run(*arguments)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def up(self, text, *options, **how):
        return self("up", self.write(text), "--port", str(self.port), "--detach", *options, **how)

    def start_in_foreground(self, text):
        log = (self.folder / "foreground.log").open("w")
        process = subprocess.Popen(
            self._command("up", self.write(text), "--port", str(self.port)),
            cwd=self.folder,
            env=self._environ(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.foreground.append(process)
        return process

    def up_in_foreground(self, text):
        process = self.start_in_foreground(text)
        eventually(lambda: "ready: http" in (self.folder / "foreground.log").read_text(), what="being ready")
        return process

    def apply(self, text, *options, **how):
        return self("apply", self.write(text, "next.json"), *options, **how)

    def status(self):
        return json.loads(self("status", "--json"))

    def status_of(self, predictor_name):
        return next(each for each in self.status()["predictors"] if each["predictor"] == predictor_name)

    def envoy_statistics(self, predictor_name):
        """What Envoy counts of a predictor's gRPC cluster."""
        record = json.loads((self.state / "runtime.json").read_text())
        address = f"http://envoy/stats?filter=xgboost-{predictor_name}.*-grpc"
        socket_path = f"{record['sockets']}/envoy-admin.sock"
        command = ["curl", "--silent", "--unix-socket", socket_path, address]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def processes(self):
        return processes_of(self.state)

    def assert_nothing_is_left(self, status):
        """No process of the run, and no port of its `status`, is there any more."""
        assert self.processes() == []
        for port in [self.port, *ports_of(status)]:
            with closing(socket.socket()) as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0, f"port {port} is still listened on"

    def close(self):
        for process in self.foreground:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
        self._run("down")
        assert self.processes() == []

    def _run(self, *arguments):
        command, environ = self._command(*arguments), self._environ()
        return subprocess.run(
            command, check=False, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=120
        )

    def _command(self, *arguments):
        return [sys.executable, "-m", "deployments.cli.main", *arguments]

    def _environ(self):
        return os.environ | {"PYTHONPATH": f"{ROOT}:{HERE}", "NO_COLOR": "1", "COLUMNS": "200"}
