"""XGBoost's C library, called by its documented C API, without the Python package around it.

Why: `import xgboost` imports scikit-learn, pandas and scipy.stats wherever they are installed, which takes 2 s and
100 MB; and its `inplace_predict` takes 150 us of Python for each call, beside 90 us of the library's own for one row.
The library comes from the same wheel, and the answers are the same to the bit.

Source: https://xgboost.readthedocs.io/en/stable/c.html. Nothing here is checked but the library's own word for errors.
"""

from __future__ import annotations

import ctypes
import functools
import json
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.c_library import library_of

_PREDICTION: Final = {
    "type": 0,  # the value that the objective gives
    "training": False,
    "iteration_begin": 0,
    "iteration_end": 0,  # all trees
    "strict_shape": False,
}
_IN_PLACE: Final = json.dumps({**_PREDICTION, "missing": float("nan"), "cache_id": 0}).encode()
_OF_A_DMATRIX: Final = json.dumps(_PREDICTION).encode()


class LibraryFailed(RuntimeError):
    """What the library says, its stack of C++ calls left out."""


class Model:
    """A handle of the library's. Concurrent `predict_in_place` are safe: each thread has its own answers there."""

    def __init__(self) -> None:
        self._library = _library()
        self._handle = ctypes.c_void_p()
        self._call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
        self._in_place = self._library.XGBoosterPredictFromDense

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.XGBoosterFree(self._handle)

    def load(self, model: bytes, threads: int) -> None:
        """From UBJSON or JSON. `threads` is kept, by the library, as the calling thread's own setting."""
        self._call("XGBSetGlobalConfig", json.dumps({"nthread": threads}).encode())
        self._call("XGBoosterSetParam", self._handle, b"nthread", str(threads).encode())
        self._call("XGBoosterLoadModelFromBuffer", self._handle, model, ctypes.c_uint64(len(model)))
        self._call("XGBoosterSetParam", self._handle, b"nthread", str(threads).encode())

    def n_features(self) -> int:
        number = ctypes.c_uint64()
        self._call("XGBoosterGetNumFeature", self._handle, ctypes.byref(number))
        return number.value

    def feature_names(self) -> tuple[str, ...]:
        number, names = ctypes.c_uint64(), ctypes.POINTER(ctypes.c_char_p)()
        self._call(
            "XGBoosterGetStrFeatureInfo", self._handle, b"feature_name", ctypes.byref(number), ctypes.byref(names)
        )
        return tuple(names[i].decode() for i in range(number.value))

    def config(self) -> str:
        """The library's own configuration of the model, JSON."""
        length, text = ctypes.c_uint64(), ctypes.c_char_p()
        self._call("XGBoosterSaveJsonConfig", self._handle, ctypes.byref(length), ctypes.byref(text))
        return (text.value or b"").decode()

    def predict_in_place(self, matrix: NDArray[Any]) -> NDArray[np.float32]:
        """Shapes: matrix float32 or float64 [n, n_features] in row-major order, n at least 1; NaN is missing."""
        answer = _Answer()
        if self._in_place(self._handle, _array_interface(matrix), _IN_PLACE, None, *answer.places):
            self._raise()
        return answer.copied()

    def predict(self, matrix: NDArray[Any], threads: int) -> NDArray[np.float32]:
        """As `predict_in_place`, by way of a copy in the library. Not for concurrent calls."""
        answer, copied = _Answer(), ctypes.c_void_p()
        config = json.dumps({"missing": float("nan"), "nthread": threads}).encode()
        self._call("XGDMatrixCreateFromDense", _array_interface(matrix), config, ctypes.byref(copied))
        try:
            self._call("XGBoosterPredictFromDMatrix", self._handle, copied, _OF_A_DMATRIX, *answer.places)
            return answer.copied()
        finally:
            self._library.XGDMatrixFree(copied)

    def _call(self, function: str, *arguments: Any) -> None:
        if getattr(self._library, function)(*arguments):
            self._raise()

    def _raise(self) -> None:
        told = self._library.XGBGetLastError().decode(errors="replace")
        raise LibraryFailed(told.split("\n", 1)[0])


class _Answer:
    """Where the library says where its answer lies, which stays there until the same thread asks again."""

    __slots__ = ("n_dimensions", "places", "shape", "values")

    def __init__(self) -> None:
        self.shape, self.values = ctypes.POINTER(ctypes.c_uint64)(), ctypes.POINTER(ctypes.c_float)()
        self.n_dimensions = ctypes.c_uint64()
        self.places = ctypes.byref(self.shape), ctypes.byref(self.n_dimensions), ctypes.byref(self.values)

    def copied(self) -> NDArray[np.float32]:
        shape = self.shape[: self.n_dimensions.value]
        # Of a bytearray, so that it may be written to. Not np.ctypeslib.as_array, which takes 20 us.
        values = np.frombuffer(bytearray(ctypes.string_at(self.values, 4 * math.prod(shape))), np.float32)
        return values if len(shape) == 1 else values.reshape(shape)


def _array_interface(matrix: NDArray[Any]) -> bytes:
    described = matrix.__array_interface__  # matrix.ctypes.data would take 5 us
    return b'{"data":[%d,true],"shape":[%d,%d],"typestr":"%b","version":3,"strides":null}' % (
        described["data"][0],
        *described["shape"],
        described["typestr"].encode(),
    )


@functools.cache
def _library() -> ctypes.CDLL:
    """Errors: ImportError, where XGBoost's wheel (xgboost-cpu or xgboost) is not installed."""
    library = library_of("xgboost", last_error="XGBGetLastError")
    text, address = ctypes.c_char_p, ctypes.c_void_p
    library.XGBoosterPredictFromDense.argtypes = [address, text, text, address, address, address, address]
    library.XGBoosterFree.argtypes = [address]
    return library
