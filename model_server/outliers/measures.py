"""The ways in which the numbers of an impression can be odd, each a number that grows with oddness. Pure.

Sums, differences and quotients only, which processors round alike for one row and for many: only the order of values
counts, so logarithms would change nothing. Missing: a user without a last start has no pause, which counts as one of
0 s; that everybody with starts has a last start, and nobody else, is a measure of its own.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import MISSING_TIME, Impressions
from model_server.impressions.times import SECONDS_PER_DAY

FUNNEL: Final = (
    "starts",
    "views beyond starts",
    "clicks beyond views",
    "installs beyond clicks",
    "views per start, many",
    "views per start, few",
    "clicks per view, many",
    "clicks per view, few",
    "installs per click, many",
    "installs per click, few",
)
RECENCY: Final = (
    "starts in 1 day",
    "starts in 7 days",
    "starts in 1 day beyond 7 days",
    "starts in 7 days beyond all",
    "starts without a last one, or a last one without starts",
    "started within a day, but none counted",
    "started before a day, but some counted",
    "started within 7 days, but none counted",
    "started before 7 days, but some counted",
)
TIME: Final = ("last start long ago", "last start after now", "long before training", "long after training")

_PRIOR_ROWS: Final = 5.0
"""A user's rates are shrunk towards the usual ones as if they had been seen this often: 1 of 1 is no oddity."""
_USUAL: Final = {"views": 0.6, "clicks": 0.15, "installs": 0.2}
"""Per start, view and click; only where the shrinkage leads to, what is rare is learnt."""
_USUAL_PRIOR: Final = np.array([[_USUAL[name] * _PRIOR_ROWS] for name in ("views", "clicks", "installs")])
_DAY_AND_WEEK: Final = np.array([[SECONDS_PER_DAY], [7 * SECONDS_PER_DAY]])
_GRACE_SECONDS: Final = 365 * SECONDS_PER_DAY
"""Before and after the training rows, in which the date alone is no oddity: a detector is fitted anew once a year."""


def funnel(x: Impressions) -> list[NDArray[Any]]:
    """In the order of FUNNEL; each [n]."""
    counts = np.array((x.start_count, x.view_count, x.click_count, x.install_count))
    beyond = np.maximum(counts[1:] - counts[:-1], 0)
    rates = (counts[1:] + _USUAL_PRIOR) / (counts[:-1] + _PRIOR_ROWS)
    inverse = 1.0 / rates
    return [counts[0], *beyond, rates[0], inverse[0], rates[1], inverse[1], rates[2], inverse[2]]


def recency(x: Impressions) -> list[NDArray[Any]]:
    """In the order of RECENCY; each [n]."""
    has_last = x.last_start != MISSING_TIME
    counts = np.array((x.start_count, x.start_count_7d, x.start_count_1d))
    beyond = np.maximum(counts[1:] - counts[:-1], 0)
    pause, is_none, is_some = _pause(x), counts == 0, has_last & (counts > 0)
    is_within = pause < _DAY_AND_WEEK
    odd_within, odd_before = has_last & is_within & is_none[:0:-1], (pause > _DAY_AND_WEEK) & is_some[:0:-1]
    return [
        counts[2],
        counts[1],
        beyond[1],
        beyond[0],
        has_last == is_none[0],
        odd_within[0],
        odd_before[0],
        odd_within[1],
        odd_before[1],
    ]


def time(x: Impressions, first: int, last: int) -> list[NDArray[Any]]:
    """In the order of TIME; each [n], in seconds. `first` and `last`: the timestamps that training spans."""
    pause = _pause(x)
    return [
        np.maximum(pause, 0),
        np.maximum(-pause, 0),
        np.maximum(first - _GRACE_SECONDS - x.timestamp, 0),
        np.maximum(x.timestamp - last - _GRACE_SECONDS, 0),
    ]


def _pause(x: Impressions) -> NDArray[np.int64]:
    """Seconds since the last start; 0 where there was none."""
    pause: NDArray[np.int64] = x.timestamp - np.where(x.last_start == MISSING_TIME, x.timestamp, x.last_start)
    return pause
