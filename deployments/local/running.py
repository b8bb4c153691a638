"""A predictor as it runs: its programs, started together and stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import partial

from deployments.local import probes
from deployments.local.ports import give_back, take_ports
from deployments.local.programs import Ports, PredictorServer
from deployments.local.starter import Starter
from deployments.local.supervised import Condition, Supervised

type Supervise = Callable[..., Supervised]
"""(name, start, ready=, alive=) -> the program, which starts by itself."""


@dataclass(frozen=True)
class RunningProgram:
    """A program, and where it listens."""

    ports: Ports
    program: Supervised


@dataclass(frozen=True)
class RunningPredictor:
    """A predictor's graph server and, by node, the stock wrappers that it calls."""

    server: PredictorServer
    main: RunningProgram
    wrappers: dict[str, RunningProgram]

    @property
    def programs(self) -> tuple[Supervised, ...]:
        return (self.main.program, *(each.program for each in self.wrappers.values()))

    @property
    def ports_by_node(self) -> dict[str, Ports]:
        """Those of the graph server, under "", and of each wrapper."""
        return {"": self.main.ports, **{node: each.ports for node, each in self.wrappers.items()}}

    @property
    def condition(self) -> Condition:
        """Ready where all of it is; else what the first program that is not ready is."""
        return next((each.condition for each in self.programs if each.condition != Condition.READY), Condition.READY)

    async def until_ready(self) -> None:
        """Errors: NotReady where the first start of one program failed."""
        await asyncio.gather(*(program.until_ready() for program in self.programs))

    async def stop(self, grace_seconds: float) -> None:
        """End the graph server, which may still wait for its components; then those."""
        await self.main.program.stop(grace_seconds)
        await asyncio.gather(*(each.program.stop(grace_seconds) for each in self.wrappers.values()))

    def give_back_ports(self) -> None:
        for each in (self.main, *self.wrappers.values()):
            give_back(set(astuple(each.ports)))


def started(
    server: PredictorServer, starter: Starter, supervise: Supervise, say: Callable[[str], None]
) -> RunningPredictor:
    """Start all programs of a predictor at once: its server is ready when they all are. Errors: PortTaken."""
    # All that can fail comes first: a program that has started must be in the hands of somebody who will stop it.
    http, grpc, *numbers = take_ports(2 + 3 * len(server.wrappers))
    ports = Ports(http, grpc, metrics=http)
    wrapper_ports = {wrapper.node: Ports(*numbers[3 * i : 3 * i + 3]) for i, wrapper in enumerate(server.wrappers)}
    wrappers = {}
    for wrapper in server.wrappers:
        own = wrapper_ports[wrapper.node]
        name = server.program_name(wrapper)
        say(f"starting {name} (REST {own.http}, gRPC {own.grpc}, metrics {own.metrics})")
        program = supervise(
            name,
            partial(starter.stock_wrapper, server, wrapper, own),
            ready=partial(probes.wrapper_ready, wrapper, own),
            alive=partial(probes.wrapper_alive, wrapper, own),
        )
        wrappers[wrapper.node] = RunningProgram(own, program)
    say(f"starting {server.name} (REST {http}, gRPC {grpc})")
    program = supervise(
        server.name,
        partial(starter.predictor_server, server, ports, wrapper_ports),
        ready=partial(probes.server_ready, ports),
        alive=partial(probes.server_alive, ports),
    )
    return RunningPredictor(server, RunningProgram(ports, program), wrappers)
