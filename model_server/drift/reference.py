"""How the columns were distributed in training: bins and counts, no rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model_server.drift.bins import Bins, CategoryBins, NumberBins
from model_server.drift.counting import COMPARED, Counts, categories_of, count, is_category, numbers_of
from model_server.drift.errors import InvalidRecord
from model_server.impressions import Impressions


@dataclass(frozen=True, eq=False)
class Reference:
    """Of each column of COMPARED the bins, and how many of `n_rows` rows fell into each. Shapes: int64[n_bins]."""

    bins: dict[str, Bins]
    counts: Counts
    n_rows: int

    @classmethod
    def fit(cls, impressions: Impressions, probabilities: NDArray[np.float32]) -> Self:
        """From rows that the model did not learn from: its scores of others are more certain than live ones.

        Shapes: n rows, at least 1; float32[n]. Errors: ValueError where these differ.
        """
        if not len(impressions) or probabilities.shape != (len(impressions),):
            raise ValueError(f"{len(impressions)} impressions, probabilities of the shape {probabilities.shape}")
        batches = [(impressions, probabilities)]
        bins: dict[str, Bins] = {
            column: CategoryBins.fit(*categories_of(column, batches))
            if is_category(column)
            else NumberBins.fit(numbers_of(column, batches))
            for column in COMPARED
        }
        return cls(bins, count(bins, batches), len(impressions))

    def to_json(self) -> dict[str, Any]:
        columns = {
            column: {**bins.to_json(), "counts": self.counts[column].tolist()} for column, bins in self.bins.items()
        }
        return {"rows": self.n_rows, "columns": columns}

    @classmethod
    def from_json(cls, learnt: Any) -> Self:
        """What `to_json` gave. Errors: InvalidRecord, which names the column."""
        columns = learnt.get("columns") if isinstance(learnt, dict) else None
        if not isinstance(columns, dict) or not _is_count(learnt.get("rows")) or not learnt["rows"]:
            raise InvalidRecord("the reference has no columns, or no number of rows")
        if set(columns) != set(COMPARED):
            raise InvalidRecord(
                f"the reference has the columns {', '.join(columns)}; this release compares {', '.join(COMPARED)}"
            )
        bins: dict[str, Bins] = {}
        counts: dict[str, NDArray[np.int64]] = {}
        for column in COMPARED:
            try:
                bins[column], counts[column] = _column(columns[column], learnt["rows"], is_category(column))
            except InvalidRecord as error:
                raise InvalidRecord(f"column {column}: {error}") from error
        return cls(bins, counts, learnt["rows"])


def _column(learnt: Any, n_rows: int, is_category: bool) -> tuple[Bins, NDArray[np.int64]]:
    if not isinstance(learnt, dict):
        raise InvalidRecord("neither bins nor counts")
    bins = CategoryBins.from_json(learnt) if is_category else NumberBins.from_json(learnt)
    counts = learnt.get("counts")
    if not isinstance(counts, list) or not all(map(_is_count, counts)):
        raise InvalidRecord("counts are not a list of whole numbers from 0")
    if len(counts) != bins.n_bins or sum(counts) != n_rows:
        raise InvalidRecord(
            f"{len(counts)} counts of {sum(counts)} rows together; {bins.n_bins} counts of {n_rows} rows are expected"
        )
    return bins, np.array(counts, dtype=np.int64)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53
