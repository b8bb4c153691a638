"""The door to treelite, which scores the isolation forest that alibi-detect fitted.

Treelite's GTIL gives 2^(-depth / expected depth); alibi-detect's IForest gives that minus 0.5, and so do we: a score
lies in -0.5..0.5, and the larger, the odder. Its file is treelite's own checkpoint, which it reads without checks of
its own: hand it only bytes that are known to be whole.

Its C library is called without the Python package around it, which takes 55 us a call beside the 10 of the library for
one row, and imports scipy. Source: https://treelite.readthedocs.io/en/latest/treelite-c-api.html.
"""

from __future__ import annotations

import ctypes
import functools
import json
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from model_server.c_library import library_of

OFFSET: Final = 0.5
"""IForest's score is that of the paper less this; scikit-learn's `offset_` with contamination "auto"."""
_CONFIG: Final = json.dumps({"predict_type": "default", "nthread": 1}).encode()


class TreeliteFailed(RuntimeError):
    """In treelite's words."""


class Forest:
    """A fitted isolation forest."""

    def __init__(self, checkpoint: bytes) -> None:
        self._library = _library()
        self._model, self._config = ctypes.c_void_p(), ctypes.c_void_p()
        length = ctypes.c_size_t(len(checkpoint))
        self._call("TreeliteDeserializeModelFromBytes", checkpoint, length, ctypes.byref(self._model))
        self._call("TreeliteGTILParseConfig", _CONFIG, ctypes.byref(self._config))
        n_columns = ctypes.c_size_t()
        self._call("TreeliteQueryNumFeature", self._model, ctypes.byref(n_columns))
        self.n_columns = n_columns.value
        self._input_type = self._told("TreeliteGetInputType")
        self._dtypes = np.dtype(self._input_type.decode()), np.dtype(self._told("TreeliteGetOutputType").decode())

    def __del__(self) -> None:
        if getattr(self, "_config", None):
            self._library.TreeliteGTILDeleteConfig(self._config)
        if getattr(self, "_model", None):
            self._library.TreeliteFreeModel(self._model)

    @classmethod
    def from_bytes(cls, checkpoint: bytes) -> Self:
        """Errors: TreeliteFailed."""
        return cls(checkpoint)

    def scores(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shapes: float64[n, n_columns], values that float32 holds -> float64[n]. On one thread."""
        n, width = columns.shape
        if width != self.n_columns:
            raise ValueError(f"the forest was fitted on {self.n_columns} columns; these are {width}")
        rows, told = np.ascontiguousarray(columns, self._dtypes[0]), np.zeros(n, self._dtypes[1])
        self._call(
            "TreeliteGTILPredict",
            self._model,
            ctypes.c_void_p(rows.ctypes.data),
            self._input_type,
            ctypes.c_uint64(n),
            ctypes.c_void_p(told.ctypes.data),
            self._config,
        )
        scores: NDArray[np.float64] = told.astype(np.float64) - OFFSET
        return scores

    def _told(self, function: str) -> bytes:
        text = ctypes.c_char_p()
        self._call(function, self._model, ctypes.byref(text))
        return text.value or b""

    def _call(self, function: str, *arguments: Any) -> None:
        if getattr(self._library, function)(*arguments):
            raise TreeliteFailed(self._library.TreeliteGetLastError().decode(errors="replace"))


@functools.cache
def _library() -> ctypes.CDLL:
    """Errors: ImportError, where the wheel treelite is not installed."""
    return library_of("treelite", last_error="TreeliteGetLastError")
