"""The bytes of a CSV file -> columns of text, each row with its line; ragged lines are told apart. The one parser."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from model_server.impressions.csv_files.problems import InvalidFile, Problem, counted
from model_server.impressions.names import name_findings

SEPARATOR: Final = ";"
_BLOCK_BYTES: Final = 16 * 2**20
"""What the parser takes at once; no row may be longer, so a quote that is never closed is noticed."""


class CsvTable:
    """A file's columns as arrow arrays of the same length, before any check of their cells.

    `columns` holds, by name, bytes by dictionary for the columns named in `categories` and text for the others; an
    empty cell is null, in quotes or not. `problems` says what was wrong with header and lines; columns that the header
    does not name are absent from `columns`. Errors: InvalidFile where there is no table at all.
    """

    def __init__(
        self, path: Path, required: Sequence[str], optional: Sequence[str] = (), categories: Sequence[str] = ()
    ) -> None:
        self.path = path
        data = _bytes(path)
        self.sha256 = hashlib.sha256(data).hexdigest()
        end_of_header = (data.find(b"\n") + 1) or len(data)
        names = _header(path, data[:end_of_header])
        known = (*required, *optional)
        self.problems = [
            Problem(f"{finding.message}", finding.column, lines=(1,))
            for finding in name_findings(names, required, optional, place="header")
        ]
        if not set(names) & set(known):
            hint = f"line 1 names none of the columns; expected is a header with {SEPARATOR.join(known)}"
            raise InvalidFile(path, [Problem(hint)])
        if end_of_header == len(data) or data[end_of_header:].isspace():
            raise InvalidFile(path, [*self.problems, Problem("no rows after the header")])
        self.problems += _open_quotes(data)
        self._ragged: list[Any] = []
        table = self._parse(pa.py_buffer(data).slice(end_of_header), names, categories)
        if self._ragged:
            self.problems.append(self._ragged_problem(table))
        self._lines: NDArray[np.int64] | None = None
        self._all = table
        table = self._without_blank_lines(table, data)
        self.columns = {name: table.column(names.index(name)) for name in known if name in names}
        self.n_rows = table.num_rows

    def lines(self, rows: NDArray[Any]) -> list[int]:
        """The line of the file on which each of these rows begins; the header is line 1."""
        if self._lines is None:
            self._lines = _lines(self._all, self._ragged)
        lines: list[int] = self._lines[rows].tolist()
        return lines

    def _parse(self, body: Any, names: list[str], categories: Sequence[str]) -> Any:
        def keep_ragged(row: Any) -> str:
            self._ragged.append(row)
            return "skip"

        positions = [str(position) for position in range(len(names))]  # names may stand twice
        types = {
            position: pa.dictionary(pa.int32(), pa.binary()) if name in categories else pa.string()
            for position, name in zip(positions, names, strict=True)
        }
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(body),
                # One thread, or else the parser does not know the numbers of ragged lines.
                read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=positions),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=SEPARATOR,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=keep_ragged,
                ),
                # Only the empty cell is missing: arrow's own list has "NA", which is Namibia.
                convert_options=arrow_csv.ConvertOptions(
                    column_types=types, null_values=[""], strings_can_be_null=True, check_utf8=False
                ),
            )
        except pa.ArrowInvalid as error:
            hint = f"cannot be parsed as CSV; is a quote left open? The parser says: {error}"
            raise InvalidFile(self.path, [*self.problems, Problem(hint)]) from error
        return table.unify_dictionaries().combine_chunks()

    def _ragged_problem(self, table: Any) -> Problem:
        expected = table.num_columns
        message = f"not {expected} cells, as in the header"
        # A ragged row's own line: rows before it, whole or ragged, may span several.
        before = _newlines_before(table, self._ragged)
        lines = tuple(row.number + 1 + int(before[row.number - 1]) for row in self._ragged)
        return Problem(message, None, lines, tuple(counted(row.actual_columns, "cell") for row in self._ragged[:10]))

    def _without_blank_lines(self, table: Any, data: bytes) -> Any:
        """Blank lines arrive as rows of nothing; rows of nothing but separators stay, and are found wanting later."""
        if not table.column(0).null_count:
            return table
        empty = np.all([column.is_null().to_numpy() for column in table.columns], axis=0)
        if not empty.any():
            return table
        texts = data.split(b"\n")
        rows = np.flatnonzero(empty)
        keep = np.ones(table.num_rows, dtype=bool)
        keep[rows] = [bool(texts[line - 1].strip()) for line in self.lines(rows)]
        self._lines = None if self._lines is None else self._lines[keep]
        return table.filter(pa.array(keep)).combine_chunks()


def _bytes(path: Path) -> bytes:
    """The whole file at once: what is checked, summed and parsed is one and the same, whoever writes meanwhile."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidFile(path, [Problem("no such file")]) from error
    except OSError as error:
        raise InvalidFile(path, [Problem(f"cannot be read: {error.strerror}")]) from error
    if not data or data.isspace():
        raise InvalidFile(path, [Problem("the file is empty")])
    return data


def _header(path: Path, line: bytes) -> list[str]:
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InvalidFile(path, [Problem("line 1 is not UTF-8; save the file as UTF-8 text")]) from error
    try:
        return next(csv.reader([text], delimiter=SEPARATOR), [])
    except csv.Error as error:
        hint = "save the file with \\n or \\r\\n at the end of each line"
        raise InvalidFile(path, [Problem(f"line 1 is no header: {error}; {hint}", lines=(1,))]) from error


def _open_quotes(data: bytes) -> list[Problem]:
    """A quote never closed, which arrow takes for text to the next one: rows would vanish without a word."""
    if b'"' not in data:
        return []
    reader = csv.reader(
        io.StringIO(data.decode("utf-8", errors="replace"), newline=""), delimiter=SEPARATOR, strict=True
    )
    line = 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error:
        return [Problem("a quote is opened and not closed, or stands alone in a quoted cell", lines=(line,))]
    return []


def _lines(table: Any, ragged: list[Any]) -> NDArray[np.int64]:
    """The line of each row. Shapes: int64[n_rows]."""
    before = _newlines_before(table, ragged)
    numbers = _row_numbers(table, ragged)
    lines: NDArray[np.int64] = numbers + 1 + before[numbers - 1]
    return lines


def _row_numbers(table: Any, ragged: list[Any]) -> NDArray[np.int64]:
    """Each row's number among all rows below the header, ragged ones included, from 1."""
    everything = np.arange(1, table.num_rows + len(ragged) + 1)
    return np.setdiff1d(everything, [row.number for row in ragged], assume_unique=True)


def _newlines_before(table: Any, ragged: list[Any]) -> NDArray[np.int64]:
    """Line breaks inside the cells of all rows before each; int64[n_rows + ragged], by row number - 1."""
    within = np.zeros(table.num_rows, dtype=np.int64)
    for column in table.columns:
        array = column.combine_chunks()
        if pa.types.is_dictionary(array.type):
            counts = pc.count_substring(array.dictionary, "\n")
            if pc.any(pc.greater(counts, 0)).as_py():
                within += counts.take(array.indices).fill_null(0).to_numpy(zero_copy_only=False)
        else:
            within += pc.count_substring(array, "\n").fill_null(0).to_numpy(zero_copy_only=False)
    by_number = np.zeros(table.num_rows + len(ragged), dtype=np.int64)
    by_number[_row_numbers(table, ragged) - 1] = within
    for row in ragged:
        by_number[row.number - 1] = row.text.count("\n")
    before: NDArray[np.int64] = np.cumsum(by_number) - by_number
    return before
