"""Drawing one of many options, a whole column at a time. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def zipf_weights(n: int, exponent: float) -> NDArray[np.float64]:
    """Weights of ranks 1..n, heaviest first, that sum to 1: w_k ~ k^-exponent."""
    weights = np.arange(1, n + 1, dtype=np.float64) ** -exponent
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


class Choices:
    """Options to draw from, with weights of their own in each group.

    All groups share one sorted table: group g's cumulative shares lie in (g, g + 1], so that one binary search per
    draw answers for every group at once.
    """

    def __init__(self, weights: NDArray[np.float64]) -> None:
        """Shapes: weights float64[n_groups, n_options], not negative, at least one above 0 in each group."""
        if weights.ndim != 2 or not (weights >= 0).all() or not (weights.sum(axis=1) > 0).all():
            raise ValueError("weights are a table [groups, options], not negative, with a positive sum in each group")
        shares = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        # The last option that can occur ends its group exactly, whatever the rounding of the sum.
        shares[shares >= shares[:, -1:]] = 1.0
        self._n_options = weights.shape[1]
        self._table = (shares + np.arange(len(weights))[:, None]).ravel()

    def draw(self, groups: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int32]:
        """An option of each group named. Shapes: groups int[n] -> int32[n]."""
        # Kept off the upper end, where group + share would round up into the next group.
        keys = groups + rng.random(len(groups)) * (1 - 1e-12)
        options = np.searchsorted(self._table, keys, side="right") - groups * self._n_options
        return np.asarray(options, dtype=np.int32)


def distinct(
    weights: NDArray[np.float64], groups: NDArray[Any], n_choices: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Different options for each row, drawn one after the other without putting back.

    An exponential race: option k arrives after Exp(1) / weight, and the first `n_choices` to arrive are taken, in order
    of arrival. Options of weight 0 never arrive; there must be enough others.

    Shapes: weights float64[n_groups, n_options], groups int[n] -> int32[n, n_choices].
    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
    """
    chosen = np.empty((len(groups), n_choices), dtype=np.int32)
    with np.errstate(divide="ignore"):
        mean_arrival = 1 / weights
    chunk = max(1, 4_000_000 // weights.shape[1])  # 32 MB of arrival times at once
    for start in range(0, len(groups), chunk):
        rows = slice(start, start + chunk)
        arrival = rng.standard_exponential((len(groups[rows]), weights.shape[1])) * mean_arrival[groups[rows]]
        first = np.argpartition(arrival, n_choices - 1, axis=1)[:, :n_choices]
        order = np.argsort(np.take_along_axis(arrival, first, axis=1), axis=1)
        chosen[rows] = np.take_along_axis(first, order, axis=1)
    return chosen
