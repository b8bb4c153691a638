"""The Valkeys of a runtime: started before whoever needs them, stopped after, their data kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from deployments.local import probes
from deployments.local.child import Child
from deployments.local.companions import Store
from deployments.local.supervised import Supervised

type Supervise = Callable[..., Supervised]
"""(name, start, ready=, alive=) -> the program, which starts by itself."""
type Start = Callable[[Store, Callable[[str], None]], Awaitable[Child]]


class RunningStores:
    def __init__(self, socket_of: Callable[[Store], Path]) -> None:
        self._socket_of = socket_of
        self.running: dict[Store, Supervised] = {}

    def addressed(self, text: str) -> str:
        """`text` with the sockets of this run in the place of the stores' addresses on a cluster."""
        for store in self.running:
            text = store.at(self._socket_of(store), text)
        return text

    async def bring_up(
        self, stores: Sequence[Store], start: Start, supervise: Supervise, say: Callable[[str], None]
    ) -> None:
        """Start those that do not run yet. Errors: NotReady."""
        new = []
        for store in stores:
            if store in self.running:
                continue
            say(f"starting {store.service} (Valkey)")
            socket = self._socket_of(store)
            self.running[store] = supervise(
                store.service,
                partial(start, store),
                ready=partial(probes.store_ready, socket),
                alive=partial(probes.store_ready, socket),
            )
            new.append(self.running[store])
        await asyncio.gather(*(program.until_ready() for program in new))

    async def keep(self, stores: Sequence[Store], grace_seconds: float) -> None:
        """Stop all others."""
        leaving = [store for store in self.running if store not in stores]
        await asyncio.gather(*(self.running.pop(store).stop(grace_seconds) for store in leaving))

    def kill_now(self) -> None:
        for program in self.running.values():
            program.kill_now()
