"""Rows as they come in a request -> checked columns, or every finding at once. Pure.

What the four kinds of nothing mean, for every column: 0 is the number zero; null is a missing value, legal where the
contract says so; "" is text like any other, so it is no number and no time, and as a category one never seen before;
an absent key or column is an error, since it is more often a slip than a statement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.impressions.cells import ABSENT, Cells, cells_of_records, cells_of_table
from model_server.impressions.columns import MISSING_TIME, Categories, Impressions
from model_server.impressions.contract import (
    COLUMNS,
    MAX_COUNT,
    MAX_IDENTIFIER,
    MAX_TEXT_LENGTH,
    NAMES,
    Column,
    Kind,
)
from model_server.impressions.findings import Finding, InvalidImpressions, shown
from model_server.impressions.times import ACCEPTED, format_times, parse_times

_NUMBERS: Final = tuple(column for column in COLUMNS if column.kind in {Kind.IDENTIFIER, Kind.COUNT})
_LARGEST: Final = np.array([[MAX_IDENTIFIER if column.kind is Kind.IDENTIFIER else MAX_COUNT] for column in _NUMBERS])
_TIMES: Final = tuple(column for column in COLUMNS if column.kind is Kind.TIME)
_CATEGORIES: Final = tuple(column for column in COLUMNS if column.kind is Kind.CATEGORY)
_HARMLESS: Final = {Kind.IDENTIFIER: 0, Kind.TIME: "2000-01-01T00:00:00Z", Kind.CATEGORY: None, Kind.COUNT: 0}


def from_table(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> Impressions:
    """Impressions from rows of cells, with the columns' names in any order.

    Shapes: rows [n][16], names [16]. Errors: InvalidImpressions with every finding.
    """
    return from_cells(cells_of_table(rows, names))


def from_records(records: Sequence[Mapping[str, Any]]) -> Impressions:
    """Impressions from records, one mapping of column name to value each.

    Errors: InvalidImpressions with every finding.
    """
    return from_cells(cells_of_records(records))


def from_cells(cells: Cells) -> Impressions:
    """The one place where cells of any origin become columns. Errors: InvalidImpressions with every finding."""
    findings: list[Finding] = []
    present = {column.name: _present(cells[column.name], column, findings) for column in COLUMNS}
    columns: dict[str, Any] = {
        **_whole_numbers(present, findings),
        **_times(present, findings),
        **{column.attribute: _categories(present[column.name], column, findings) for column in _CATEGORIES},
    }
    if findings:
        raise InvalidImpressions(sorted(findings, key=_by_column_and_row))
    return Impressions(**columns)


def to_rows(impressions: Impressions) -> list[list[Any]]:
    """The rows that `from_table` with NAMES reads back: the form a request carries."""
    columns: list[list[Any]] = []
    for column in COLUMNS:
        values = getattr(impressions, column.attribute)
        if isinstance(values, Categories):
            columns.append(list(values.values()))
        elif column.kind is Kind.TIME:
            missing = values == MISSING_TIME
            texts = format_times(np.where(missing, 0, values))
            columns.append([None if gone else text for gone, text in zip(missing.tolist(), texts, strict=True)])
        else:
            columns.append(values.tolist())
    return [list(row) for row in zip(*columns, strict=True)]


def _present(values: list[Any], column: Column, findings: list[Finding]) -> list[Any]:
    """The values, harmless ones where there are none: the other rows are still looked at, to tell all at once."""
    if ABSENT not in values:
        return values
    hint = "the key is absent" + ("; send null if there is no value" if column.nullable else "")
    findings.extend(Finding(hint, row, column.name) for row, value in enumerate(values) if value is ABSENT)
    return [_HARMLESS[column.kind] if value is ABSENT else value for value in values]


def _by_column_and_row(finding: Finding) -> tuple[int, int]:
    return NAMES.index(finding.column or NAMES[0]), finding.row or 0


def _whole_numbers(cells: dict[str, list[Any]], findings: list[Finding]) -> dict[str, NDArray[np.int64]]:
    """All columns of whole numbers, by attribute; checked together, since a request has few rows and many columns."""
    table = [cells[column.name] for column in _NUMBERS]
    if all(set(map(type, values)) <= {int, float} for values in table):
        try:
            numbers = np.array(table, dtype=np.float64)
        except OverflowError:  # an int beyond float64; told below, by row
            pass
        else:
            if ((numbers >= 0) & (numbers <= _LARGEST) & (numbers == np.floor(numbers))).all():
                whole = numbers.astype(np.int64)
                return {column.attribute: values for column, values in zip(_NUMBERS, whole, strict=True)}
    findings.extend(
        Finding(problem, row, column.name)
        for column, values, (largest,) in zip(_NUMBERS, table, _LARGEST.tolist(), strict=True)
        for row, value in enumerate(values)
        if (problem := _number_problem(value, largest))
    )
    return {}


def _number_problem(value: Any, largest: int) -> str | None:
    accepted = f"a whole number from 0 to {largest} is expected"
    if value is None:
        return f"null; {accepted}"
    if isinstance(value, str):
        return f"the text {shown(value)}; {accepted}, without quotes"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{shown(value)}; {accepted}"
    if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        return f"{value}; {accepted}"
    if not 0 <= value <= largest:
        return f"{shown(int(value))}; {accepted}"
    return None


def _times(cells: dict[str, list[Any]], findings: list[Finding]) -> dict[str, NDArray[np.int64]]:
    """All columns of times, by attribute; read together, as the numbers are."""
    values = [value for column in _TIMES for value in cells[column.name]]
    seconds, valid = parse_times([value if isinstance(value, str) else "" for value in values])
    n = len(values) // len(_TIMES)
    for place in np.flatnonzero(~valid).tolist():
        column, row = _TIMES[place // n], place % n
        if values[place] is None and column.nullable:
            seconds[place] = MISSING_TIME
        else:
            hint = "; null if the user never started an ad" if column.nullable else ""
            findings.append(Finding(f"{shown(values[place])}; {ACCEPTED} is expected{hint}", row, column.name))
    return {column.attribute: seconds[i * n : (i + 1) * n] for i, column in enumerate(_TIMES)}


def _categories(values: list[Any], column: Column, findings: list[Finding]) -> Categories:
    if not set(map(type, values)) <= {str, type(None)}:
        values = list(values)
        for row, value in enumerate(values):
            if value is None or isinstance(value, str):
                continue
            if _number_problem(value, MAX_IDENTIFIER) is None:
                values[row] = str(int(value))
            else:
                findings.append(Finding(f"{shown(value)}; text, a whole number or null is expected", row, column.name))
                values[row] = None
    categories = Categories.from_values(values)
    too_long = [i for i, level in enumerate(categories.levels) if len(level) > MAX_TEXT_LENGTH]
    if too_long:
        for row in np.flatnonzero(np.isin(categories.codes, too_long)).tolist():
            length = len(values[row])
            findings.append(
                Finding(f"text of {length} characters; at most {MAX_TEXT_LENGTH} are accepted", row, column.name)
            )
    return categories
