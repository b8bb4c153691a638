"""How well outliers are told from normal rows. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 0.95


@dataclass(frozen=True)
class Share:
    """`n` of `total`, and the Wilson interval of the share behind it; an empty total says nothing: 0 to 1.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """

    n: int
    total: int

    @classmethod
    def of(cls, chosen: NDArray[np.bool_]) -> Self:
        return cls(int(chosen.sum()), len(chosen))

    @property
    def share(self) -> float:
        return self.n / self.total if self.total else math.nan

    @property
    def low(self) -> float:
        return self._interval()[0]

    @property
    def high(self) -> float:
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 1.0
        z = NormalDist().inv_cdf((1 + LEVEL) / 2)
        p, spread = self.n / self.total, z * z / self.total
        middle = (p + spread / 2) / (1 + spread)
        half = z / (1 + spread) * math.sqrt(p * (1 - p) / self.total + spread / (4 * self.total))
        return (0.0 if self.n == 0 else middle - half), (1.0 if self.n == self.total else middle + half)


@dataclass(frozen=True)
class Detection:
    """Of one kind of outlier. Recall: how many of them are found. Precision: how many of the rows that are marked,
    among these and the normal ones, are of the kind; it depends on how many there are.
    """

    recall: Share
    precision: Share


def detections(
    is_marked: NDArray[np.bool_], kinds: NDArray[np.int8], n_kinds: int
) -> tuple[list[Detection], Detection, Share]:
    """Of each kind, of all kinds together, and the false alarms among normal rows.

    Shapes: both [n]; kinds -1 for a normal row, else 0..n_kinds-1.
    """
    false_alarms = Share.of(is_marked[kinds < 0])

    def judged(of_kind: NDArray[np.bool_]) -> Detection:
        found = Share.of(is_marked[of_kind])
        return Detection(found, Share(found.n, found.n + false_alarms.n))

    return [judged(kinds == kind) for kind in range(n_kinds)], judged(kinds >= 0), false_alarms
