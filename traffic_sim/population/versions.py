"""Software versions, and how they take over from each other during the weeks. Pure.

Release dates are the real ones to the day where known (Apple and Android release notes); how fast users move is this
population's choice.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from traffic_sim.population.clock import DAYS, FIRST_DAY

_RELEASES: Final = (
    # version, platform (0 iOS, 1 Android), released, relative number of users it will have reached
    ("9.3.5", 0, "2016-08-25", 60.0),
    ("10.3.3", 0, "2017-07-19", 30.0),
    ("11.2.6", 0, "2018-02-19", 1.5),
    ("11.3.1", 0, "2018-04-24", 1.5),
    ("11.4", 0, "2018-05-29", 1.5),
    ("11.4.1", 0, "2018-07-09", 9.0),
    ("12.0", 0, "2018-09-17", 2.5),
    ("12.0.1", 0, "2018-10-08", 5.0),
    ("12.1", 0, "2018-10-30", 12.0),
    ("12.1.1", 0, "2018-12-05", 25.0),
    ("12.1.2", 0, "2018-12-17", 45.0),
    ("12.1.3", 0, "2019-01-22", 45.0),
    ("4.4.2", 1, "2013-12-09", 4.0),
    ("4.4.4", 1, "2014-06-19", 3.0),
    ("5.0", 1, "2014-11-12", 2.0),
    ("5.0.2", 1, "2014-12-19", 3.5),
    ("5.1", 1, "2015-03-09", 3.0),
    ("5.1.1", 1, "2015-04-21", 9.0),
    ("6.0", 1, "2015-10-05", 8.0),
    ("6.0.1", 1, "2015-12-07", 12.0),
    ("7.0", 1, "2016-08-22", 20.0),
    ("7.1", 1, "2016-10-04", 1.0),
    ("7.1.1", 1, "2016-12-05", 6.0),
    ("7.1.2", 1, "2017-04-04", 5.0),
    ("8.0.0", 1, "2017-08-21", 22.0),
    ("8.1.0", 1, "2017-12-05", 16.0),
    ("9", 1, "2018-08-06", 24.0),
)
_UPTAKE_DAYS: Final = (15.0, 180.0)
"""Days in which 63 % of a version's users come to it, by platform: Apple updates by itself, Android by its vendors."""
_HALF_LIFE_DAYS: Final = (75.0, 500.0)
"""Days in which half of a version's users leave it for a newer one, by platform."""

NAMES: Final = tuple(name for name, _, _, _ in _RELEASES)
PLATFORM: Final = np.array([platform for _, platform, _, _ in _RELEASES])
"""int64[n_versions]: 0 iOS, 1 Android."""
RELEASED_DAY: Final = np.array([released for _, _, released, _ in _RELEASES], dtype="datetime64[D]").astype(np.int64)
"""int64[n_versions]: days since 1970."""


def shares() -> NDArray[np.float64]:
    """Weight of each version on each day; 0 before its release and on the other platform.

    w(t) = reach (1 - exp(-a / uptake)) 2^(-a / half_life), with a = t - release, all in days.

    Shapes: float64[DAYS * 2, n_versions], row `day * 2 + platform`.
    """
    reach = np.array([reach for _, _, _, reach in _RELEASES])
    uptake, half_life = np.array(_UPTAKE_DAYS)[PLATFORM], np.array(_HALF_LIFE_DAYS)[PLATFORM]
    # The middle of the day, so that a version has users on the day of its release.
    age = np.maximum(FIRST_DAY + np.arange(DAYS)[:, None] + 0.5 - RELEASED_DAY, 0)
    weights = reach * (1 - np.exp(-age / uptake)) * 2 ** (-age / half_life)
    by_platform = np.stack([weights * (p == PLATFORM) for p in (0, 1)], axis=1)
    return np.asarray(by_platform.reshape(DAYS * 2, len(NAMES)))
