"""The door to XGBoost on the serving path: load a model, score a matrix, nothing else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from model_server import ubjson
from model_server.errors import OursToMend


class ModelDamaged(OursToMend):
    """What should be a model of XGBoost is none, or not all of it is there."""


class Booster:
    """A loaded model. Safe for concurrent calls: XGBoost's in-place prediction takes no lock and keeps no state."""

    def __init__(self, booster: xgb.Booster, threads: int = 1) -> None:
        """`threads`: of one prediction. One is right for a server: starting a team costs more than 10 rows do."""
        booster.set_param({"nthread": threads})
        self._booster = booster
        self._threads = threads
        self.n_features = int(booster.num_features())
        self.feature_names: tuple[str, ...] = tuple(booster.feature_names or ())
        """As it was trained with; none where it was trained without."""
        # Linear models (gblinear) alone cannot be asked in place.
        self._without_place = threading.Lock() if _is_linear(booster) else None

    @classmethod
    def from_bytes(cls, model: bytes, threads: int = 1) -> Booster:
        """From XGBoost's UBJSON or JSON. Errors: ModelDamaged."""
        _require_readable(model)
        try:
            # Else XGBoost starts a team of threads to load with. A process forked from this one would not have it,
            # and wait for it for ever when it in turn loads a model. (The calling thread keeps the setting; whoever
            # trains in it says how many threads to train with.)
            with xgb.config_context(nthread=threads):
                booster = xgb.Booster(params={"nthread": threads})
                booster.load_model(bytearray(model))
                return cls(booster, threads)
        except (xgb.core.XGBoostError, ValueError) as error:
            raise ModelDamaged(f"XGBoost cannot load it: {_first_line(error)}") from error

    @classmethod
    def from_file(cls, path: Path, threads: int = 1) -> Booster:
        """Errors: OSError, ModelDamaged with the path."""
        try:
            return cls.from_bytes(path.read_bytes(), threads)
        except ModelDamaged as error:
            raise ModelDamaged(f"{path}: {error.message}") from error

    def predict(self, matrix: NDArray[Any]) -> NDArray[np.float32]:
        """The model's answer to each row: float32[n], or float32[n, n_outputs] where it has several.

        Shapes: matrix [n, n_features], NaN is missing. The columns' meaning is the caller's to get right; their number
        is checked here. XGBoost takes infinity in place, but refuses it elsewhere: the caller's to look for, too.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.n_features:
            raise ValueError(f"the model was trained on {self.n_features} features, this matrix is {matrix.shape}")
        if self._without_place is None:
            answers = self._booster.inplace_predict(matrix, missing=np.nan, validate_features=False)
        else:
            with self._without_place:
                rows = xgb.DMatrix(matrix, missing=np.nan, nthread=self._threads)
                answers = self._booster.predict(rows, validate_features=False)
        return np.asarray(answers, dtype=np.float32)


def _require_readable(model: bytes) -> None:
    """Errors: ModelDamaged for what XGBoost would not survive, or has no good word for."""
    if len(model) < 3 or model[:1] != b"{":
        raise ModelDamaged(
            f"{len(model):,} bytes that are neither XGBoost's JSON nor its UBJSON; a model in the binary format of "
            "earlier releases must be loaded by one of those and saved anew as model.json"
        )
    if model[1:2] in b"LlIUi":  # the length of a key, where JSON has a quote or a space
        try:
            ubjson.require_whole(model)
        except ubjson.NotWhole as error:
            raise ModelDamaged(f"it is not all there: {error}; copy it anew or save it again") from error


def _is_linear(booster: xgb.Booster) -> bool:
    return '"name":"gblinear"' in booster.save_config()


def _first_line(error: Exception) -> str:
    """Without the stack of C++ calls."""
    return str(error).split("\n", 1)[0]
