"""The whole stack, as a user starts it: `forkcast up`, on all cores, with models of the bench's own world."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rig.processes import cpu_seconds, unused_ports
from rig.served import Server
from rig.world import World

ROOT: Final = Path(__file__).parents[2]
OVERLAY: Final = "kustomize/overlays/ab-test"
PATH: Final = "/seldon/seldon/xgboost/api/v1.0/predictions"
FORKCAST: Final = (sys.executable, "-m", "deployments.cli.main")


@dataclass(frozen=True)
class Stack:
    """Where it is to be, or is."""

    port: int
    state: Path
    models: Path

    @property
    def gateway(self) -> Server:
        return Server(self.port, self.port, (), PATH)

    def start(self) -> subprocess.Popen[bytes]:
        """`forkcast up`, which ends once all is ready."""
        flags = ["--detach", "--port", str(self.port), "--state", str(self.state), "--volumes", str(self.models)]
        with (self.state / "up.log").open("wb") as log:
            return subprocess.Popen([*FORKCAST, "up", OVERLAY, *flags], cwd=ROOT, stdout=log, stderr=log)

    def require_started(self, process: subprocess.Popen[bytes]) -> None:
        """Errors: RuntimeError with what `up` said."""
        if process.wait() != 0:
            raise RuntimeError((self.state / "up.log").read_text())

    def forkcast(self, verb: str, *arguments: str) -> str:
        """Another verb, on this stack; what it prints. Errors: CalledProcessError."""
        command = [*FORKCAST, verb, *arguments, "--state", str(self.state)]
        return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout

    def cpu_seconds(self) -> dict[str, float]:
        """Of the gateway and of each predictor, so far."""
        status: dict[str, Any] = json.loads(self.forkcast("status", "--json"))
        pids = {each["predictor"]: each["pid"] for each in status["predictors"]}
        return {name: cpu_seconds(pid) for name, pid in {"Envoy": status["envoy"]["pid"], **pids}.items()}


@contextmanager
def unstarted(made: World) -> Iterator[Stack]:
    """With its models trained; stopped afterwards, if somebody started it."""
    _ = made.champion, made.challenger, made.detector
    with tempfile.TemporaryDirectory() as state:
        stack = Stack(unused_ports(1)[0], Path(state), made.folder)
        try:
            yield stack
        finally:
            # Not checked: where nothing was started there is nothing to stop, and `down` says so.
            command = [*FORKCAST, "down", "--state", state]
            subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def up(made: World) -> Iterator[Stack]:
    with unstarted(made) as stack:
        stack.require_started(stack.start())
        yield stack
