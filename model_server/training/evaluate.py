"""What probabilities are worth against what happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

N_CALIBRATION_BINS: Final = 15
"""Equal shares of the rows; the usual number since Guo et al., "On Calibration of Modern Neural Networks" (2017)."""


def metrics(installs: NDArray[np.int8], probabilities: NDArray[np.floating[Any]]) -> dict[str, float]:
    """Log loss in nats, AUC, PR-AUC (average precision), Brier score, expected calibration error."""
    p = probabilities.astype(np.float64)
    return {
        "log_loss": float(log_loss(installs, p, labels=[0, 1])),
        "auc": float(roc_auc_score(installs, p)),
        "pr_auc": float(average_precision_score(installs, p)),
        "brier": float(brier_score_loss(installs, p)),
        "calibration_error": calibration_error(installs, p),
    }


def calibration_error(installs: NDArray[np.int8], probabilities: NDArray[np.floating[Any]]) -> float:
    """Mean of |mean probability - install rate| over N_CALIBRATION_BINS bins of equally many rows."""
    order = np.argsort(probabilities, kind="stable")
    bins = [rows for rows in np.array_split(order, N_CALIBRATION_BINS) if len(rows)]
    gaps = [len(rows) * abs(float(probabilities[rows].mean() - installs[rows].mean())) for rows in bins]
    return sum(gaps) / len(order)


@dataclass(frozen=True)
class Difference:
    """A mean difference of log losses, second minus first, and its interval. Units: nats per row."""

    mean: float
    low: float
    high: float
    level: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def log_losses(installs: NDArray[np.int8], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Log loss of each row, float64[n], in nats."""
    p = np.clip(probabilities.astype(np.float64), 1e-15, 1 - 1e-15)
    losses: NDArray[np.float64] = -np.log(np.where(installs == 1, p, 1 - p))
    return losses


def paired_bootstrap(
    first: NDArray[np.float64], second: NDArray[np.float64], *, seed: int, n_resamples: int = 1000, level: float = 0.95
) -> Difference:
    """The interval of mean(second - first) by resampling rows, the same rows for both.

    Shapes: first and second [n], of the same rows. Source: Efron and Tibshirani, "An Introduction to the Bootstrap",
    percentile intervals.
    """
    rng = np.random.default_rng(seed)
    differences = second - first
    n = len(differences)
    means = np.array([differences[rng.integers(0, n, n)].mean() for _ in range(n_resamples)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(differences.mean()), float(low), float(high), level)
