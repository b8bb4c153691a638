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
_GRACE_SECONDS: Final = 365 * SECONDS_PER_DAY
"""Before and after the training rows, in which the date alone is no oddity: a detector is fitted anew once a year."""


def funnel(x: Impressions) -> list[NDArray[Any]]:
    """In the order of FUNNEL; each [n]."""
    starts, views, clicks, installs = x.start_count, x.view_count, x.click_count, x.install_count
    columns: list[NDArray[Any]] = [
        starts,
        np.maximum(views - starts, 0),
        np.maximum(clicks - views, 0),
        np.maximum(installs - clicks, 0),
    ]
    for above, below, usual in (
        (views, starts, _USUAL["views"]),
        (clicks, views, _USUAL["clicks"]),
        (installs, clicks, _USUAL["installs"]),
    ):
        rate = (above + usual * _PRIOR_ROWS) / (below + _PRIOR_ROWS)
        columns += [rate, 1.0 / rate]
    return columns


def recency(x: Impressions) -> list[NDArray[Any]]:
    """In the order of RECENCY; each [n]."""
    never = x.last_start == MISSING_TIME
    pause = _pause(x)
    columns: list[NDArray[Any]] = [
        x.start_count_1d,
        x.start_count_7d,
        np.maximum(x.start_count_1d - x.start_count_7d, 0),
        np.maximum(x.start_count_7d - x.start_count, 0),
        never != (x.start_count == 0),
    ]
    for seconds, counted in ((SECONDS_PER_DAY, x.start_count_1d), (7 * SECONDS_PER_DAY, x.start_count_7d)):
        columns += [~never & (pause < seconds) & (counted == 0), ~never & (pause > seconds) & (counted > 0)]
    return columns


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
