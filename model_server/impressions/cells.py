"""Rows as they come in a request -> cells, column by column, not looked at yet. Pure.

Cells of several requests may be joined, and checked at once: a check costs 100 us, and a row in it 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from model_server.impressions.contract import BY_NAME, MAX_ROWS, NAMES
from model_server.impressions.findings import Finding, InvalidImpressions, cut, shown
from model_server.impressions.names import name_findings, unknown_column

type Cells = Mapping[str, list[Any]]
"""Of every column, by name: its cells, one a row."""

ABSENT: Final = object()
"""Stands for the cell of a record that lacks the key."""


def cells_of_table(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> Cells:
    """Cells of rows, with the columns' names in any order.

    Shapes: rows [n][16], names [16]. Errors: InvalidImpressions, where they do not make columns.
    """
    findings = [*_name_findings(names), *_size_findings(rows)]
    if findings:
        raise InvalidImpressions(findings)
    for i, row in enumerate(rows):
        if not isinstance(row, Sequence) or isinstance(row, str):
            findings.append(Finding(f"a row is a list of {len(names)} cells, not {shown(row)}", row=i))
        elif len(row) != len(names):
            findings.append(Finding(f"{len(row)} cells for {len(names)} names", row=i))
    if findings:
        raise InvalidImpressions(findings)
    cells = dict(zip(names, zip(*rows, strict=True), strict=True))
    return {name: list(cells[name]) for name in NAMES}


def cells_of_records(records: Sequence[Mapping[str, Any]]) -> Cells:
    """Cells of records, one mapping of column name to value each; ABSENT where there is no such key.

    Errors: InvalidImpressions, where they are no records, or have keys that are no columns.
    """
    findings = _size_findings(records)
    if findings:
        raise InvalidImpressions(findings)
    for i, record in enumerate(records):
        if not isinstance(record, Mapping):
            findings.append(Finding(f"a record is an object with the keys {', '.join(NAMES)}, not {shown(record)}", i))
        else:
            unknown = [key for key in record if key not in BY_NAME]
            n_before = len(findings)
            findings.extend(
                Finding(unknown_column(key, NAMES, n_before + j), i, cut(str(key))) for j, key in enumerate(unknown)
            )
    if findings:
        raise InvalidImpressions(findings)
    return {name: [record.get(name, ABSENT) for record in records] for name in NAMES}


def joined(parts: Sequence[Cells]) -> Cells:
    """The cells of all, in order."""
    return {name: list(chain.from_iterable(part[name] for part in parts)) for name in NAMES}


def n_rows(cells: Cells) -> int:
    return len(cells[NAMES[0]])


def _name_findings(names: Sequence[str]) -> list[Finding]:
    if not names:
        return [Finding(f"data.names is missing; it names the columns, in any order: {', '.join(NAMES)}")]
    return name_findings(names, NAMES, place="names")


def _size_findings(rows: Sequence[Any]) -> list[Finding]:
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return [Finding(f"a list of rows is expected, not {shown(rows)}")]
    if len(rows) == 0:
        return [Finding("no rows; a request holds 1 to 10,000")]
    if len(rows) > MAX_ROWS:
        return [Finding(f"{len(rows):,} rows; a request holds 1 to {MAX_ROWS:,}: send the rest in another")]
    return []
