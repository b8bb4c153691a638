"""Fit a feature set and a booster, and write the bundle."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from model_server import artifact
from model_server.booster import Booster
from model_server.drift.record import TrainingRecord
from model_server.features import FEATURE_SETS
from model_server.impressions import Impressions
from model_server.impressions.times import format_times
from model_server.training.evaluate import metrics
from model_server.training.split import by_time

PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "learning_rate": 0.1,
    "max_depth": 6,
    "min_child_weight": 20,  # hessian; at 2 % installs about 1,000 rows, so no leaf rests on a handful of installs
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "reg_lambda": 5.0,
}
MAX_ROUNDS: Final = 400
PATIENCE_ROUNDS: Final = 30
"""Rounds without a better validation log loss before training stops."""


@dataclass(frozen=True)
class Trained:
    """What came of a training: where, which version, how many trees, and the held-out metrics."""

    folder: Path
    version: str
    n_trees: int
    metrics: dict[str, float]


class _Progress(xgb.callback.TrainingCallback):  # type: ignore[misc]
    def __init__(self, tell: Callable[[int, float], None]) -> None:
        self._tell = tell

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        del model
        self._tell(epoch + 1, evals_log["validation"]["logloss"][-1])
        return False


def train(
    impressions: Impressions,
    installs: NDArray[np.int8],
    *,
    feature_set: str,
    folder: Path,
    data: dict[str, Any],
    seed: int,
    threads: int,
    now: datetime | None = None,
    tell: Callable[[int, float], None] = lambda _round, _log_loss: None,
) -> Trained:
    """Train on the oldest rows, stop early on the next, judge on the newest, and write the bundle to `folder`.

    Deterministic for the same rows, seed and versions. `data` (the file's name and sha256) is kept in the manifest;
    `now`, with a time zone, is kept there as `trained_at`, in UTC; `tell` hears each round's validation log loss.

    What live traffic is later compared with is the newest rows, which judged: live rows resemble them most, and the
    model's scores of rows that it learnt from would be more certain than those of new ones. Errors: TooFewInstalls.
    """
    split = by_time(impressions.timestamp, installs)
    past = impressions.take(split.train)
    features, matrix = FEATURE_SETS[feature_set].fit(past, installs[split.train])

    def matrix_of(rows: NDArray[np.int64], values: NDArray[Any]) -> Any:
        return xgb.QuantileDMatrix(values, installs[rows], ref=fitted, missing=np.nan, nthread=threads)

    fitted = None
    fitted = matrix_of(split.train, matrix)
    validation = matrix_of(split.validation, features.transform(impressions.take(split.validation)))
    booster = xgb.train(
        {**PARAMETERS, "seed": seed, "nthread": threads},
        fitted,
        num_boost_round=MAX_ROUNDS,
        evals=[(validation, "validation")],
        early_stopping_rounds=PATIENCE_ROUNDS,
        verbose_eval=False,
        callbacks=[_Progress(tell)],
    )
    best = booster[: booster.best_iteration + 1]
    best.set_attr(best_iteration=None, best_score=None)
    model = bytes(best.save_raw("ubj"))
    held_out = impressions.take(split.held_out)
    probabilities = Booster.from_bytes(model).predict(features.transform(held_out))
    judged = metrics(installs[split.held_out], probabilities)
    about = {
        **({} if now is None else {"trained_at": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}),
        "metrics": judged,
        "data": {
            **data,
            "rows": len(impressions),
            "installs": int(installs.sum()),
            "first": format_times(impressions.timestamp.min(keepdims=True))[0],
            "last": format_times(impressions.timestamp.max(keepdims=True))[0],
        },
        "split": {part: len(rows) for part, rows in vars(split).items()},
        "training": {**PARAMETERS, "seed": seed, "trees": int(best.num_boosted_rounds())},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "xgboost": xgb.__version__},
    }
    drift = TrainingRecord.fit(held_out, probabilities)
    version = artifact.save(folder, features=features, model=model, about=about, drift=drift)
    return Trained(folder, version, int(best.num_boosted_rounds()), judged)
