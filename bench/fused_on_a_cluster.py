"""What does `kustomize/components/fused` gain on a cluster?

Two deployments side by side behind one gateway: the base overlay with Seldon's executor over model and detector, and
the same one fused into one container. REST through the gateway, one raw impression a request, 32 at a time. Where the
Pods are processes of this machine, their CPU time for each answered request too, the gateway's apart.

FORKCAST_TEST_KUBECONFIG names the kubeconfig of a throw-away cluster with Seldon Core and Istio, FORKCAST_TEST_GATEWAY
its gateway as 127.0.0.1:PORT, FORKCAST_TEST_MODELS_VOLUME the folder that its claim `models` in the namespace `seldon`
is; as the tests of the strategies have them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
from rig import harness, served
from rig.world import world

from deployments.render import kubectl_program

KUSTOMIZE = Path(__file__).parents[1] / "kustomize"
VARIABLES = ("FORKCAST_TEST_KUBECONFIG", "FORKCAST_TEST_GATEWAY", "FORKCAST_TEST_MODELS_VOLUME")
NAMESPACE = "seldon"
AVAILABLE_SECONDS = 180
SIDES = {"executor": (), "fused": ("fused",)}
"""By name, the components above the base."""


@dataclass(frozen=True)
class Deployed:
    name: str
    gateway: served.Server
    processes: Sequence[psutil.Process]
    """Of its Pods; none where they run elsewhere."""

    def cpu_seconds(self) -> float:
        """So far."""
        return sum(times.user + times.system for times in (process.cpu_times() for process in self.processes))


def main() -> None:
    asked = harness.arguments(__doc__)
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    host, _, port = os.environ.get("FORKCAST_TEST_GATEWAY", "").rpartition(":")
    if missing or host not in {"127.0.0.1", "localhost"}:
        wanted = f"set {', '.join(missing)}" if missing else "forward the gateway's port to 127.0.0.1"
        sys.stdout.write(f"skipped: a throw-away cluster is needed; {wanted} (--help tells more)\n")
        return
    facts = harness.machine()
    served.onto_the_last_core()
    with world() as made, ExitStack() as stack:
        for folder in (made.champion, made.detector):
            shutil.copytree(folder, Path(os.environ[VARIABLES[2]]) / folder.name, dirs_exist_ok=True)
        _kubectl("apply", "-k", KUSTOMIZE / "namespace")
        sides = {name: stack.enter_context(_deployed(name, above, int(port))) for name, above in SIDES.items()}
        requests = {name: served.requests_of(each.gateway, made.bodies(1)) for name, each in sides.items()}

        def rate(name: str) -> float:
            load = served.rest_load(sides[name].gateway, requests[name], at_once=32, seconds=asked.seconds)
            return load.requests_per_second

        def microseconds(name: str) -> float:
            before = sides[name].cpu_seconds()
            load = served.rest_load(sides[name].gateway, requests[name], at_once=32, seconds=asked.seconds)
            return (sides[name].cpu_seconds() - before) / load.n_answered * 1e6

        seen = harness.in_turns({name: partial(rate, name) for name in SIDES}, asked.rounds)
        what = "requests/s through the gateway, fused against executor"
        figures = [harness.Figure(what, seen["fused"] / seen["executor"], seen=seen)]
        if all(side.processes for side in sides.values()):
            seen = harness.in_turns({name: partial(microseconds, name) for name in SIDES}, asked.rounds)
            what = "CPU of a request in the Pods, us, executor against fused"
            figures.append(harness.Figure(what, seen["executor"] / seen["fused"], seen=seen))
    harness.tell("An overlay on a cluster, with Seldon's executor and fused", figures, facts, asked.json)


@contextmanager
def _deployed(name: str, above: Sequence[str], port: int) -> Iterator[Deployed]:
    """The base with these components above it, under a name of its own, once the gateway knows it."""
    deployment = f"xgboost-{name}"
    with tempfile.TemporaryDirectory() as folder:
        top = os.path.relpath(KUSTOMIZE, Path(folder).resolve())
        text = {
            "resources": [f"{top}/base"],
            "components": [f"{top}/components/{each}" for each in above],
            "nameSuffix": f"-{name}",
        }
        (Path(folder) / "kustomization.yaml").write_text(json.dumps(text))
        _kubectl("apply", "-k", folder)
        try:
            available = "--for=jsonpath={.status.state}=Available"
            _kubectl("wait", "-n", NAMESPACE, available, f"sdep/{deployment}", f"--timeout={AVAILABLE_SECONDS}s")
            path = f"/seldon/{NAMESPACE}/{deployment}/api/v1.0/predictions"
            _await_route(f"http://127.0.0.1:{port}{path.replace('api/v1.0/predictions', 'ready')}")
            yield Deployed(deployment, served.Server(port, port, (), path), _processes_of(deployment))
        finally:
            _kubectl("delete", "-k", folder)


def _kubectl(*arguments: object) -> str:
    command = [kubectl_program(), "--kubeconfig", os.environ[VARIABLES[0]], *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def _await_route(url: str) -> None:
    """The gateway hears of a route a moment after the operator has written it."""
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  (http, on loopback)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _processes_of(deployment: str) -> list[psutil.Process]:
    """What runs in the Pods of a deployment, where that is on this machine."""
    names = _kubectl(
        *("get", "pods", "-n", NAMESPACE, "-l", f"seldon-deployment-id={deployment}"),
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ).split()
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("HOSTNAME") in names:
                found.append(process)
    return found


if __name__ == "__main__":
    main()
