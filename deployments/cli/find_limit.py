"""`forkcast simulate --find-limit`: where the simulator's search meets the processes of a local runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil
import uvloop
from rich.console import Console

from deployments.cli.local import DEFAULT_STATE
from deployments.errors import DeploymentsError
from deployments.local import client
from deployments.local.starter import GATEWAY_THREADS
from deployments.local.state import StateFolder
from traffic_sim.limit.probing import MACHINE, CpuSeconds, Probe, Watch, probes
from traffic_sim.limit.report import limit_record, show_limit, told
from traffic_sim.limit.search import Search
from traffic_sim.limit.slo import Slo
from traffic_sim.live_metrics import LiveMetrics
from traffic_sim.progress import Progress
from traffic_sim.record import write_record
from traffic_sim.scenario import MAX_RECORDS, MAX_REQUESTS, Scenario
from traffic_sim.simulate import INTERRUPTED_EXIT_CODE, Run, carry_out, plan_of
from traffic_sim.worlds import encounters

ENVOY: Final = "Envoy"
LEAST_REQUESTS: Final = 100
"""Of a probe: fewer have no p99."""


def find_limit(
    scenario: Scenario,
    slo: Slo,
    probe_seconds: float,
    *,
    errors: Console,
    out: Console,
    json_file: Path | None,
    live: LiveMetrics | None = None,
) -> int:
    """Search, show and record; the exit code. `live` is told of every probe."""
    # Feedback at once: what came a second after the last answer would count into a probe's time and not into its load.
    chosen = scenario.model_copy(update={"duration_seconds": probe_seconds, "feedback_delay_seconds": 0.0})
    most = min(MAX_RECORDS, MAX_REQUESTS * chosen.rows_per_request) / probe_seconds
    least = min(LEAST_REQUESTS * chosen.rows_per_request / probe_seconds, chosen.rate_records_per_second)
    search = Search(first=min(chosen.rate_records_per_second, most), least=min(least, most), most=most)

    def prepare(asked: Scenario) -> Any:
        with errors.status(f"drawing and encoding about {asked.n_requests:,.0f} requests"):
            plan = plan_of(asked, encounters)

        def run() -> Run:
            return uvloop.run(carry_out(asked, plan, Progress(errors, probe_seconds), live))

        return run

    watch = Watch(sampler(chosen.gateway), {ENVOY: GATEWAY_THREADS})
    done: list[Probe] = []
    was_interrupted = False
    try:
        for probe in probes(chosen, search, slo, prepare, watch):
            done.append(probe)
            errors.print(told(probe), highlight=False, markup=False, soft_wrap=True)
            was_interrupted = probe.was_interrupted
    except KeyboardInterrupt:  # while a plan was drawn
        was_interrupted = True
    record = limit_record(chosen, slo, search, done, was_interrupted=was_interrupted)
    show_limit(chosen, slo, done, record, out)
    if json_file is not None:
        write_record(record, json_file)
    if was_interrupted:
        return INTERRUPTED_EXIT_CODE
    return 0 if record["limit_records_per_second"] is not None else 1


def sampler(gateway: str) -> CpuSeconds:
    """CPU seconds of this machine, and of each process of the runtime of this folder if that is its gateway."""
    parts = _processes(gateway)

    def sample() -> Mapping[str, float]:
        used = {name: _cpu_seconds(process) for name, process in parts.items()}
        times = psutil.cpu_times()
        # Time that a hypervisor gave to others is time that nobody here had; waiting for a disk is not.
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
        return {**{name: seconds for name, seconds in used.items() if seconds is not None}, MACHINE: busy}

    return sample


def _processes(gateway: str) -> dict[str, psutil.Process]:
    try:
        status = client.status(StateFolder(DEFAULT_STATE))
    except DeploymentsError:
        return {}
    if status["gateway"].rpartition(":")[2] != gateway.rpartition(":")[2]:
        return {}
    named = {ENVOY: status["envoy"]["pid"]}
    for predictor in status["predictors"]:
        name = f"predictor {predictor['predictor']}"
        named[name] = predictor["pid"]
        named.update({f"{name}, {part['node']}": part["pid"] for part in predictor["components"]})
    found: dict[str, psutil.Process] = {}
    for name, pid in named.items():
        try:
            process = psutil.Process(pid)
            workers = process.children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        found[name] = process
        found.update({f"{name}, process {worker.pid}": worker for worker in workers})
    return found


def _cpu_seconds(process: psutil.Process) -> float | None:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)
