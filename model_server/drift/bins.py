"""The bins of one column: learnt from training, the same for every window. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from model_server.drift.errors import InvalidRecord
from model_server.impressions import Categories

MAX_LEVELS: Final = 20
"""Of a category, the most frequent; the rest is one bin. A window of 1,000 rows has few of any rarer one."""
N_QUANTILE_BINS: Final = 10
"""Of a number; deciles are the usual bins of the population stability index."""


@dataclass(frozen=True)
class NumberBins:
    """Below the first edge, from each edge to the next, from the last on; and, last of all, missing."""

    edges: tuple[float, ...]

    @classmethod
    def fit(cls, values: NDArray[np.float64]) -> Self:
        """A bin for each value where there are few, else bins that hold about equally many rows.

        A value that is a tenth of all rows or more gets one edge, not several. Shapes: values [n], NaN is missing.
        """
        present = values[~np.isnan(values)]
        distinct = np.unique(present)
        if len(distinct) > N_QUANTILE_BINS:
            shares = np.arange(N_QUANTILE_BINS) / N_QUANTILE_BINS
            distinct = np.unique(np.quantile(present, shares, method="inverted_cdf"))
        return cls(tuple(distinct[1:].tolist()))  # the least value needs none: no row lies below it

    @property
    def n_bins(self) -> int:
        return len(self.edges) + 2

    def numbers(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The bin of each value. Shapes: float64[n] -> int64[n] in 0..n_bins-1."""
        found = np.searchsorted(self.edges, values, side="right")
        return np.where(np.isnan(values), len(self.edges) + 1, found)

    def to_json(self) -> dict[str, Any]:
        return {"edges": list(self.edges)}

    @classmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self:
        """Errors: InvalidRecord."""
        edges = learnt.get("edges")
        if not isinstance(edges, list) or not all(type(edge) is float and math.isfinite(edge) for edge in edges):
            raise InvalidRecord("edges are not a list of finite numbers")
        if any(edge >= following for edge, following in pairwise(edges)):
            raise InvalidRecord("edges do not ascend")
        return cls(tuple(edges))


@dataclass(frozen=True)
class CategoryBins:
    """A bin for each level; then one for every other text, and last of all missing."""

    levels: tuple[str, ...]

    @classmethod
    def fit(cls, values: Categories) -> Self:
        """The most frequent levels; of equally frequent ones those that come first in the order of texts."""
        counts = np.bincount(values.codes + 1, minlength=len(values.levels) + 1)[1:].tolist()
        occurring = ((-count, level) for count, level in zip(counts, values.levels, strict=True) if count)
        return cls(tuple(level for _, level in sorted(occurring)[:MAX_LEVELS]))

    @property
    def n_bins(self) -> int:
        return len(self.levels) + 2

    @property
    def other(self) -> int:
        return len(self.levels)

    @property
    def missing(self) -> int:
        return len(self.levels) + 1

    def to_json(self) -> dict[str, Any]:
        return {"levels": list(self.levels)}

    @classmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self:
        """Errors: InvalidRecord."""
        levels = learnt.get("levels")
        if not isinstance(levels, list) or not all(isinstance(level, str) for level in levels):
            raise InvalidRecord("levels are not a list of texts")
        if len(set(levels)) < len(levels):
            raise InvalidRecord("levels are not distinct")
        return cls(tuple(levels))


type Bins = NumberBins | CategoryBins
