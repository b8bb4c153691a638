"""One run from a scenario to a verdict: draw, plan, send, count, judge."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from traffic_sim.live_metrics import LiveMetrics
from traffic_sim.pacing import PACERS
from traffic_sim.plan import Encounters, Plan, make_plan
from traffic_sim.progress import Progress
from traffic_sim.scenario import Scenario
from traffic_sim.senders import BATCH_SECONDS, Effort, Orders, send_from_processes, send_here, target_of
from traffic_sim.summary import Accumulator, Summary
from traffic_sim.thresholds import Threshold, Verdict, judge
from traffic_sim.transports.choice import make_transport
from traffic_sim.worlds import with_drift

INTERRUPTED_EXIT_CODE: Final = 130
"""128 + SIGINT, as shells report it."""
type World = Callable[[Scenario, int], Encounters]


@dataclass(frozen=True)
class Run:
    """What came of a scenario."""

    scenario: Scenario
    summary: Summary
    verdicts: tuple[Verdict, ...]
    effort: Effort
    was_interrupted: bool
    knows_outcomes: bool
    started_at: float | None
    """Seconds since 1970; None if it was interrupted before the clock started."""

    @property
    def exit_code(self) -> int:
        """0 if every threshold holds; 1 if not, or if the generator was too slow to tell; 130 after Ctrl-C."""
        if self.was_interrupted:
            return INTERRUPTED_EXIT_CODE
        sound = self.summary.generator_problem is None
        return 0 if sound and all(verdict.holds for verdict in self.verdicts) else 1


def plan_of(scenario: Scenario, world: World) -> Plan:
    """Everything that the scenario will send. The same scenario gives the same plan, byte for byte."""
    seeds = scenario.seeds
    pacer = PACERS[scenario.arrivals]
    planned_at = pacer(scenario.rate_requests_per_second, scenario.duration_seconds, seeds.rng("schedule"))
    users = None
    if scenario.n_users is not None:
        users = seeds.rng("users").integers(scenario.n_users, size=len(planned_at))
    drawn = world(scenario, max(1, len(planned_at)))
    if scenario.drift and len(planned_at):
        drawn = with_drift(scenario, drawn, planned_at)
    return make_plan(
        drawn,
        planned_at,
        make_transport(scenario.transport, target_of(scenario)).encode,
        duration_seconds=scenario.duration_seconds,
        rows_per_request=scenario.rows_per_request,
        feedback_ratio=scenario.feedback_ratio,
        rng=seeds.rng("feedback"),
        users=users,
    )


async def carry_out(scenario: Scenario, plan: Plan, progress: Progress, live: LiveMetrics | None = None) -> Run:
    """Send the plan and judge what comes back. Ctrl-C ends it early, with a table of what was done.

    `live` is told each second what has come of it, and all of it at the end.
    Errors: TargetNotReady, SenderDied.
    """
    accumulator = Accumulator(scenario.duration_seconds, scenario.rows_per_request, scenario.max_lag_p99_seconds, live)
    stop = asyncio.Event()
    started_at = math.inf
    in_flight: Callable[[], int] = int  # 0, until there is somebody to ask

    def started(moment: float, asked: Callable[[], int]) -> None:
        nonlocal started_at, in_flight
        started_at, in_flight = moment, asked

    async def tell_progress() -> None:
        while True:
            elapsed = time.monotonic() - started_at
            # Just past the next whole second of the run: a line shows a second that is over, and all handed over.
            await asyncio.sleep(1 - elapsed % 1 + BATCH_SECONDS if elapsed >= 0 else 0.05)
            if elapsed >= 0:
                elapsed = time.monotonic() - started_at
                progress.tell(elapsed, accumulator)  # counts all that has come in
                if live is not None and not stop.is_set():
                    live.tell(int(np.searchsorted(plan.planned_at, elapsed, side="right")), in_flight())

    with _interrupt_sets(stop):
        telling = asyncio.create_task(tell_progress())
        try:
            orders, n_processes = Orders.of(scenario), n_processes_of(scenario)
            if n_processes == 1 and scenario.transport != "seldon-client":
                effort = await send_here(orders, plan, accumulator.add, stop, started)
            else:
                effort = await send_from_processes(
                    orders, plan, accumulator.add, stop, started, n_processes=n_processes
                )
        finally:
            telling.cancel()
            progress.close()
    summary = accumulator.close(effort.elapsed_seconds if stop.is_set() else None)
    if live is not None:
        live.end(summary.planned)
    verdicts = judge(
        tuple(map(Threshold.parse, scenario.thresholds)),
        summary.metrics,
        is_generator_sound=summary.generator_problem is None,
    )
    ran_seconds = time.monotonic() - started_at
    return Run(
        scenario,
        summary,
        verdicts,
        effort,
        stop.is_set(),
        plan.installs is not None,
        None if ran_seconds < 0 else time.time() - ran_seconds,
    )


def n_processes_of(scenario: Scenario) -> int:
    """As asked; else one, or for seldon-client as many as keep each below 70 % of a core, up to the machine's cores."""
    if scenario.processes is not None:
        return scenario.processes
    if scenario.transport != "seldon-client":
        return 1
    from traffic_sim.transports.seldon_client import CPU_SECONDS_PER_CALL, CPU_SECONDS_PER_ROW  # noqa: PLC0415

    per_call = CPU_SECONDS_PER_CALL + scenario.rows_per_request * CPU_SECONDS_PER_ROW
    return min(os.cpu_count() or 1, math.ceil(scenario.rate_requests_per_second * per_call / 0.7))


@contextlib.contextmanager
def _interrupt_sets(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
