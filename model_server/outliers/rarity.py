"""How rare a value is: the share of training rows that had as much of it or more. Pure.

rarity(x) = 1 / sqrt(share of the training rows with a value >= x)

1 is ordinary, 10 is as rare as one row in a hundred, 100 as one in ten thousand. A value beyond all of training counts
as one in twice as many rows as there were. Shares are kept at half-bit steps, 2^-0.5 apart, and rounded up to the next.

Why a root: an isolation forest splits a column evenly between its least and its largest value. On this scale nearly
all rows lie at one end and a few rare ones far out, so one split isolates them; on the share's logarithm it takes
several, and as many more rows to fit on. (The share itself would let single rows decide.)
"""

from __future__ import annotations

from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

STEPS_PER_BIT: Final = 2
CHUNK_ROWS: Final = 512
"""Rows compared with all steps at once: within a processor's cache, and few megabytes for any request."""


class RarityTable:
    """The rarity of m measures, each by its own steps."""

    def __init__(self, steps: list[list[float]], rarities: list[list[float]]) -> None:
        """`steps`: of each measure ascending values; from steps[i][j] on, the rarity is rarities[i][j], below it 1.

        Rarities ascend, hold in float32, and are at least 1.
        """
        width = max(map(len, steps), default=0)
        self._steps = np.full((width, len(steps), 1), np.inf)
        self._rarities = np.ones((len(steps), width + 1))
        for i, (values, of_values) in enumerate(zip(steps, rarities, strict=True)):
            self._steps[: len(values), i, 0] = values
            self._rarities[i, 1 : len(values) + 1] = of_values
        self._offsets = (np.arange(len(steps)) * (width + 1))[:, None]
        self._flat = self._rarities.ravel()
        self._json = {"steps": steps, "rarities": rarities}

    @classmethod
    def fit(cls, measures: NDArray[np.float64]) -> Self:
        """Shapes: measures float64[m, n], finite, n at least 1."""
        steps, rarities = zip(*map(_steps_of, measures), strict=True)
        return cls(list(steps), list(rarities))

    def __call__(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rarity of each value. Shapes: float64[m, n] -> float64[m, n]; every row by itself, to the bit."""
        n = measures.shape[1]
        if n <= CHUNK_ROWS:
            return self._of(measures)
        parts = [self._of(measures[:, first : first + CHUNK_ROWS]) for first in range(0, n, CHUNK_ROWS)]
        return np.concatenate(parts, axis=1)

    def _of(self, measures: NDArray[np.float64]) -> NDArray[np.float64]:
        n_reached = (measures >= self._steps).sum(axis=0)
        rarities: NDArray[np.float64] = self._flat[n_reached + self._offsets]
        return rarities

    def to_json(self) -> dict[str, Any]:
        return self._json

    @classmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self:
        return cls(learnt["steps"], learnt["rarities"])


def _steps_of(values: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    ascending = np.sort(values)
    n = len(ascending)
    n_bits = np.arange(1, int(np.log2(n) * STEPS_PER_BIT) + 1) / STEPS_PER_BIT
    # At each step the least value that at most n / 2^bits rows reach; there is none beyond a largest that many share.
    n_may_reach = np.maximum(np.floor(n / 2**n_bits).astype(np.int64), 1)
    candidates = ascending[n - n_may_reach]
    are_more = n - np.searchsorted(ascending, candidates, side="left") > n_may_reach
    place = np.where(are_more, np.searchsorted(ascending, candidates, side="right"), n - n_may_reach)
    steps = np.unique(ascending[place[place < n]])
    n_as_far = n - np.searchsorted(ascending, steps, side="left")
    beyond = np.nextafter(ascending[-1], np.inf)
    rarities = np.sqrt(np.append(n / n_as_far, 2.0 * n)).astype(np.float32).astype(np.float64)
    return [*steps.tolist(), float(beyond)], rarities.tolist()
