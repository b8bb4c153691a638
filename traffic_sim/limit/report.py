"""What a search found, for people and for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from traffic_sim.limit.probing import Probe
from traffic_sim.limit.search import Search, Tried, highest_kept, lowest_broken
from traffic_sim.limit.slo import Slo
from traffic_sim.scenario import Scenario
from traffic_sim.senders import target_of

FORMAT: Final = "forkcast-limit/1"


def told(probe: Probe) -> str:
    """One line, as soon as it is known."""
    came = "interrupted" if probe.was_interrupted else "kept" if probe.kept else "broken"
    why = "; ".join(probe.broken_by)
    return f"{probe.rate:,.0f} records/s: {came}{f' ({why})' if why else ''}"


def limit_record(
    scenario: Scenario, slo: Slo, search: Search, done: Sequence[Probe], *, was_interrupted: bool
) -> dict[str, Any]:
    whole = [probe for probe in done if not probe.was_interrupted]
    tried = [Tried(probe.rate, probe.kept) for probe in whole]
    limit, broken = highest_kept(tried), lowest_broken(tried)
    first = next((probe for probe in whole if probe.rate == broken and not probe.kept), None)
    return {
        "format": FORMAT,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "was_interrupted": was_interrupted,
        "slo": asdict(slo),
        "limit_records_per_second": limit,
        "broken_records_per_second": broken,
        "saturated_first": None if first is None else first.saturated,
        "search": asdict(search),
        "scenario": scenario.model_dump(mode="json"),
        "probes": [{**asdict(probe), "kept": probe.kept, "saturated": probe.saturated} for probe in done],
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
    }


def show_limit(scenario: Scenario, slo: Slo, done: Sequence[Probe], record: dict[str, Any], console: Console) -> None:
    table = Table(title=f"Rates tried on {target_of(scenario)} over {scenario.transport}", title_justify="left")
    for name in ("records/s", "sent", "errors", "p99 ms\nfrom the plan", "simulator\ncores", "machine\ncores"):
        table.add_column(name, justify="right")
    table.add_column("")
    for probe in done:
        metrics, load = probe.metrics, probe.load
        p99 = metrics["latency_p99_milliseconds"]
        word, style = ("kept", "green") if probe.kept else ("broken", "red")
        if probe.was_interrupted:
            word, style = "interrupted", "yellow"
        table.add_row(
            f"{probe.rate:,.0f}",
            f"{metrics['sent_ratio'] or 0:.2%}",
            f"{metrics['error_ratio'] or 0:.2%}",
            "-" if p99 is None else f"{p99:,.1f}",
            f"{load.simulator:.2f}",
            f"{load.machine:.2f} of {load.n_cores}",
            Text(word, style),
        )
    console.print(table)
    console.print(Text(f"SLO: {slo}"))
    limit, broken = record["limit_records_per_second"], record["broken_records_per_second"]
    if limit is None:
        console.print(Text("no rate that was tried keeps it", "bold red"))
    else:
        requests = f"({limit / scenario.rows_per_request:,.0f} requests/s of {scenario.rows_per_request})"
        upwards = f"; {broken:,.0f} do not" if broken else "; none that was tried broke it"
        console.print(Text(f"{limit:,.0f} records/s keep it {requests}{upwards}", "bold"))
    if record["saturated_first"]:
        console.print(Text(f"saturated first: {record['saturated_first']}"))
    if record["was_interrupted"]:
        console.print(Text("interrupted: this is what was known until then", "bold yellow"))
