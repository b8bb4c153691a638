"""XGBoostServer: what Seldon's prepackaged XGBOOST_SERVER is, for a graph node with that implementation and a modelUri.

It answers with the bits that `Booster.predict(DMatrix(X))` gives there, at any size of batch. Source of what it does:
Seldon Core 1.19's xgboostserver; what it does otherwise is told in docs/compatibility.md.
"""

from __future__ import annotations

import logging
import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from model_server import storage
from model_server.booster import Booster
from model_server.errors import CallersFault, OursToMend

logger = logging.getLogger(__name__)

MODEL_FILES: Final = ("model.json", "model.bst", "model.ubj")
"""In this order. Seldon's server looks for the first two; the third is the name that XGBoost itself recommends."""
METADATA: Final = "metadata.yaml"
_CONTENTS: Final = {"U": "texts", "S": "bytes", "c": "complex numbers", "M": "dates", "m": "time spans"}
_NUMBER_OR_NULL: Final = (numbers.Real, np.bool_, type(None))
_PAYLOADS: Final = {str: "a text", bytes: "bytes", dict: "an object", list: "a list", type(None): "null"}


class NoModelGiven(OursToMend):
    """Nobody said where the model is."""


class NoModelFile(OursToMend):
    """The folder holds no file with the name of a model."""


class UnknownParameter(OursToMend):
    """The graph node has a parameter that this server does not take."""


class InvalidFeatures(CallersFault):
    """What was sent is no matrix that the model takes."""


class XGBoostServer:
    """A model of XGBoost, of whatever objective.

    Parameters (Seldon graph parameters): `model_uri`, the folder with the model, in whatever form `storage` takes;
    Seldon's operator adds it to the node's own. Without it the folder in MLSERVER_MODEL_URI.
    """

    row_wise: ClassVar[bool] = True
    """A row's answer does not depend on the rows beside it: the server may ask for those of many requests at once."""

    def __init__(self, model_uri: str | None = None, **unknown: Any) -> None:
        """Load the model. Errors: OursToMend, naming what to do: the server does not start."""
        if unknown:
            raise UnknownParameter(
                f"XGBOOST_SERVER takes no parameter but model_uri, which modelUri gives it; this node has "
                f"{', '.join(sorted(unknown))}: take that away, or serve a class of your own (MODEL_NAME)"
            )
        uri = model_uri or os.environ.get("MLSERVER_MODEL_URI")
        if not uri:
            raise NoModelGiven("no model given: set the graph node's modelUri, or the parameter model_uri")
        self._folder = storage.local_folder(uri, volumes=None, cache=storage.default_cache())
        # In the parent of the workers, whose memory they then share; none of them could load it more cheaply.
        self._booster = Booster.from_file(_model_file(self._folder))

    def predict(
        self,
        X: Any,  # noqa: N803  (Seldon's name)
        names: Sequence[str] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> NDArray[np.float32]:
        """The model's answer to each row: float32[n], or float32[n, n_outputs]. Errors: InvalidFeatures.

        X: a matrix [n, n_features] of numbers; null and NaN are missing. `names` matter only to a model that was
        trained with names: its columns may then come in any order.
        """
        del meta
        matrix = _in_order(matrix_of(X, self._booster.n_features), self._booster.feature_names, names)
        if len(matrix) == 0:
            return np.empty((0, 0), np.float32)  # as XGBoost has it, which would also warn
        return self._booster.predict(matrix)

    def init_metadata(self) -> dict[str, Any]:
        """What the optional metadata.yaml beside the model tells; like Seldon's, nothing if that is no YAML."""
        path = self._folder / METADATA
        try:
            told = yaml.safe_load(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, yaml.YAMLError) as error:
            logger.error("%s is left out of the model's metadata: %s", path, error)  # noqa: TRY400  (said so)
            return {}
        if not isinstance(told, dict):
            logger.error("%s holds %s, not a mapping such as `name: my-model`", path, type(told).__name__)
            return {}
        return told


def matrix_of(X: Any, n_features: int) -> NDArray[np.float32]:  # noqa: N803  (Seldon's name)
    """The values as XGBoost's DMatrix would hold them: float32[n, n_features], NaN is missing. Pure.

    Errors: InvalidFeatures.
    """
    accepted = f"rows of {n_features} numbers each are expected, as data.ndarray or data.tensor; null is missing"
    if not isinstance(X, np.ndarray):
        raise InvalidFeatures(f"the payload is {_PAYLOADS.get(type(X), type(X).__name__)}; {accepted}")
    if X.ndim != 2 or X.shape[1] != n_features:
        raise InvalidFeatures(f"the data has the shape {list(X.shape)}; {accepted}")
    if X.dtype.kind == "O":
        _require_numbers(X, accepted)
    elif X.dtype.kind not in "fiub":
        kind = _CONTENTS.get(X.dtype.kind, str(X.dtype))
        raise InvalidFeatures(f"the data holds {kind}, such as {X.ravel()[:1].tolist()!s:.80}; {accepted}")
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told below
            matrix = np.ascontiguousarray(X, dtype=np.float32)
    except OverflowError as error:  # an integer beyond float64
        raise InvalidFeatures(f"the data holds a number that is too large: {error}; {accepted}") from error
    infinite = np.isinf(matrix)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise InvalidFeatures(
            f"row {row}, column {column} is {X[row, column]}; XGBoost takes finite numbers up to "
            f"{np.finfo(np.float32).max:.3g}, and null for what is missing"
        )
    return matrix


def _require_numbers(cells: NDArray[Any], accepted: str) -> None:
    """Errors: InvalidFeatures, with the first cell that is neither a number nor null."""
    others = {kind for kind in set(map(type, cells.flat)) if not issubclass(kind, _NUMBER_OR_NULL)}
    if not others:
        return
    for (row, column), value in np.ndenumerate(cells):
        if type(value) in others:
            raise InvalidFeatures(f"row {row}, column {column} is {value!r:.80}, which is no number; {accepted}")


def _in_order(
    matrix: NDArray[np.float32], expected: tuple[str, ...], names: Sequence[str] | None
) -> NDArray[np.float32]:
    """The columns in the order of the model's own names. Errors: InvalidFeatures where the names are others."""
    if not expected or names is None or len(names) == 0:
        return matrix
    given = tuple(map(str, names))
    unnamed = tuple(f"t:{column}" for column in range(len(expected)))  # Seldon's names for what nobody named
    if given in {expected, unnamed}:
        return matrix
    if sorted(given) != sorted(expected):
        raise InvalidFeatures(
            f"data.names are {', '.join(given):.500}; the model was trained on {', '.join(expected):.500}: send these, "
            "in any order, or send no names and the columns in this order"
        )
    return np.ascontiguousarray(matrix[:, [given.index(name) for name in expected]])


def _model_file(folder: Path) -> Path:
    """Errors: NoModelFile."""
    for name in MODEL_FILES:
        if (folder / name).is_file():
            if name == "model.bst":
                logger.warning("%s: save the model as model.json, which every later XGBoost reads", folder / name)
            return folder / name
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
    raise NoModelFile(
        f"{folder} holds {there}; save the model there with XGBoost's save_model as {', '.join(MODEL_FILES[:-1])} or "
        f"{MODEL_FILES[-1]}"
    )
