"""What the benchmarks share: rounds in turns, the machine they ran on, a table with goals, and the figures as JSON.

Each benchmark is a program of its own: `python bench/NAME.py [--rounds N] [--seconds S] [--json FILE]`. Machines are
noisy, so what counts is the ratio of medians of rounds that took turns; absolute figures stand beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One answer. `goal`: the least that is good enough, or with `is_most` the most; None: for information."""

    what: str
    figure: float
    unit: str = "x"
    goal: float | None = None
    is_most: bool = False
    seen: Mapping[str, float] = field(default_factory=dict)
    """What it was made of, by name, such as requests/s of both sides."""

    @property
    def is_reached(self) -> bool | None:
        if self.goal is None:
            return None
        return self.figure <= self.goal if self.is_most else self.figure >= self.goal

    def told_goal(self) -> str:
        return "" if self.goal is None else f"{'<=' if self.is_most else '>='} {self.goal:g} {self.unit}"

    def told(self) -> str:
        return f"{self.figure:,.{0 if abs(self.figure) >= 1_000 else 2}f} {self.unit}"

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "seen": dict(self.seen), "reached": self.is_reached}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        return cls(**{name: value for name, value in told.items() if name != "reached"})


def arguments(documentation: str | None, *, rounds: int = 5, seconds: float = 1.5) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"measurements of each side ({rounds})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"of one measurement ({seconds:g})")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    return parser.parse_args()


def best_seconds(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of the quickest round: what the machine's other work disturbed least."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each side's measurements, which take turns; so a machine that slows down slows all of them."""
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            measured[name].append(measure())
    return {name: statistics.median(values) for name, values in measured.items()}


def machine() -> dict[str, Any]:
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def tell(title: str, figures: list[Figure], facts: Mapping[str, Any], to: Path | None) -> None:
    """Print the table; `facts` are of `machine()`, from before the measurements."""
    has_goals = any(each.goal is not None for each in figures)
    table = Table(title=title, title_justify="left")
    table.add_column()
    if has_goals:
        table.add_column("goal", justify="right")
    table.add_column("figure", justify="right")
    if has_goals:
        table.add_column("verdict")
    table.add_column("seen")
    for each in figures:
        seen = ", ".join(f"{name} {value:,.4g}" for name, value in each.seen.items())
        if has_goals:
            verdict = {True: "[green]reached", False: "[red]missed", None: ""}[each.is_reached]
            table.add_row(each.what, each.told_goal(), each.told(), verdict, seen)
        else:
            table.add_row(each.what, each.told(), seen)
    console = Console(width=None if Console().is_terminal else 160)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), style="dim", highlight=False)
    _write({"title": title, "machine": dict(facts), "figures": [each.to_json() for each in figures]}, to)


def tell_skipped(title: str, why: str, to: Path | None) -> None:
    """Say that nothing was measured, and what is wanted for it."""
    Console(width=None if Console().is_terminal else 160).print(
        f"{title}\nskipped: {why}", highlight=False, markup=False
    )
    _write({"title": title, "machine": machine(), "figures": [], "skipped": why}, to)


def _write(record: Mapping[str, Any], to: Path | None) -> None:
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps(record, indent=2) + "\n")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
