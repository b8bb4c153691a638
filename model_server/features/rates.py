"""Install rates of categories, learnt from labels without letting a row see its own."""

from __future__ import annotations

from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

N_FOLDS: Final = 5
"""A training row gets the rate that the other four fifths give: the common choice between noise and cost."""


class RateTable:
    """The install rate of each code, shrunk towards a prior.

    rate(code) = (installs + strength * prior) / (rows + strength)

    `installs` and `rows` are the code's counts in training; strength is in rows. A code without rows gets the prior:
    the overall rate, unless `at` is told better.

    Source: Micci-Barreca, "A Preprocessing Scheme for High-Cardinality Categorical Attributes" (2001).
    """

    def __init__(self, codes: NDArray[np.int64], installs: NDArray[Any], rows: NDArray[Any], strength: float) -> None:
        """Shapes: codes int64[m], sorted and distinct; installs and rows [m]."""
        self.codes, self.installs, self.rows, self.strength = codes, installs, rows, strength
        self._codes_and_end = np.append(codes, -1)  # no code is negative
        self._installs_and_none = np.append(installs, 0.0)
        self._weights = np.append(rows, 0.0) + strength
        self._log_rows = np.log1p(np.append(rows, 0.0))

    @classmethod
    def fit(cls, codes: NDArray[np.int64], installs: NDArray[np.int8], strength: float) -> Self:
        distinct, place, rows = np.unique(codes, return_inverse=True, return_counts=True)
        return cls(distinct, np.bincount(place, weights=installs, minlength=len(distinct)), rows, strength)

    def places(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each code stands in this table; the last place, which has no rows, for one that training never saw."""
        place = np.searchsorted(self.codes, codes)
        return np.where(self._codes_and_end[place] == codes, place, len(self.codes))

    def at(self, places: NDArray[np.int64], prior: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """The rate at each place; prior is a scalar or one value per row."""
        rate: NDArray[np.float64] = (self._installs_and_none[places] + self.strength * prior) / self._weights[places]
        return rate

    def log_rows(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """log(1 + rows in training): how well known a code is."""
        logs: NDArray[np.float64] = self._log_rows[places]
        return logs

    def to_json(self) -> dict[str, Any]:
        return {
            "codes": self.codes.tolist(),
            "installs": self.installs.tolist(),
            "rows": self.rows.tolist(),
            "strength": self.strength,
        }

    @classmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self:
        return cls(
            np.array(learnt["codes"], dtype=np.int64),
            np.array(learnt["installs"], dtype=np.float64),
            np.array(learnt["rows"], dtype=np.int64),
            learnt["strength"],
        )


def folds(n: int) -> NDArray[np.int64]:
    """The fold of each of n rows, int64[n] in 0..N_FOLDS-1. Rows in order of time are dealt out one by one."""
    return np.arange(n) % N_FOLDS
