"""The runtime: makes a plan so, keeps it so, and moves to another without a failed request.

The order of a change is what makes it safe: new components answer before Envoy hears of them, Envoy has found them
well before they get traffic, and old ones have answered their last request before they are stopped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from typing import Any, Final

from deployments.local import probes
from deployments.local.described import Running, described
from deployments.local.envoy import clusters, clusters_of, routes
from deployments.local.errors import NotReady
from deployments.local.gateway import CLUSTERS, ROUTE_TABLE, EnvoyDoor
from deployments.local.logs import LogFile
from deployments.local.plan import Component, Plan, Ports
from deployments.local.ports import give_back, take_ports
from deployments.local.settings import Settings
from deployments.local.starter import Starter
from deployments.local.state import Record, StateFolder
from deployments.local.supervised import Supervised

ENVOY: Final = "envoy"
ENVOY_TIMEOUT_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 1.0
"""Envoy's main thread tells its version before each worker thread routes by it; a moment, given generously."""

type OnLine = Callable[[str, str], None]
type Say = Callable[[str], None]


class Runtime:
    def __init__(self, settings: Settings, state: StateFolder, record: Record, on_line: OnLine, say: Say) -> None:
        self._settings = settings
        self._state = state
        self._record = record
        self._on_line = on_line
        self._say = say
        self._door = EnvoyDoor(state.envoy, record.admin_socket, settings.host, settings.port)
        self._starter = Starter(state.path, state.envoy, record)
        self._running: dict[str, Running] = {}
        self._guardian: asyncio.subprocess.Process | None = None
        self._guarding: asyncio.Task[None] | None = None
        self._envoy: Supervised | None = None
        self._plan: Plan | None = None
        self._overlay = ""
        self._version = 0
        self._changing = asyncio.Lock()
        self._began = time.time()

    async def start(self, plan: Plan, overlay: str) -> None:
        """Bring everything up. Errors: NotReady; then `stop` is still due."""
        async with self._changing:
            self._guardian = await self._starter.guardian()
            self._guarding = asyncio.create_task(self._guard())
            await self._bring_up(plan.components, self._say)
            self._door.prepare(CLUSTERS, clusters(plan.components, self._ports(), self._next_version()))
            self._door.prepare(ROUTE_TABLE, routes(plan, self._next_version()))
            self._door.write_bootstrap()
            self._say("starting the gateway")
            self._envoy = self._supervised(ENVOY, self._starter.envoy, ready=self._door.ready, alive=self._door.ready)
            await self._envoy.until_ready()
            await self._door.until_healthy(clusters_of(plan.components), ENVOY_TIMEOUT_SECONDS)
            self._plan, self._overlay = plan, overlay

    async def apply(self, plan: Plan, overlay: str, say: Say) -> None:
        """Move to another plan while requests are served.

        Errors: NotReady, GatewayRefused; then what served before still does.
        """
        async with self._changing:
            before = self._plan
            if before is None:
                raise NotReady("the runtime is still starting; wait for `forkcast status` to say ready")
            new = [component for component in plan.components if component.key not in self._running]
            keys = {component.key for component in plan.components}
            old = [running.component for key, running in self._running.items() if key not in keys]
            try:
                await self._bring_up(new, say)
                if new:
                    await self._feed_clusters([*before.components, *new])
                    await self._door.until_healthy(clusters_of(new), ENVOY_TIMEOUT_SECONDS)
                await self._feed_routes(plan)
            except BaseException:
                await self._back_to(before, new)
                raise
            self._plan, self._overlay = plan, overlay
            say("the gateway serves the new weights: " + _weights(plan))
            if old:
                say("draining " + ", ".join(component.name for component in old))
                try:
                    await self._drain(old)
                    await self._feed_clusters(plan.components)
                finally:
                    await self._stop_components(old)

    async def status(self) -> dict[str, Any]:
        """What runs, as data: the table of `forkcast status` and its --json."""
        completed = await self._door.numbers("upstream_rq_completed")
        return {
            "gateway": self._settings.gateway,
            "overlay": self._overlay,
            "state": str(self._state.path),
            "pid": os.getpid(),
            "up_seconds": round(time.time() - self._began, 1),
            "guardian": self._guardian.pid if self._guardian else None,
            **described(self._plan, self._envoy, list(self._running.values()), completed),
        }

    async def stop(self) -> None:
        """End every program, the gateway first. Nothing is left when it returns."""
        programs = [running.program for running in self._running.values()]
        if self._guarding is not None:
            self._guarding.cancel()
            await asyncio.wait({self._guarding})
        if self._envoy is not None:
            await self._envoy.stop(self._settings.stop_grace_seconds)
        await asyncio.gather(*(program.stop(self._settings.stop_grace_seconds) for program in programs))
        self._running.clear()
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()  # it ends whatever bears our mark and escaped us, then itself
            await self._guardian.wait()

    def kill_now(self) -> None:
        """For whoever cannot wait for `stop`: end every program at once."""
        programs = [running.program for running in self._running.values()]
        for program in [*programs, *([self._envoy] if self._envoy else [])]:
            program.kill_now()

    async def _bring_up(self, components: Iterable[Component], say: Say) -> None:
        started = []
        for component in components:
            ports = Ports(*take_ports(3))
            say(f"starting {component.name} (REST {ports.http}, gRPC {ports.grpc}, metrics {ports.metrics})")
            program = self._supervised(
                component.name,
                partial(self._starter.component, component, ports),
                ready=partial(probes.component_ready, component, ports),
                alive=partial(probes.component_alive, component, ports),
            )
            self._running[component.key] = Running(component, ports, program)
            started.append(program)
        await asyncio.gather(*(program.until_ready() for program in started))

    async def _back_to(self, before: Plan, new: list[Component]) -> None:
        with suppress(Exception):  # Envoy may be the one that is away; it reads these files when it is back
            await self._feed_routes(before)
            if new:
                await self._feed_clusters(before.components)
        await self._stop_components(new)

    async def _drain(self, components: list[Component]) -> None:
        """Wait until their last request is answered, or for as long as the settings allow."""
        await asyncio.sleep(SETTLE_SECONDS)
        deadline = time.monotonic() + self._settings.drain_seconds
        while time.monotonic() < deadline:
            active = await self._door.numbers("upstream_rq_active")
            if not any(active.get(cluster) for cluster in clusters_of(components)):
                return
            await asyncio.sleep(0.1)

    async def _stop_components(self, components: list[Component]) -> None:
        leaving = [self._running[component.key] for component in components if component.key in self._running]
        await asyncio.gather(*(running.program.stop(self._settings.stop_grace_seconds) for running in leaving))
        for running in leaving:
            del self._running[running.component.key]
            give_back(astuple(running.ports))

    async def _feed_clusters(self, components: Iterable[Component]) -> None:
        document = clusters(list(components), self._ports(), self._next_version())
        await self._door.feed(CLUSTERS, document, ENVOY_TIMEOUT_SECONDS)

    async def _feed_routes(self, plan: Plan) -> None:
        await self._door.feed(ROUTE_TABLE, routes(plan, self._next_version()), ENVOY_TIMEOUT_SECONDS)

    def _next_version(self) -> str:
        self._version += 1
        return f"{self._record.run}-{self._version}"

    def _ports(self) -> Mapping[str, Ports]:
        return {key: running.ports for key, running in self._running.items()}

    def _supervised(self, name: str, start: Any, *, ready: Any, alive: Any) -> Supervised:
        return Supervised(
            name,
            start,
            ready=ready,
            alive=alive,
            log=LogFile(self._state.logs / f"{name}.log"),
            on_line=partial(self._on_line, name),
            say=self._say,
            start_timeout_seconds=self._settings.start_timeout_seconds,
        )

    async def _guard(self) -> None:
        """There is always a guardian: one that ends is replaced."""
        while self._guardian is not None:
            await self._guardian.wait()
            self._say("the guardian ended; starting another")
            await asyncio.sleep(SETTLE_SECONDS)
            self._guardian = await self._starter.guardian()


def _weights(plan: Plan) -> str:
    return ", ".join(
        f"{destination.component.name} {destination.percent} %"
        for route in plan.routes
        for destination in route.destinations
    )
