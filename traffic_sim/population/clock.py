"""The weeks that the population spans, and how busy each of their hours is. Pure."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SECONDS_PER_DAY: Final = 86_400
FIRST_DAY: Final = 17_882
"""Days since 1970: Monday 2018-12-17."""
DAYS: Final = 42
FIRST_SECOND: Final = FIRST_DAY * SECONDS_PER_DAY
SPAN_SECONDS: Final = DAYS * SECONDS_PER_DAY

PEAK_HOUR: Final = 19.0
"""UTC: the evening of the countries with most traffic."""
DAY_SWING: Final = 0.5
"""Ratio by which the busiest hour lies above the mean one, and the quietest below."""
WEEKEND_BOOST: Final = 0.25
"""Ratio by which Saturdays and Sundays are busier than other days."""


def hour_of_day(seconds: NDArray[Any]) -> NDArray[np.float64]:
    """UTC hours in [0, 24) of seconds since 1970."""
    hours: NDArray[np.float64] = seconds % SECONDS_PER_DAY / 3600
    return hours


def is_weekend(seconds: NDArray[Any]) -> NDArray[np.bool_]:
    """Saturday or Sunday, in UTC; 1970-01-01 was a Thursday."""
    weekend: NDArray[np.bool_] = (seconds // SECONDS_PER_DAY + 3) % 7 >= 5
    return weekend


def day_index(seconds: NDArray[Any]) -> NDArray[np.int64]:
    """Whole days since the population's first."""
    days: NDArray[np.int64] = seconds // SECONDS_PER_DAY - FIRST_DAY
    return days


def draw_timestamps(n: int, rng: np.random.Generator, start: float, stop: float) -> NDArray[np.int64]:
    """Seconds since 1970 of n impressions, sorted, from fraction `start` of the span (included) to `stop` (excluded).

    Impressions arrive as a Poisson process whose rate goes with the hour of the week, given that there are n.
    """
    edges = np.arange(0, SPAN_SECONDS + 1, 3600)
    middles = FIRST_SECOND + edges[:-1] + 1800
    rate = (1 + DAY_SWING * np.cos(2 * np.pi * (hour_of_day(middles) - PEAK_HOUR) / 24)) * (
        1 + WEEKEND_BOOST * is_weekend(middles)
    )
    busyness = np.concatenate([[0.0], np.cumsum(rate)])
    first, end = round(start * SPAN_SECONDS), round(stop * SPAN_SECONDS)
    low, high = np.interp([first, end], edges, busyness).tolist()
    shares = np.sort(rng.uniform(low, high, size=n))
    seconds = np.interp(shares, busyness, edges).astype(np.int64)
    # Interpolating there and back may be off by a rounding error, just past an end.
    return FIRST_SECOND + np.clip(seconds, first, end - 1)
