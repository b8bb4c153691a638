"""The runtime: makes a plan so, keeps it so, and moves to another without a failed request.

The order of a change is what makes it safe: new predictors answer before Envoy hears of them, Envoy has found them
well before they get traffic, and old ones have answered their last request before they are stopped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from deployments.local.described import described
from deployments.local.envoy import clusters, clusters_of, routes
from deployments.local.envoy_tracing import collector_of
from deployments.local.errors import NotReady
from deployments.local.gateway import CLUSTERS, ROUTE_TABLE, EnvoyDoor
from deployments.local.logs import LogFile
from deployments.local.monitoring import Monitoring
from deployments.local.plan import Plan
from deployments.local.programs import Ports, PredictorServer
from deployments.local.running import RunningPredictor, started
from deployments.local.scraping import shares
from deployments.local.settings import Settings
from deployments.local.starter import Starter
from deployments.local.state import Record, StateFolder
from deployments.local.stores import RunningStores
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
        collector, self._untraced_why = collector_of(os.environ)
        self._door = EnvoyDoor(state.envoy, record.admin_socket, settings.host, settings.port, collector)
        self._stores = RunningStores(lambda store: record.store_socket(store.key))
        self._starter = Starter(state, record, self._stores.addressed)
        self._monitoring = Monitoring(state.prometheus, say)
        self._running: dict[str, RunningPredictor] = {}
        self._guardian: asyncio.subprocess.Process | None = None
        self._guarding: asyncio.Task[None] | None = None
        self._envoy: Supervised | None = None
        self._plan: Plan | None = None
        self.isolated = False
        """Whether what it serves, or is starting, runs each component in a process of its own."""
        self._overlay = ""
        self._version = 0
        self._changing = asyncio.Lock()
        self._began = time.time()

    async def start(self, plan: Plan, overlay: str) -> None:
        """Bring everything up. Errors: NotReady; then `stop` is still due."""
        self.isolated = plan.isolated
        async with self._changing:
            self._guardian = await self._starter.guardian()
            self._guarding = asyncio.create_task(self._guard())
            await self._stores.bring_up(plan.stores, self._starter.store, self._supervised, self._say)
            await self._bring_up(plan.servers, self._say)
            self._door.prepare(CLUSTERS, clusters(plan.servers, self._ports(), self._next_version()))
            self._door.prepare(ROUTE_TABLE, routes(plan, self._next_version()))
            self._door.write_bootstrap()
            self._say("starting the gateway")
            if self._untraced_why is not None:
                self._say(f"the gateway tells no spans: {self._untraced_why}")
            self._envoy = self._supervised(ENVOY, self._starter.envoy, ready=self._door.ready, alive=self._door.ready)
            await self._envoy.until_ready()
            await self._door.until_healthy(clusters_of(plan.servers), ENVOY_TIMEOUT_SECONDS)
            await self._monitoring.start(self._starter.prometheus, self._supervised, wanted=self._settings.prometheus)
            self._serve(plan, overlay)

    async def apply(self, plan: Plan, overlay: str, say: Say) -> None:
        """Move to another plan while requests are served.

        Errors: NotReady, GatewayRefused; then what served before still does.
        """
        async with self._changing:
            before = self._plan
            if before is None:
                raise NotReady("the runtime is still starting; wait for `forkcast status` to say ready")
            new = [server for server in plan.servers if server.key not in self._running]
            keys = {server.key for server in plan.servers}
            old = [running.server for key, running in self._running.items() if key not in keys]
            try:
                await self._stores.bring_up(plan.stores, self._starter.store, self._supervised, say)
                await self._bring_up(new, say)
                if new:
                    await self._feed_clusters([*before.servers, *new])
                    await self._door.until_healthy(clusters_of(new), ENVOY_TIMEOUT_SECONDS)
                await self._feed_routes(plan)
            except BaseException:
                await self._back_to(before, new)
                raise
            self._serve(plan, overlay)
            say("the gateway serves the new weights: " + _weights(plan))
            if old:
                say("draining " + ", ".join(server.name for server in old))
                try:
                    await self._drain(old)
                    await self._feed_clusters(plan.servers)
                finally:
                    await self._stop_predictors(old)
            else:
                await asyncio.sleep(SETTLE_SECONDS)  # whoever is told that it is served finds it so
            await self._stores.keep(plan.stores, self._settings.stop_grace_seconds)

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
            "prometheus": self._monitoring.described(),
            "shares": [asdict(share) for share in shares(self._plan)] if self._plan else [],
            **described(self._plan, self._envoy, list(self._running.values()), completed, self._stores.running),
        }

    async def stop(self) -> None:
        """End every program, the gateway first. Nothing is left when it returns."""
        if self._guarding is not None:
            self._guarding.cancel()
            await asyncio.wait({self._guarding})
        if self._envoy is not None:
            await self._envoy.stop(self._settings.stop_grace_seconds)
        await asyncio.gather(*(each.stop(self._settings.stop_grace_seconds) for each in self._running.values()))
        self._running.clear()
        await self._stores.keep((), self._settings.stop_grace_seconds)
        await self._monitoring.stop(self._settings.stop_grace_seconds)
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()  # it ends whatever bears our mark and escaped us, then itself
            await self._guardian.wait()

    def kill_now(self) -> None:
        """For whoever cannot wait for `stop`: end every program at once."""
        programs = [program for running in self._running.values() for program in running.programs]
        for program in [*programs, *([self._envoy] if self._envoy else [])]:
            program.kill_now()
        self._stores.kill_now()
        self._monitoring.kill_now()

    def _serve(self, plan: Plan, overlay: str) -> None:
        """It does: from here on this is what runs."""
        self._plan, self._overlay, self.isolated = plan, overlay, plan.isolated
        self._monitoring.show(plan, {key: running.ports_by_node for key, running in self._running.items()})

    async def _bring_up(self, servers: Iterable[PredictorServer], say: Say) -> None:
        new = []
        for server in servers:
            running = started(server, self._starter, self._supervised, say)
            self._running[server.key] = running
            new.append(running)
        await asyncio.gather(*(running.until_ready() for running in new))

    async def _back_to(self, before: Plan, new: Sequence[PredictorServer]) -> None:
        with suppress(Exception):  # Envoy may be the one that is away; it reads these files when it is back
            await self._feed_routes(before)
            if new:
                await self._feed_clusters(before.servers)
        await self._stop_predictors(new)
        await self._stores.keep(before.stores, self._settings.stop_grace_seconds)

    async def _drain(self, servers: Sequence[PredictorServer]) -> None:
        """Wait until their last request is answered, or for as long as the settings allow."""
        await asyncio.sleep(SETTLE_SECONDS)
        deadline = time.monotonic() + self._settings.drain_seconds
        while time.monotonic() < deadline:
            active = await self._door.numbers("upstream_rq_active")
            if not any(active.get(cluster) for cluster in clusters_of(servers)):
                return
            await asyncio.sleep(0.1)

    async def _stop_predictors(self, servers: Sequence[PredictorServer]) -> None:
        leaving = [self._running[server.key] for server in servers if server.key in self._running]
        await asyncio.gather(*(running.stop(self._settings.stop_grace_seconds) for running in leaving))
        for running in leaving:
            del self._running[running.server.key]
            running.give_back_ports()
            (self._state.podinfo / running.server.key).unlink(missing_ok=True)

    async def _feed_clusters(self, servers: Iterable[PredictorServer]) -> None:
        document = clusters(list(servers), self._ports(), self._next_version())
        await self._door.feed(CLUSTERS, document, ENVOY_TIMEOUT_SECONDS)

    async def _feed_routes(self, plan: Plan) -> None:
        await self._door.feed(ROUTE_TABLE, routes(plan, self._next_version()), ENVOY_TIMEOUT_SECONDS)

    def _next_version(self) -> str:
        self._version += 1
        return f"{self._record.run}-{self._version}"

    def _ports(self) -> Mapping[str, Ports]:
        return {key: running.main.ports for key, running in self._running.items()}

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
        f"{destination.server.name} {destination.percent} %"
        for route in plan.routes
        for destination in route.destinations
    )
