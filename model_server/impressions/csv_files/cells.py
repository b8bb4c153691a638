"""Columns of text -> checked columns of numbers, times and categories; what is wrong goes to a `Report`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_server.impressions.columns import MISSING_TIME, Categories
from model_server.impressions.contract import MAX_TEXT_LENGTH
from model_server.impressions.csv_files.problems import MAX_EXAMPLES, InvalidFile, Problem
from model_server.impressions.csv_files.table import CsvTable
from model_server.impressions.times import ACCEPTED, CANONICAL_LENGTH, parse_canonical, parse_times

NO_NUMBER: Final = -1
"""Stands where a whole number could not be read, until the findings are raised."""
_MAX_DIGITS: Final = 18
"""Decimal digits that int64 always holds."""
_WHOLE: Final = re.compile(r"(\d+)\.0*")
"""How spreadsheets and pandas write a whole number in a column of others: 12.0."""


class Report:
    """Collects the problems of a table, column by column."""

    def __init__(self, table: CsvTable) -> None:
        self._table = table
        self._problems = list(table.problems)

    def add(self, message: str, column: str, rows: NDArray[Any], values: Sequence[str | None] = ()) -> None:
        """`rows` have this problem; `values` are what stands in the first of them."""
        if len(rows):
            self._problems.append(Problem(message, column, tuple(self._table.lines(rows)), tuple(values)))

    def raise_if_any(self) -> None:
        if self._problems:
            raise InvalidFile(self._table.path, self._problems)


def whole_numbers(table: CsvTable, name: str, largest: int, report: Report) -> NDArray[np.int64]:
    """Shapes: int64[n], NO_NUMBER where there is a finding."""
    column = _text(table, name)
    is_decimal = pc.and_(pc.ascii_is_decimal(column), pc.less_equal(pc.binary_length(column), _MAX_DIGITS))
    plain = is_decimal.fill_null(fill_value=False)
    readable = pc.if_else(plain, column, str(NO_NUMBER))
    numbers: NDArray[np.int64] = readable.cast(pa.int64()).to_numpy(zero_copy_only=False).copy()
    others = np.flatnonzero(~plain.to_numpy(zero_copy_only=False) & ~_is_null(column))
    for row, text in zip(others.tolist(), _texts(column, others), strict=True):
        whole = _WHOLE.fullmatch(text)
        if whole and len(whole[1]) <= _MAX_DIGITS:
            numbers[row] = int(whole[1])
    numbers[numbers > largest] = NO_NUMBER
    expected = "0 or 1" if largest == 1 else f"a whole number from 0 to {largest}"
    bad = (numbers == NO_NUMBER) & ~_is_null(column)
    report.add(f"not {expected}", name, np.flatnonzero(bad), _examples(column, bad))
    report.add(f"missing; {expected} is expected", name, np.flatnonzero(_is_null(column)))
    return numbers


def times(table: CsvTable, name: str, report: Report, *, nullable: bool) -> NDArray[np.int64]:
    """Seconds since 1970 UTC; MISSING_TIME where the cell is empty."""
    column = _text(table, name)
    null = _is_null(column)
    seconds = np.full(len(column), MISSING_TIME, dtype=np.int64)
    valid = null.copy()
    rows = np.flatnonzero(pc.equal(pc.binary_length(column), CANONICAL_LENGTH).fill_null(fill_value=False))
    if len(rows):
        cells = column.take(pa.array(rows))  # one behind the other in one buffer
        first = np.frombuffer(cells.buffers()[1], dtype=np.int32)[cells.offset]
        characters = np.frombuffer(cells.buffers()[2], dtype=np.uint8)[first : first + len(rows) * CANONICAL_LENGTH]
        seconds[rows], valid[rows], _ = parse_canonical(characters.reshape(len(rows), CANONICAL_LENGTH))
    others = np.flatnonzero(~valid)
    if len(others):
        seconds[others], valid[others] = parse_times(_texts(column, others))
    report.add(f"not {ACCEPTED}", name, np.flatnonzero(~valid), _examples(column, ~valid))
    if not nullable:
        report.add(f"missing; {ACCEPTED} is expected", name, np.flatnonzero(null))
    return seconds


def categories(table: CsvTable, name: str, report: Report) -> Categories:
    column = table.columns[name].combine_chunks()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    encoded = column.dictionary.to_pylist()
    levels = [level.decode("utf-8", errors="replace") for level in encoded]
    for message, is_bad in (
        ("not UTF-8", [not _is_utf8(level) for level in encoded]),
        (f"longer than {MAX_TEXT_LENGTH} characters", [len(level) > MAX_TEXT_LENGTH for level in levels]),
    ):
        if any(is_bad):
            rows = np.flatnonzero(np.array([*is_bad, False])[codes])  # code -1 picks the last
            report.add(message, name, rows, [levels[code] for code in codes[rows[:MAX_EXAMPLES]]])
    return Categories(codes, tuple(levels))


def probabilities(table: CsvTable, name: str, report: Report) -> NDArray[np.float64]:
    """Shapes: float64[n], NaN where there is a finding."""
    column = _text(table, name)
    numbers: NDArray[np.float64]
    try:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        numbers = np.array([_float(text) for text in _texts(column, np.arange(len(column)))])
    bad = ~((numbers >= 0) & (numbers <= 1))
    report.add("not a probability from 0 to 1", name, np.flatnonzero(bad), _examples(column, bad))
    return numbers


def report_duplicates(ids: NDArray[np.int64], name: str, report: Report) -> None:
    order = np.argsort(ids, kind="stable")
    repeats = order[1:][np.diff(ids[order]) == 0]
    repeats = np.sort(repeats[ids[repeats] != NO_NUMBER])
    report.add("named by an earlier line too", name, repeats, [str(id_) for id_ in ids[repeats[:MAX_EXAMPLES]]])


def _text(table: CsvTable, name: str) -> Any:
    return table.columns[name].combine_chunks()


def _is_null(column: Any) -> NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False))


def _texts(column: Any, rows: NDArray[np.int64]) -> list[str]:
    """Cells as text, also where they are not UTF-8; "" where null."""
    cells = column.take(pa.array(rows)).cast(pa.binary()).to_pylist()
    return [(cell or b"").decode("utf-8", errors="replace") for cell in cells]


def _examples(column: Any, bad: NDArray[np.bool_]) -> list[str]:
    return _texts(column, np.flatnonzero(bad)[:MAX_EXAMPLES])


def _is_utf8(encoded: bytes) -> bool:
    try:
        encoded.decode()
    except UnicodeDecodeError:
        return False
    return True


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
