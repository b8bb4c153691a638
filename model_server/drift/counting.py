"""Rows -> how many fall into each bin, a column at a time and several batches at once. Pure.

A batch may be one request's row: what numpy takes for a call is then shared by all batches, and what is left for each
is to look its few levels up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.drift.bins import Bins, CategoryBins, NumberBins
from model_server.impressions import COLUMNS, MISSING_TIME, Categories, Impressions, Kind
from model_server.metric_names import PROBABILITY_COLUMN

type Batch = tuple[Impressions, NDArray[np.float32]]
"""Impressions and the probability given to each. Shapes: n rows, float32[n]."""
type Counts = Mapping[str, NDArray[np.int64]]
"""By column, in the order of COMPARED: the rows in each bin."""

LAST_START: Final = "lastStart"
"""Compared as its age in hours at the time of the impression: the date itself moves on by nature."""
_CATEGORIES: Final = {column.name: column.attribute for column in COLUMNS if column.kind is Kind.CATEGORY}
_COUNTS: Final = {column.name: column.attribute for column in COLUMNS if column.kind is Kind.COUNT}
COMPARED: Final = (
    *(c.name for c in COLUMNS if c.name in _CATEGORIES or c.name in _COUNTS or c.name == LAST_START),
    PROBABILITY_COLUMN,
)
"""By their names on the wire. The id means nothing, and the timestamp moves on by nature."""
_SECONDS_PER_HOUR: Final = 3600.0


def is_category(column: str) -> bool:
    return column in _CATEGORIES


def categories_of(column: str, batches: Sequence[Batch]) -> list[Categories]:
    """One for each batch; their levels differ."""
    attribute = _CATEGORIES[column]
    return [getattr(impressions, attribute) for impressions, _ in batches]


def numbers_of(column: str, batches: Sequence[Batch]) -> NDArray[np.float64]:
    """The values of all rows, float64[n], NaN where they are missing."""
    if column == PROBABILITY_COLUMN:
        return _joined([probabilities for _, probabilities in batches])
    if column == LAST_START:
        last = np.concatenate([impressions.last_start for impressions, _ in batches])
        now = np.concatenate([impressions.timestamp for impressions, _ in batches])
        is_missing = last == MISSING_TIME
        return np.where(is_missing, np.nan, (now - np.where(is_missing, now, last)) / _SECONDS_PER_HOUR)
    attribute = _COUNTS[column]
    return _joined([getattr(impressions, attribute) for impressions, _ in batches])


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    joined: NDArray[np.float64] = np.concatenate(columns).astype(np.float64)
    return joined


def count(bins: Mapping[str, Bins], batches: Sequence[Batch]) -> Counts:
    """The rows of all batches by column and bin; at least one batch. Shapes: int64[n_bins] each."""
    counts = {}
    for column, of_column in bins.items():
        match of_column:
            case CategoryBins():
                numbers = _bins_of_categories(of_column, categories_of(column, batches))
            case NumberBins():
                numbers = of_column.numbers(numbers_of(column, batches))
        counts[column] = np.bincount(numbers, minlength=of_column.n_bins)
    return counts


def _bins_of_categories(bins: CategoryBins, columns: Sequence[Categories]) -> NDArray[np.int64]:
    """The bin of each row: a table of all batches' levels one after the other, each batch's led by missing."""
    place: dict[str | None, int] = {None: bins.missing, **{level: number for number, level in enumerate(bins.levels)}}
    other = bins.other
    table = np.array([place.get(level, other) for column in columns for level in (None, *column.levels)])
    n_entries = np.array([len(column.levels) + 1 for column in columns])
    firsts = np.cumsum(n_entries) - n_entries + 1  # of code 0; -1, missing, is the one before
    codes = np.concatenate([column.codes for column in columns])
    numbers: NDArray[np.int64] = table[codes + np.repeat(firsts, [len(column.codes) for column in columns])]
    return numbers
