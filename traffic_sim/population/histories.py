"""What users did before: their funnel, and when they last saw an ad. Pure.

A user has a rate of viewing, of clicking on what they view, and of installing what they click on. The counts are draws
with those rates, so the funnel is consistent by construction and a short history says little about the rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from traffic_sim.population.clock import SECONDS_PER_DAY

NEWCOMER_SHARE: Final = 0.06
"""Share of impressions on users who never started an ad before."""
MEDIAN_STARTS: Final = 45.0
STARTS_LOG_SD: Final = 1.5
"""Ads started by the others: 1 + a log-normal, so that 1 user in 100 has started more than 1,400."""
MAX_STARTS: Final = 50_000

VIEW_LOGIT: Final = (0.6, 0.9)
CLICK_LOGIT: Final = (-1.9, 1.2)
INSTALL_LOGIT: Final = (-1.5, 1.2)
"""Mean and standard deviation over users of the log-odds of view | start, click | view, install | click."""

PAUSES: Final = ((0.45, 90.0, 1.0), (0.35, 4 * 3600.0, 1.1), (0.20, 4 * 86_400.0, 1.2))
"""Seconds since the last start: within a session, the same day, later. Share, median, standard deviation of the log."""
MIN_PAUSE_SECONDS: Final = 5
MAX_PAUSE_SECONDS: Final = 365 * SECONDS_PER_DAY
RECENT_LOGIT: Final = (-1.6, 1.3)
"""As above, for the share of earlier starts that fall into the last day, and of those before into the last 7."""


@dataclass(frozen=True, eq=False)
class Histories:
    """The past of n users at the moment of their impression.

    Shapes: int64[n] each. Units: counts in ads; pause_seconds since the last start, -1 for who never started one.
    """

    starts: NDArray[np.int64]
    views: NDArray[np.int64]
    clicks: NDArray[np.int64]
    installs: NDArray[np.int64]
    starts_1d: NDArray[np.int64]
    starts_7d: NDArray[np.int64]
    pause_seconds: NDArray[np.int64]


def draw_histories(n: int, rng: np.random.Generator) -> Histories:
    is_newcomer = rng.random(n) < NEWCOMER_SHARE
    starts = 1 + np.minimum(rng.lognormal(np.log(MEDIAN_STARTS), STARTS_LOG_SD, n), MAX_STARTS).astype(np.int64)
    starts[is_newcomer] = 0
    views = rng.binomial(starts, _rates(n, VIEW_LOGIT, rng))
    clicks = rng.binomial(views, _rates(n, CLICK_LOGIT, rng))
    installs = rng.binomial(clicks, _rates(n, INSTALL_LOGIT, rng))

    pause = _pauses(n, rng)
    was_here_today, was_here_this_week = pause <= SECONDS_PER_DAY, pause <= 7 * SECONDS_PER_DAY
    recent = _rates(n, RECENT_LOGIT, rng)
    # The last start is one of those within the window that it falls into; the others are drawn.
    last = np.minimum(starts, 1)
    starts_1d = np.where(was_here_today, last + rng.binomial(starts - last, recent), 0)
    earlier = np.where(was_here_today, starts - starts_1d, starts - last)
    starts_7d = np.where(
        was_here_this_week, np.where(was_here_today, starts_1d, last) + rng.binomial(earlier, recent), 0
    )
    return Histories(starts, views, clicks, installs, starts_1d, starts_7d, np.where(is_newcomer, -1, pause))


def _rates(n: int, logit: tuple[float, float], rng: np.random.Generator) -> NDArray[np.float64]:
    rates: NDArray[np.float64] = 1 / (1 + np.exp(-rng.normal(*logit, n)))
    return rates


def _pauses(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    shares, medians, sds = (np.array(column) for column in zip(*PAUSES, strict=True))
    kind = np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")
    seconds = medians[kind] * np.exp(sds[kind] * rng.standard_normal(n))
    return np.asarray(np.clip(seconds, MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS), dtype=np.int64)
