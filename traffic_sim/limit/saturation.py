"""Which part had no more to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

BUSY_MACHINE: Final = 0.93
"""Of all cores. The kernel's own counts never come to 1 over seconds in which programs start and end."""
BUSY_PROCESS: Final = 0.9
"""Of one core, where a process has one thread that works; as much as Locust warns of."""
BUSY_SIMULATOR: Final = 0.85
"""As in the report of a run: beyond it the generator's own timing is in doubt."""


@dataclass(frozen=True)
class Load:
    """CPU during one probe, in cores."""

    n_cores: int
    machine: float
    """All that ran on this machine, whoever it belongs to."""
    simulator: float
    n_simulators: int
    lag_p99_milliseconds: float
    parts: Mapping[str, float]
    """The target's processes on this machine, by name; empty where they cannot be seen."""
    threads: Mapping[str, int] = field(default_factory=dict)
    """How many threads of a part work, where it is not one."""

    def fullness(self, part: str) -> float:
        return self.parts[part] / self.threads.get(part, 1)


def saturated(load: Load, broken_by: Sequence[str]) -> str:
    """What stood in the way of a probe that did not keep its SLO, and what may help."""
    simulator = load.simulator / load.n_simulators
    shares = sorted({**load.parts, "simulator": load.simulator}.items(), key=lambda part: -part[1])
    shown = ", ".join(f"{name} {cores:.0%}" for name, cores in shares if cores >= 0.01)
    if load.machine >= BUSY_MACHINE * load.n_cores:
        rest = load.machine - sum(cores for _, cores in shares)
        others = f"all else {max(rest, 0):.0%} of a core"
        return f"the machine: {load.machine:.2f} of {load.n_cores} cores busy: {shown}, {others}"
    if simulator >= BUSY_SIMULATOR:
        return (
            f"the simulator itself: {simulator:.0%} of one core a process, lag p99 "
            f"{load.lag_p99_milliseconds:,.1f} ms; use --processes {load.n_simulators + 1}"
        )
    busiest = max(load.parts, key=load.fullness, default=None)
    if busiest is not None and load.fullness(busiest) >= BUSY_PROCESS:
        threads = load.threads.get(busiest, 1)
        return f"{busiest}: {load.parts[busiest]:.0%} of one core{f', with {threads} threads' if threads > 1 else ''}"
    unseen = "" if load.parts else "; the target's processes cannot be seen from here, only this machine's CPU"
    return f"nothing that was seen was saturated ({shown}): it broke by {'; '.join(broken_by)}{unseen}"
