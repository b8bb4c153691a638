"""Fit the outlier detector to impressions, and write its bundle. Labels play no part in it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np

from model_server.errors import CallersFault
from model_server.impressions import Impressions
from model_server.impressions.times import format_times
from model_server.outliers import detector_bundle
from model_server.outliers.forest import Forest
from model_server.outliers.view import View
from model_server.training.detection import Share
from model_server.training.isolation_forest import (
    MAX_SAMPLES,
    N_TREES,
    checkpoint_of,
    fit_forest,
    infer_threshold,
)
from model_server.training.split import in_order_of_time

FALSE_ALARM_RATE: Final = 0.01
"""Unless told otherwise: one row in a hundred is looked at in vain."""
MIN_FALSE_ALARMS: Final = 10
"""Expected among the rows that set the threshold; with fewer it is a matter of chance (one in three either way)."""


class TooFewRows(CallersFault):
    """There is too little traffic to set such a threshold by."""


@dataclass(frozen=True)
class Fitted:
    """What came of fitting: where, which version, the threshold, and the false alarms among the newest rows."""

    folder: Path
    version: str
    threshold: float
    false_alarms: Share
    n_rows: dict[str, int]


def fit_detector(
    impressions: Impressions,
    *,
    folder: Path,
    data: dict[str, Any],
    false_alarm_rate: float = FALSE_ALARM_RATE,
    seed: int,
    threads: int,
    tell: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Fit on the oldest rows, set the threshold on the next, count false alarms among the newest, write the bundle.

    All rows are taken for normal. Deterministic for the same rows, seed and versions. `data` (the file's name and
    sha256) is kept in the manifest; `tell` hears each step. Errors: TooFewRows, NotABundle.
    """
    split = in_order_of_time(impressions.timestamp)
    _require_enough(len(split.validation), false_alarm_rate)
    tell("learning what is rare")
    view, columns = View.fit(impressions.take(split.train))
    tell("growing the forest")
    detector = fit_forest(columns, seed=seed, threads=threads)
    tell("setting the threshold")
    threshold = infer_threshold(detector, view.transform(impressions.take(split.validation)), false_alarm_rate)
    checkpoint = checkpoint_of(detector)
    tell("counting false alarms")
    scores = Forest.from_bytes(checkpoint).scores(view.transform(impressions.take(split.held_out)))
    false_alarms = Share.of(scores > threshold)
    n_rows = {part: len(rows) for part, rows in vars(split).items()}
    version = detector_bundle.save(
        folder,
        learnt=view,
        checkpoint=checkpoint,
        threshold=threshold,
        false_alarm_rate={
            "stated": false_alarm_rate,
            "held_out": false_alarms.share,
            "held_out_low": false_alarms.low,
            "held_out_high": false_alarms.high,
        },
        about={
            "data": {
                **data,
                "rows": len(impressions),
                "first": format_times(impressions.timestamp.min(keepdims=True))[0],
                "last": format_times(impressions.timestamp.max(keepdims=True))[0],
            },
            "split": n_rows,
            "training": {"trees": N_TREES, "max_samples": min(MAX_SAMPLES, n_rows["train"]), "seed": seed},
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                **{package: metadata.version(package) for package in ("alibi-detect", "scikit-learn", "treelite")},
            },
        },
    )
    return Fitted(folder, version, threshold, false_alarms, n_rows)


def _require_enough(n_rows: int, false_alarm_rate: float) -> None:
    if n_rows * false_alarm_rate < MIN_FALSE_ALARMS:
        raise TooFewRows(
            f"the threshold is set on a tenth of the rows, {n_rows:,}, of which {false_alarm_rate:.3g} are "
            f"{n_rows * false_alarm_rate:.1f}; at least {MIN_FALSE_ALARMS} are needed: give more rows or a higher "
            "--false-alarm-rate"
        )
