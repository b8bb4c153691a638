"""The search as it is carried out: a run for each rate, and the CPU that it took."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from traffic_sim.limit.saturation import Load, saturated
from traffic_sim.limit.search import Search, Tried
from traffic_sim.limit.slo import Slo
from traffic_sim.scenario import Scenario
from traffic_sim.simulate import Run

MACHINE = "machine"
type CpuSeconds = Callable[[], Mapping[str, float]]
"""CPU seconds so far by part of the target, and of all that runs on this machine by MACHINE."""


@dataclass(frozen=True)
class Watch:
    """How the target's processes on this machine are seen."""

    cpu_seconds: CpuSeconds
    threads: Mapping[str, int] = field(default_factory=dict)
    """By part, where more than one thread works."""


@dataclass(frozen=True)
class Probe:
    rate: float
    """Records per second."""
    broken_by: tuple[str, ...]
    load: Load
    metrics: Mapping[str, float | None]
    was_interrupted: bool

    @property
    def kept(self) -> bool:
        return not self.broken_by

    @property
    def saturated(self) -> str:
        """What was in the way; "" if nothing was."""
        return saturated(self.load, self.broken_by) if self.broken_by else ""


def probes(
    scenario: Scenario,
    search: Search,
    slo: Slo,
    prepare: Callable[[Scenario], Callable[[], Run]],
    watch: Watch,
) -> Iterator[Probe]:
    """Each probe as it is done, until the limit is known or one is interrupted.

    `prepare` draws and encodes, and what it returns sends: its CPU alone is measured.
    """
    tried: list[Tried] = []
    while (rate := search.next_rate(tried)) is not None:
        asked = scenario.model_copy(update={"rate_records_per_second": rate})
        probe = _probe(asked, slo, prepare(asked), watch)
        yield probe
        if probe.was_interrupted:
            return
        tried.append(Tried(rate, probe.kept))


def _probe(scenario: Scenario, slo: Slo, run: Callable[[], Run], watch: Watch) -> Probe:
    before, began = watch.cpu_seconds(), time.monotonic()
    done = run()
    took, after = time.monotonic() - began, watch.cpu_seconds()
    # A part that ended meanwhile is not in `after`, one that began has nothing in `before`.
    cores: dict[str, Any] = {name: max(0.0, used - before.get(name, 0.0)) / took for name, used in after.items()}
    summary, effort = done.summary, done.effort
    return Probe(
        scenario.rate_records_per_second,
        tuple(slo.broken_by(summary)),
        Load(
            n_cores=os.cpu_count() or 1,
            machine=cores.pop(MACHINE, 0.0),
            simulator=effort.cpu_seconds / max(effort.elapsed_seconds, 1e-9),
            n_simulators=effort.n_processes,
            lag_p99_milliseconds=(summary.lag.percentiles() or {}).get("p99", 0.0),
            parts=cores,
            threads=watch.threads,
        ),
        summary.metrics,
        done.was_interrupted,
    )
