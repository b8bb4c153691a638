"""The door to treelite, which scores the isolation forest that alibi-detect fitted.

Treelite's GTIL gives 2^(-depth / expected depth); alibi-detect's IForest gives that minus 0.5, and so do we: a score
lies in -0.5..0.5, and the larger, the odder. Its file is treelite's own checkpoint, which it reads without checks of
its own: hand it only bytes that are known to be whole.
"""

from __future__ import annotations

from typing import Final, Self

import numpy as np
import treelite
from numpy.typing import NDArray

OFFSET: Final = 0.5
"""IForest's score is that of the paper less this; scikit-learn's `offset_` with contamination "auto"."""


class Forest:
    """A fitted isolation forest."""

    def __init__(self, model: treelite.Model) -> None:
        self._model = model
        self.n_columns: int = model.num_feature

    @classmethod
    def from_bytes(cls, checkpoint: bytes) -> Self:
        return cls(treelite.Model.deserialize_bytes(checkpoint))

    def scores(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shapes: float64[n, n_columns], values that float32 holds -> float64[n]. On one thread."""
        scores: NDArray[np.float64] = treelite.gtil.predict(self._model, columns, nthread=1).reshape(-1) - OFFSET
        return scores
