"""One window's counts against those of training: how much differs, and whether chance explains it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.drift.counting import Counts

MIN_EXPECTED: Final = 5.0
"""Rows that a bin of the test must lead one to expect in the smaller sample; with fewer, the statistic is not
distributed as chi-squared. Source: Cochran, "Some methods for strengthening the common chi-squared tests" (1954)."""
_HALF_A_ROW: Final = 0.5


@dataclass(frozen=True)
class ChiSquared:
    """Of the test that two samples come from one distribution. p is 1 where there is nothing to tell apart."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """By column: the population stability index, and the p value corrected for the number of columns."""

    psi: dict[str, float]
    p_values: dict[str, float]


def compare(reference: Counts, window: Counts) -> Comparison:
    """Of each column. Errors: ValueError where a sample is empty."""
    p_values = {column: chi_squared(reference[column], counts).p_value for column, counts in window.items()}
    psi = {column: population_stability_index(reference[column], counts) for column, counts in window.items()}
    return Comparison(psi, holm(p_values))


def population_stability_index(reference: NDArray[np.int64], window: NDArray[np.int64]) -> float:
    """Sum over bins of (q - p) ln(q / p), p and q the bin's share of the reference and of the window; from 0.

    A share counts as that of half a row of the smaller sample if it is less, so that an empty bin does not make the
    index infinite. Without drift it is not 0 but about (bins - 1) (1 / rows + 1 / reference rows): 0.02 for 20 bins
    and 1,000 rows. Source: Siddiqi, "Credit Risk Scorecards" (2006); it is Jeffreys' divergence of the two.
    """
    _require_rows(reference, window)
    least = _HALF_A_ROW / min(reference.sum(), window.sum())
    p = np.maximum(reference / reference.sum(), least)
    q = np.maximum(window / window.sum(), least)
    return float(((q - p) * np.log(q / p)).sum())


def chi_squared(reference: NDArray[np.int64], window: NDArray[np.int64]) -> ChiSquared:
    """Pearson's test of homogeneity on the table of both, bins that are empty in both left out.

    Bins of which fewer than MIN_EXPECTED rows are expected in the smaller sample are made one, and where that has still
    too few, the rarest of the others joins it. That goes by both samples together, which says nothing of their
    difference, so the test stays fair; what it costs is that a text that training never saw is noticed in a window of
    1,000 only where it is frequent, or other rare bins stand with it (`install_model_unknown_categories` counts each).
    """
    _require_rows(reference, window)
    table = _pooled(np.stack([reference, window]))
    n_bins = table.shape[1]
    if n_bins < 2:
        return ChiSquared(0.0, 0, 1.0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return ChiSquared(statistic, n_bins - 1, chi_squared_survival(statistic, n_bins - 1))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Corrected p values: the chance that any of however many true hypotheses has one below alpha is at most alpha.

    However the hypotheses depend on each other. Source: Holm, "A simple sequentially rejective multiple test
    procedure" (1979).
    """
    ascending = sorted(p_values, key=p_values.__getitem__)
    corrected: dict[str, float] = {}
    largest = 0.0
    for n_before, name in enumerate(ascending):
        largest = min(1.0, max(largest, (len(ascending) - n_before) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}


def chi_squared_survival(statistic: float, degrees_of_freedom: int) -> float:
    """P(X > statistic) of a chi-squared X with whole degrees of freedom, from 1.

    In closed form, all of whose terms are positive. scipy.special has the same, for 0.1 s and 12 MB in each process
    that serves, where nothing else wants it. Source: Abramowitz and Stegun, 26.4.4 and 26.4.5.
    """
    half = statistic / 2
    if degrees_of_freedom % 2:
        total, term, first = math.erfc(math.sqrt(half)), math.exp(-half) * 2 * math.sqrt(half / math.pi), 1.5
    else:
        total, term, first = 0.0, math.exp(-half), 1.0
    for i in range(degrees_of_freedom // 2):
        total += term
        term *= half / (first + i)
    return min(1.0, total)


def _pooled(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shapes: int64[2, n_bins] -> int64[2, m], the pooled bin last."""
    table = table[:, table.any(axis=0)]
    table = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    expected: NDArray[Any] = table.sum(axis=0) * (table.sum(axis=1).min() / table.sum())
    n_rare = int((expected < MIN_EXPECTED).sum())
    if not n_rare:
        return table
    n_pooled = max(n_rare, int(np.searchsorted(np.cumsum(expected), MIN_EXPECTED)) + 1)
    return np.column_stack([table[:, n_pooled:], table[:, :n_pooled].sum(axis=1)])


def _require_rows(reference: NDArray[np.int64], window: NDArray[np.int64]) -> None:
    if reference.shape != window.shape or not reference.any() or not window.any():
        raise ValueError(f"counts of the shapes {reference.shape} and {window.shape}, or a sample without rows")
