"""The door to alibi-detect: its IForest is fitted, sets the threshold, and becomes treelite's checkpoint.

Its import takes seconds and looks for deep-learning frameworks, which it does without; what it says of that is kept
from people who asked for an isolation forest.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any, Final

import numpy as np
import treelite
from numpy.typing import NDArray

N_TREES: Final = 50
"""As good as the usual 100 on five columns, at half the cost of each request."""
MAX_SAMPLES: Final = 4096
"""Rows that a tree is grown on. With the usual 256 a column's rarest rows are as rare as one in 256, and whatever is
rarer looks like them."""
SCORE_TOLERANCE: Final = 1e-8
"""How far treelite's scores may lie from alibi-detect's: it keeps the expected depth as a float32."""


def fit_forest(columns: NDArray[np.float64], *, seed: int, threads: int) -> Any:
    """A fitted `alibi_detect.od.IForest`, the same for the same rows and seed. Shapes: float64[n, n_columns]."""
    detector = _iforest()(
        threshold=0.0,  # until it is inferred; without one it complains
        n_estimators=N_TREES,
        max_samples=min(MAX_SAMPLES, len(columns)),
        n_jobs=threads,
    )
    detector.isolationforest.set_params(random_state=seed)  # IForest itself takes none
    detector.fit(columns)
    return detector


def infer_threshold(detector: Any, columns: NDArray[np.float64], false_alarm_rate: float) -> float:
    """The score that this share of normal rows lies above, for treelite's scores as for alibi-detect's.

    Many rows score alike. Where the threshold is such a score, none of them lies above it; nor may they by rounding.
    """
    detector.infer_threshold(columns, threshold_perc=100 * (1 - false_alarm_rate))
    return float(detector.threshold) + SCORE_TOLERANCE


def checkpoint_of(detector: Any) -> bytes:
    """The fitted forest as treelite's checkpoint."""
    checkpoint: bytes = treelite.sklearn.import_model(detector.isolationforest).serialize_bytes()
    return checkpoint


def _iforest() -> Any:
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            from alibi_detect.od import IForest  # noqa: PLC0415  (seconds; and only who fits a detector needs it)
    finally:
        logging.disable(before)
    return IForest
