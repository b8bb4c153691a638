"""All goals in one table, from what the benchmarks wrote; or two runs side by side.

`python bench/summary.py build/bench` shows goal, figure and verdict of each row; `python bench/summary.py OLD NEW` how
each figure changed between two folders: `cp -r build/bench build/bench-before` keeps a run. The figures of shared
machines move by tens of percent; ratios move less.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rig import records

COLOURS = {"reached": "green", "missed": "red", "skipped": "yellow"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="one to show, or an old and a new one")
    asked = parser.parse_args()
    if len(asked.folders) > 2:
        parser.error(f"one or two folders, not {len(asked.folders)}")
    console = Console(width=None if Console().is_terminal else 160)
    try:
        read = [records.read(folder) for folder in asked.folders]
    except records.NoRecords as error:
        sys.exit(str(error))
    console.print(goals(read[0]) if len(read) == 1 else changes(*read))
    for folder, each in zip(asked.folders, read, strict=True):
        facts = ", ".join(f"{name} {value}" for name, value in each[-1].machine.items())
        console.print(f"{folder}: {facts}", style="dim", highlight=False, markup=False)


def goals(read: list[records.Record]) -> Table:
    rows = records.goal_rows(read)
    reached = sum(row.verdict == "reached" for row in rows)
    table = _table(
        f"{reached} of {len(rows)} goals reached", what="left", goal="right", figure="right", verdict="left", by="left"
    )
    for row in rows:
        verdict = f"[{COLOURS[row.verdict]}]{row.verdict}"
        table.add_row(row.what, row.goal, row.figure, verdict, f"bench/{row.benchmark}.py")
    return table


def changes(old: list[records.Record], new: list[records.Record]) -> Table:
    table = _table("What changed", what="left", old="right", new="right", change="right", by="left")
    for row in records.change_rows(old, new):
        table.add_row(row.what, row.old, row.new, row.change, f"bench/{row.benchmark}.py")
    return table


def _table(title: str, **columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading, justify in columns.items():
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    return table


if __name__ == "__main__":
    main()
