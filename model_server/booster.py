"""The door to XGBoost on the serving path: load a model, score a matrix, nothing else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_server import ubjson
from model_server.errors import OursToMend
from model_server.libxgboost import LibraryFailed, Model


class ModelDamaged(OursToMend):
    """What should be a model of XGBoost is none, or not all of it is there."""


class Booster:
    """A loaded model. Safe for concurrent calls: XGBoost's in-place prediction takes no lock and keeps no state."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        """`threads`: of one prediction. One is right for a server: starting a team costs more than 10 rows do."""
        self._model = model
        self._threads = threads
        self.n_features = model.n_features()
        self.feature_names = model.feature_names()
        """As it was trained with; none where it was trained without."""
        # Linear models (gblinear) alone cannot be asked in place.
        self._without_place = threading.Lock() if '"name":"gblinear"' in model.config() else None

    @classmethod
    def from_bytes(cls, model: bytes, threads: int = 1) -> Booster:
        """From XGBoost's UBJSON or JSON. Errors: ModelDamaged."""
        _require_readable(model)
        loaded = Model()
        try:
            # By this many threads it is loaded, too. A process forked from this one would not have a team of them,
            # and wait for it for ever when it in turn loads a model. (Whoever trains says how many threads train.)
            loaded.load(model, threads)
        except LibraryFailed as error:
            raise ModelDamaged(f"XGBoost cannot load it: {error}") from error
        return cls(loaded, threads)

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
        if len(matrix) == 0:
            return np.empty(0, np.float32)
        if matrix.dtype.str not in {"<f4", "<f8"} or not matrix.flags.c_contiguous:
            matrix = np.ascontiguousarray(matrix, np.float64)
        if self._without_place is None:
            return self._model.predict_in_place(matrix)
        with self._without_place:
            return self._model.predict(matrix, self._threads)


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
