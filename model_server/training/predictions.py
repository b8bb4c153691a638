"""Predictions of a whole file, and the labels to judge them by."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_server.artifact import Bundle
from model_server.errors import CallersFault
from model_server.impressions import Impressions
from model_server.impressions.csv_files import ImpressionFile, Truth

CHUNK_ROWS: Final = 50_000
"""Rows scored at a time: 22 MB of classic features, so that a file of any length fits."""


class CannotWrite(CallersFault):
    """The file of predictions cannot stand where it should."""


class NoLabels(CallersFault):
    """Nobody knows what became of the rows."""


def predict_in_chunks(bundle: Bundle, impressions: Impressions) -> NDArray[np.float32]:
    """P(install) of each row, float32[n]."""
    chunks = [
        bundle.booster.predict(bundle.features.transform(impressions.take(slice(first, first + CHUNK_ROWS))))
        for first in range(0, len(impressions), CHUNK_ROWS)
    ]
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.float32)


def write_predictions(path: Path, ids: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
    """`id,prob_install`, each probability as the shortest decimal that reads back as the same float32."""
    lines = [f"{key},{probability!s}\n" for key, probability in zip(ids.tolist(), probabilities, strict=True)]
    temporary = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_text("id,prob_install\n" + "".join(lines))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CannotWrite(f"{path}: cannot be written: {error.strerror}; choose another --out") from error


def labels_of(file: ImpressionFile, truth: Truth | None) -> NDArray[np.int8]:
    """The label of each row: the file's own, or the truth's by id. Errors: NoLabels, UnknownIds."""
    if file.installs is not None:
        return file.installs
    if truth is None:
        raise NoLabels("the data has no column install and no truth file was given (--truth)")
    return truth.installs_of(file.impressions.id)
