"""What benchmarks left behind, read again: one row for each goal, and two runs side by side. Pure, but for `read`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.harness import Figure


@dataclass(frozen=True)
class Record:
    """One benchmark's."""

    name: str
    title: str
    machine: Mapping[str, Any]
    figures: tuple[Figure, ...]
    skipped: str | None
    """Why nothing was measured."""


@dataclass(frozen=True)
class GoalRow:
    benchmark: str
    what: str
    goal: str
    figure: str
    verdict: str
    """reached, missed or skipped."""


@dataclass(frozen=True)
class ChangeRow:
    benchmark: str
    what: str
    old: str
    new: str
    change: str


class NoRecords(Exception):
    """There is nothing to read."""


def read(folder: Path) -> list[Record]:
    """In the order of their names. Errors: NoRecords."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise NoRecords(
            f"{folder}: no figures of benchmarks (NAME.json) are there; `make bench` writes them to build/bench"
        )
    return [_record(file) for file in files]


def _record(file: Path) -> Record:
    try:
        told = json.loads(file.read_text())
        figures = tuple(map(Figure.from_json, told["figures"]))
        return Record(file.stem, told["title"], told["machine"], figures, told.get("skipped"))
    except (ValueError, KeyError, TypeError) as error:
        raise NoRecords(
            f"{file}: not what `python bench/NAME.py --json {file}` writes ({error!r}); remove it, or write it anew"
        ) from error


def goal_rows(records: Iterable[Record]) -> list[GoalRow]:
    """One for each figure with a goal, and one for each benchmark that was skipped."""
    rows = []
    for record in records:
        if record.skipped is not None:
            rows.append(GoalRow(record.name, record.title, "", record.skipped, "skipped"))
        for figure in record.figures:
            if figure.goal is not None:
                verdict = "reached" if figure.is_reached else "missed"
                rows.append(GoalRow(record.name, figure.what, figure.told_goal(), figure.told(), verdict))
    return rows


def change_rows(old: Iterable[Record], new: Iterable[Record]) -> list[ChangeRow]:
    """One for each figure of either, by benchmark and what it is of."""
    before, after = _by_name(old), _by_name(new)
    return [
        ChangeRow(*key, _told(before.get(key)), _told(after.get(key)), _change(before.get(key), after.get(key)))
        for key in {**after, **before}
    ]


def _by_name(records: Iterable[Record]) -> dict[tuple[str, str], Figure]:
    return {(record.name, figure.what): figure for record in records for figure in record.figures}


def _told(figure: Figure | None) -> str:
    return "" if figure is None else figure.told()


def _change(old: Figure | None, new: Figure | None) -> str:
    """In percent of the old one; nothing where there is no such thing."""
    if old is None or new is None or old.unit != new.unit or not old.figure:
        return ""
    return f"{(new.figure / old.figure - 1) * 100:+.0f} %"
