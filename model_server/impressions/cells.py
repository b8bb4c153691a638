"""Rows as they come in a request -> rows of cells in the order of NAMES, the cells not looked at yet. Pure.

Rows of several requests may be put together, and checked at once: a check costs 100 us, and a row in it 3.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from model_server.impressions.contract import BY_NAME, MAX_ROWS, NAMES
from model_server.impressions.findings import Finding, InvalidImpressions, cut, shown
from model_server.impressions.names import name_findings, unknown_column

type Cells = Sequence[Sequence[Any]]
"""Of each row: its cells, in the order of NAMES."""

ABSENT: Final = object()
"""Stands for the cell of a record that lacks the key."""

_N_COLUMNS: Final = len(NAMES)
_IN_ORDER: Final = list(NAMES)
_of_record: Final = itemgetter(*NAMES)


def cells_of_table(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> Cells:
    """Cells of rows, with the columns' names in any order.

    Shapes: rows [n][16], names [16]. Errors: InvalidImpressions, where they do not make columns.
    """
    is_in_order = names == _IN_ORDER
    findings = [*(() if is_in_order else _name_findings(names)), *_size_findings(rows)]
    if findings:
        raise InvalidImpressions(findings)
    for i, row in enumerate(rows):
        if type(row) is list and len(row) == _N_COLUMNS:  # as JSON has it
            continue
        if not isinstance(row, Sequence) or isinstance(row, str):
            findings.append(Finding(f"a row is a list of {len(names)} cells, not {shown(row)}", row=i))
        elif len(row) != len(names):
            findings.append(Finding(f"{len(row)} cells for {len(names)} names", row=i))
    if findings:
        raise InvalidImpressions(findings)
    return rows if is_in_order else [*map(_reordered(tuple(names)), rows)]


def cells_of_records(records: Sequence[Mapping[str, Any]]) -> Cells:
    """Cells of records, one mapping of column name to value each; ABSENT where there is no such key.

    Errors: InvalidImpressions, where they are no records, or have keys that are no columns.
    """
    findings = _size_findings(records)
    if findings:
        raise InvalidImpressions(findings)
    for i, record in enumerate(records):
        if type(record) is dict and record.keys() <= BY_NAME.keys():
            continue
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
    return [
        _of_record(record) if len(record) == _N_COLUMNS else [record.get(name, ABSENT) for name in NAMES]
        for record in records
    ]


@functools.lru_cache(maxsize=64)
def _reordered(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    return itemgetter(*map(names.index, NAMES))


def _name_findings(names: Sequence[str]) -> list[Finding]:
    if not names:
        return [Finding(f"data.names is missing; it names the columns, in any order: {', '.join(NAMES)}")]
    return name_findings(names, NAMES, place="names")


def _size_findings(rows: Sequence[Any]) -> list[Finding]:
    if type(rows) is not list and (not isinstance(rows, Sequence) or isinstance(rows, str)):
        return [Finding(f"a list of rows is expected, not {shown(rows)}")]
    if len(rows) == 0:
        return [Finding("no rows; a request holds 1 to 10,000")]
    if len(rows) > MAX_ROWS:
        return [Finding(f"{len(rows):,} rows; a request holds 1 to {MAX_ROWS:,}: send the rest in another")]
    return []
