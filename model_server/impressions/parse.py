"""Rows as they come in a request -> checked columns, or every finding at once. Pure.

What the four kinds of nothing mean, for every column: 0 is the number zero; null is a missing value, legal where the
contract says so; "" is text like any other, so it is no number and no time, and as a category one never seen before;
an absent key or column is an error, since it is more often a slip than a statement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.impressions.cells import ABSENT, Cells, cells_of_records, cells_of_table
from model_server.impressions.columns import MISSING_TIME, Categories, Impressions
from model_server.impressions.contract import (
    BY_NAME,
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
_NUMBER_ATTRIBUTES: Final = tuple(column.attribute for column in _NUMBERS)
_NUMBER_NAMES: Final = tuple(column.name for column in _NUMBERS)
_INTEGRAL: Final = {int}
_NUMERIC: Final = {int, float}
_TEXTUAL: Final = {str, type(None)}
_ABSENT_KIND: Final = type(ABSENT)
_LARGEST: Final = np.array([[MAX_IDENTIFIER if column.kind is Kind.IDENTIFIER else MAX_COUNT] for column in _NUMBERS])
_LARGEST_UNSIGNED: Final = _LARGEST.astype(np.uint64)
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
    columns: dict[str, Sequence[Any]] = dict(zip(NAMES, zip(*cells, strict=True), strict=True))
    kinds = {name: set(map(type, values)) for name, values in columns.items()}
    for name, values in columns.items():
        if _ABSENT_KIND in kinds[name]:
            columns[name] = _present(values, BY_NAME[name], findings)
            kinds[name] = set(map(type, columns[name]))
    made: dict[str, Any] = {
        **_whole_numbers(columns, kinds, findings),
        **_times(columns, findings),
        **{
            column.attribute: _categories(columns[column.name], kinds[column.name], column, findings)
            for column in _CATEGORIES
        },
    }
    if findings:
        raise InvalidImpressions(sorted(findings, key=_by_column_and_row))
    return Impressions(**made)


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


def _present(values: Sequence[Any], column: Column, findings: list[Finding]) -> list[Any]:
    """The values, harmless ones where there are none: the other rows are still looked at, to tell all at once."""
    hint = "the key is absent" + ("; send null if there is no value" if column.nullable else "")
    findings.extend(Finding(hint, row, column.name) for row, value in enumerate(values) if value is ABSENT)
    return [_HARMLESS[column.kind] if value is ABSENT else value for value in values]


def _by_column_and_row(finding: Finding) -> tuple[int, int]:
    return NAMES.index(finding.column or NAMES[0]), finding.row or 0


def _whole_numbers(
    columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, set[type]], findings: list[Finding]
) -> dict[str, NDArray[np.int64]]:
    """All columns of whole numbers, by attribute; checked together, since a request has few rows and many columns."""
    table = [columns[name] for name in _NUMBER_NAMES]
    if all(kinds[name] == _INTEGRAL for name in _NUMBER_NAMES):
        try:
            whole = np.array(table, dtype=np.int64)
        except OverflowError:  # told below, by row
            pass
        else:
            if (whole.view(np.uint64) <= _LARGEST_UNSIGNED).all():  # a negative one is beyond all of them
                return dict(zip(_NUMBER_ATTRIBUTES, whole, strict=True))
    elif all(kinds[name] <= _NUMERIC for name in _NUMBER_NAMES):
        try:
            numbers = np.array(table, dtype=np.float64)
        except OverflowError:  # an int beyond float64; told below, by row
            pass
        else:
            if ((numbers >= 0) & (numbers <= _LARGEST) & (numbers == np.floor(numbers))).all():
                return dict(zip(_NUMBER_ATTRIBUTES, numbers.astype(np.int64), strict=True))
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


def _times(columns: Mapping[str, Sequence[Any]], findings: list[Finding]) -> dict[str, NDArray[np.int64]]:
    """All columns of times, by attribute; read together, as the numbers are."""
    values = [*chain.from_iterable(columns[column.name] for column in _TIMES)]
    seconds, valid = parse_times([value if type(value) is str else "" for value in values])
    n = len(values) // len(_TIMES)
    for place in np.flatnonzero(~valid).tolist():
        column, row = _TIMES[place // n], place % n
        if values[place] is None and column.nullable:
            seconds[place] = MISSING_TIME
        else:
            hint = "; null if the user never started an ad" if column.nullable else ""
            findings.append(Finding(f"{shown(values[place])}; {ACCEPTED} is expected{hint}", row, column.name))
    return {column.attribute: seconds[i * n : (i + 1) * n] for i, column in enumerate(_TIMES)}


def _categories(values: Sequence[Any], kinds: set[type], column: Column, findings: list[Finding]) -> Categories:
    if not kinds <= _TEXTUAL:
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
    if max(map(len, categories.levels), default=0) > MAX_TEXT_LENGTH:
        too_long = [i for i, level in enumerate(categories.levels) if len(level) > MAX_TEXT_LENGTH]
        for row in np.flatnonzero(np.isin(categories.codes, too_long)).tolist():
            length = len(values[row])
            findings.append(
                Finding(f"text of {length} characters; at most {MAX_TEXT_LENGTH} are accepted", row, column.name)
            )
    return categories
