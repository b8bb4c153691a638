"""What a graph, or a component alone, is asked, and what each who stands for it answers: heard once, then kept."""

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import differential_counts as counts
from differential_cases import Case
from differential_executor import Executor
from differential_faults import is_plain
from differential_programs import LOOPBACK, Program
from differential_requests import to_component, to_graph
from graph_server_process import graph_arguments, started

N_TO_A_GRAPH, N_TO_A_COMPONENT = 30, 60
"""Drawn for each transport; what all are asked comes on top."""
ZOO = Path(__file__).parent


@dataclass(frozen=True)
class Heard:
    cases: list[Case]
    seldons_counts: dict
    our_counts: dict
    """Metrics after the requests with which nothing is wrong."""


class Conversations:
    """Over the stock wrappers, by the names of their components. What is asked depends on the seed alone."""

    def __init__(self, wrappers, folder, seed):
        self._wrappers = wrappers
        self._folder = folder
        self._seed = seed
        self._kept = {}

    def with_graph(self, graph):
        """Seldon's side: our walk over Seldon's wrappers. Ours: all in one process."""
        return self._once("graph", graph.name, lambda folder: self._fused_and_isolated(graph, folder))

    def with_executor(self, graph):
        """Seldon's side: its executor over its wrappers. Ours: our walk over the same."""
        cases = self.with_graph(graph).cases
        return self._once("executor", graph.name, lambda folder: self._executor(graph, cases, folder))

    def with_component(self, kind):
        """Seldon's side: its wrapper. Ours: the same class behind `python -m model_server.graph`."""
        return self._once("component", kind.name, lambda folder: self._component(kind, folder))

    def _once(self, what, name, hear):
        if (what, name) not in self._kept:
            folder = self._folder / f"{what}-{name}"
            folder.mkdir()
            self._kept[what, name] = asyncio.run(hear(folder))
        return self._kept[what, name]

    async def _fused_and_isolated(self, graph, folder):
        requests = to_graph(random.Random(f"{self._seed} {graph.name}"), graph, N_TO_A_GRAPH)
        async with (
            _served(graph, graph.elsewhere(self._wrappers), folder / "isolated") as isolated,
            _served(graph, graph.predictor, folder / "fused") as fused,
        ):
            await asyncio.gather(isolated.until_ready(), fused.until_ready())
            seldons = Asked(Program(isolated.http_port, isolated.grpc_port, self._names(graph)), isolated.metrics)
            ours = Asked(Program(fused.http_port, fused.grpc_port), fused.metrics)
            return await _heard(requests, seldons, ours, counts.of_graph, graph)

    async def _executor(self, graph, cases, folder):
        executor = Executor(graph.elsewhere(self._wrappers), graph.environment, folder / "log", self._names(graph))
        outcomes = await executor.ask_all([case.request for case in cases])
        heard = zip(cases, outcomes, strict=True)
        return Heard([Case(case.request, told, case.seldons, graph) for case, told in heard], {}, {})

    async def _component(self, kind, folder):
        requests = to_component(random.Random(f"{self._seed} {kind.name}"), N_TO_A_COMPONENT)
        wrapper = self._wrappers[kind.name]
        arguments = ["--lame-duck-seconds", "0", kind.class_name]
        async with started(
            arguments, folder, environment=kind.environment, python_path=[ZOO], metrics_port=True
        ) as server:
            seldons = Asked(Program(wrapper.http_port, wrapper.grpc_port), wrapper.metrics)
            ours = Asked(Program(server.http_port, server.grpc_port), server.metrics)
            return await _heard(requests, seldons, ours, counts.of_component)

    def _names(self, graph):
        """What components elsewhere are called in answers: as in a graph of one process."""
        return {
            f"{LOOPBACK}:{port}": name
            for name in graph.components()
            for port in (self._wrappers[name].http_port, self._wrappers[name].grpc_port)
        }


@dataclass(frozen=True)
class Asked:
    """A program, and how to read its metrics."""

    program: Program
    metrics: object

    async def counts(self, read):
        return read(await asyncio.to_thread(self.metrics))


@asynccontextmanager
async def _served(graph, predictor, folder):
    folder.mkdir()
    arguments, environment = graph_arguments(predictor, folder)
    async with started(
        arguments, folder, environment=environment | graph.environment, python_path=[ZOO], until_ready=False
    ) as server:
        yield server


async def _heard(requests, seldons, ours, read, graph=None):
    """First all that is plain, then the metrics, then the others."""
    plain = [request for request in requests if is_plain(request)]
    others = [request for request in requests if not is_plain(request)]
    before = await seldons.counts(read)
    cases = await _asked(plain, seldons, ours, graph)
    seldons_counts = counts.with_all_rewards(counts.since(before, await seldons.counts(read)), plain)
    our_counts = counts.since({}, await ours.counts(read))
    cases += await _asked(others, seldons, ours, graph, len(plain))
    return Heard(cases, seldons_counts, our_counts)


async def _asked(requests, seldons, ours, graph, numbers_from=0):
    answers = await asyncio.gather(*(asked.program.ask_all(requests, numbers_from) for asked in (seldons, ours)))
    return [Case(request, told, our, graph) for request, told, our in zip(requests, *answers, strict=True)]
