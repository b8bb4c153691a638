"""Impressions -> CSV files, all of a file or nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_server.errors import OursToMend
from model_server.impressions.columns import MISSING_TIME, Categories, Impressions
from model_server.impressions.contract import COLUMNS, LABEL, NAMES, Kind
from model_server.impressions.csv_files.read import TRUTH_NAMES, Truth
from model_server.impressions.csv_files.table import SEPARATOR
from model_server.impressions.times import CANONICAL_LENGTH, format_canonical

_ROWS_AT_ONCE: Final = 100_000
"""About 15 MB of text; arrow's arrays of text end at 2 GB."""
_SPECIAL: Final = frozenset('";\r\n')


class UnwritableFile(OursToMend):
    """The file cannot be written there."""


def write_impressions(path: str | Path, impressions: Impressions, installs: NDArray[Any] | None = None) -> None:
    """Write impressions, with their labels if given, in the contract's order of columns; missing is an empty cell.

    The file appears when it is whole: a reader never sees half of it, and what was there before stays until then.
    Shapes: installs int[n], 0 or 1. Errors: UnwritableFile. `read_impressions` reads the same back, except that a
    category of no characters comes back as missing: CSV has one way to say nothing.
    """
    names = NAMES if installs is None else (*NAMES, LABEL)
    if installs is not None and len(installs) != len(impressions):
        raise ValueError(f"{len(installs)} labels for {len(impressions)} impressions")

    def chunk(rows: slice) -> list[Any]:
        part = impressions.take(rows)
        columns = [_cells(getattr(part, column.attribute), column.kind) for column in COLUMNS]
        return columns if installs is None else [*columns, _numbers(installs[rows])]

    _write(Path(path), names, (chunk(rows) for rows in _slices(len(impressions))))


def write_truth(path: str | Path, truth: Truth) -> None:
    """Write `id;install;probability`; probabilities with the digits that float64 needs. Errors: UnwritableFile."""

    def chunk(rows: slice) -> list[Any]:
        return [_numbers(column[rows]) for column in (truth.id, truth.install, truth.probability)]

    _write(Path(path), TRUTH_NAMES, (chunk(rows) for rows in _slices(len(truth))))


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS_AT_ONCE) for start in range(0, n, _ROWS_AT_ONCE))


def _cells(values: Any, kind: Kind) -> Any:
    """A column as text; null where missing."""
    if isinstance(values, Categories):
        slots = values.codes + 1  # missing is slot 0
        occurs = np.bincount(slots, minlength=len(values.levels) + 1) > 0  # a part needs few of the levels
        texts = [_quoted(values.levels[slot - 1]) if slot else None for slot in np.flatnonzero(occurs).tolist()]
        return pa.array(texts, pa.string()).take(pa.array((np.cumsum(occurs) - 1)[slots]))
    if kind is Kind.TIME:
        missing = values == MISSING_TIME
        characters = format_canonical(np.where(missing, 0, values))
        texts = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(CANONICAL_LENGTH), len(values), [None, pa.py_buffer(characters)]
        ).cast(pa.binary())
        return pc.if_else(pa.array(missing), None, texts.cast(pa.string()))
    return _numbers(values)


def _numbers(values: NDArray[Any]) -> Any:
    return pa.array(values).cast(pa.string())


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _SPECIAL & set(text) else text


def _write(path: Path, names: tuple[str, ...], chunks: Iterator[list[Any]]) -> None:
    """Header and rows to a file beside, which then takes the place of `path`."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            temporary.chmod(0o644)  # readable as other files are; temporary files are not
            file.write(f"{SEPARATOR.join(names)}\n".encode())
            for columns in chunks:
                file.write(_joined(columns))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UnwritableFile(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _joined(columns: list[Any]) -> Any:
    """The rows' lines, one behind the other: the data buffer of an array of lines is the text of the file."""
    ends = pc.binary_join_element_wise(columns[-1], "", "\n", null_handling="replace", null_replacement="")
    lines = pc.binary_join_element_wise(*columns[:-1], ends, SEPARATOR, null_handling="replace", null_replacement="")
    return lines.buffers()[2]
