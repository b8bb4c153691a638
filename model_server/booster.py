"""The door to XGBoost on the serving path: load a model, score a matrix, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray


class Booster:
    """A loaded model. Safe for concurrent calls: XGBoost's in-place prediction takes no lock and keeps no state."""

    def __init__(self, booster: xgb.Booster, threads: int = 1) -> None:
        """`threads`: of one prediction. One is right for a server: starting a team costs more than 10 rows do."""
        booster.set_param({"nthread": threads})
        self._booster = booster
        self.n_features = int(booster.num_features())

    @classmethod
    def from_bytes(cls, model: bytes, threads: int = 1) -> Booster:
        booster = xgb.Booster(params={"nthread": threads})
        booster.load_model(bytearray(model))
        return cls(booster, threads)

    @classmethod
    def from_file(cls, path: Path, threads: int = 1) -> Booster:
        return cls.from_bytes(path.read_bytes(), threads)

    def predict(self, matrix: NDArray[Any]) -> NDArray[np.float32]:
        """P(install) of each row, float32[n]. Shapes: matrix [n, n_features], NaN is missing.

        The columns' meaning is the caller's to get right; their number is checked here.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.n_features:
            raise ValueError(f"the model was trained on {self.n_features} features, this matrix is {matrix.shape}")
        scores = self._booster.inplace_predict(matrix, missing=np.nan, validate_features=False)
        return np.asarray(scores, dtype=np.float32)
