"""The parts of a time that calendars know, a whole column at a time. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_server.impressions.times import SECONDS_PER_DAY, civil_from_days, is_leap

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

_DAYS_IN_MONTH: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_MONDAY_OFFSET: Final = 3  # 1970-01-01 was a Thursday


def parts(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The PARTS of each time, [len(PARTS), n]."""
    days, second_of_day = np.divmod(seconds, SECONDS_PER_DAY)
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, -1)
    many_on_few_days = last - first < len(days)  # then each day is looked up once
    of_day = _day_parts(np.arange(first, last + 1))[:, days - first] if many_on_few_days else _day_parts(days)
    minute_of_day, second = np.divmod(second_of_day, 60)
    hour, minute = np.divmod(minute_of_day, 60)
    return np.concatenate([of_day, [hour, minute, second, seconds]])


def day_of_week(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday, of days since 1970-01-01."""
    return (days + _MONDAY_OFFSET) % 7


def _day_parts(days: NDArray[np.int64]) -> NDArray[np.int64]:
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
    table = np.empty((len(of_day), len(days)), dtype=np.int64)
    for row, values in enumerate(of_day):
        table[row] = values
    return table


def _new_year(year: NDArray[np.int64]) -> NDArray[np.int64]:
    """Days since 1970-01-01 of each year's first day."""
    before = year - 1
    days: NDArray[np.int64] = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    return days
