"""The levels of a category column that training saw, and the codes they got."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import Categories


class Vocabulary:
    """Codes 1, 2, ... for the levels in sorted order; 0 for what is missing or was never seen."""

    def __init__(self, levels: Sequence[str]) -> None:
        self.levels = tuple(levels)
        self.index = {level: code for code, level in enumerate(self.levels, start=1)}
        if len(self.index) != len(self.levels):
            raise ValueError("the levels of a vocabulary are distinct")

    def __len__(self) -> int:
        return len(self.levels)

    @classmethod
    def fit(cls, values: Categories) -> Vocabulary:
        used = np.unique(values.codes)
        return cls(sorted(values.levels[code] for code in used.tolist() if code >= 0))

    def codes(self, values: Categories) -> NDArray[np.int64]:
        """int64[n] in 0..len(self)."""
        if len(values.codes) == 1:  # a request of one row has seven such columns
            code = values.codes.item()
            return np.array([0 if code < 0 else self.index.get(values.levels[code], 0)])
        table = np.array([*(self.index.get(level, 0) for level in values.levels), 0])  # -1, missing, picks the last
        codes: NDArray[np.int64] = table[values.codes]
        return codes
