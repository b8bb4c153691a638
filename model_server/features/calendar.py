"""The parts of a time that calendars know, a whole column at a time. Pure."""

from __future__ import annotations

import functools
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_server.impressions.times import MAX_YEAR, MIN_YEAR, SECONDS_PER_DAY, civil_from_days, is_leap

PARTS: Final = (
    "Year",
    "Month",
    "Week",
    "Day",
    "Dayofweek",
    "Dayofyear",
    "Is_month_end",
    "Is_month_start",
    "Is_quarter_end",
    "Is_quarter_start",
    "Is_year_end",
    "Is_year_start",
    "Hour",
    "Minute",
    "Second",
    "Elapsed",
)
"""Week is ISO 8601's; Dayofweek counts from Monday = 0; Elapsed is the seconds since 1970."""

_N_DAY_PARTS: Final = PARTS.index("Hour")
_FIRST_DAY: Final = date(MIN_YEAR, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date(MAX_YEAR, 12, 31).toordinal() - date(1970, 1, 1).toordinal()
_DAYS_IN_MONTH: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_MONDAY_OFFSET: Final = 3  # 1970-01-01 was a Thursday


def parts(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The PARTS of each time, [n, len(PARTS)]. Times must lie in the years of the request contract, 2000 to 2099."""
    days, second_of_day = np.divmod(seconds, SECONDS_PER_DAY)
    table = np.empty((len(seconds), len(PARTS)), dtype=np.int64)
    table[:, :_N_DAY_PARTS] = _day_parts()[days - _FIRST_DAY]
    minute_of_day, table[:, _N_DAY_PARTS + 2] = np.divmod(second_of_day, 60)
    table[:, _N_DAY_PARTS], table[:, _N_DAY_PARTS + 1] = np.divmod(minute_of_day, 60)
    table[:, _N_DAY_PARTS + 3] = seconds
    return table


def day_of_week(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday, of days since 1970-01-01."""
    return (days + _MONDAY_OFFSET) % 7


@functools.cache
def _day_parts() -> NDArray[np.int64]:
    """The parts of every day of the hundred years: looked up, a request of ten rows costs a tenth of computing them."""
    days = np.arange(_FIRST_DAY, _LAST_DAY + 1)
    year, month, day = civil_from_days(days)
    weekday = day_of_week(days)
    day_of_year = days - _new_year(year)  # from 0
    n_days = 365 + is_leap(year)
    # An ISO week belongs to the year of its Thursday, which may lie in the year before or after.
    thursday = day_of_year + 3 - weekday
    thursday += (thursday < 0) * (365 + is_leap(year - 1)) - (thursday >= n_days) * n_days
    month_end = day == _DAYS_IN_MONTH[month] + ((month == 2) & (n_days == 366))
    month_start = day == 1
    of_day = (
        year,
        month,
        thursday // 7 + 1,
        day,
        weekday,
        day_of_year + 1,
        month_end,
        month_start,
        month_end & (month % 3 == 0),
        month_start & (month % 3 == 1),
        month_end & (month == 12),
        month_start & (month == 1),
    )
    return np.stack(of_day, axis=1)


def _new_year(year: NDArray[np.int64]) -> NDArray[np.int64]:
    """Days since 1970-01-01 of each year's first day."""
    before = year - 1
    days: NDArray[np.int64] = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    return days
