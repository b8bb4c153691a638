"""Times as text and as seconds, a whole column at a time. Pure.

Formulas for civil dates: the proleptic Gregorian calendar with eras of 400 years, years that begin in March.
Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

SECONDS_PER_DAY: Final = 86_400
_CANONICAL: Final = "0000-00-00T00:00:00Z"
_DIGITS: Final = [i for i, character in enumerate(_CANONICAL) if character == "0"]
_MARKS: Final = [i for i, character in enumerate(_CANONICAL) if character != "0"]
_DAYS_IN_MONTH: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
MIN_YEAR, MAX_YEAR = 2000, 2099
ACCEPTED: Final = "an ISO 8601 time in UTC such as 2019-01-21T09:00:14Z, from 2000 to 2099"


def is_leap(year: NDArray[np.int64]) -> NDArray[np.bool_]:
    leap: NDArray[np.bool_] = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return leap


def days_from_civil(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Days since 1970-01-01 of valid dates."""
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days: NDArray[np.int64] = (
        era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468
    )
    return days


def civil_from_days(
    days: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Year, month (1-12) and day (1-31) of days since 1970-01-01."""
    shifted = days + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + np.where(shifted_month < 10, 3, -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted_month + 2) // 5 + 1


def parse_times(texts: list[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Seconds since 1970 UTC of each text, and which of them are times at all (elsewhere the seconds mean nothing).

    The form `2019-01-21T09:00:14Z` is read for the whole column at once; other ISO 8601 forms in UTC (a space for the
    T, a fraction, `+00:00`, no zone) one by one. Fractions are cut off.
    """
    n = len(texts)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=n)
    characters = np.array(texts, dtype=f"<U{len(_CANONICAL)}").view(np.uint32).reshape(n, len(_CANONICAL))
    digits = characters[:, _DIGITS].astype(np.int64) - ord("0")
    canonical = (
        (lengths == len(_CANONICAL))
        & (characters[:, _MARKS] == [ord(_CANONICAL[i]) for i in _MARKS]).all(axis=1)
        & ((digits >= 0) & (digits <= 9)).all(axis=1)
    )
    seconds, valid = _seconds(digits)
    valid &= canonical
    for row in np.flatnonzero(~canonical):
        parsed = _parse_one(texts[row])
        if parsed is not None:
            seconds[row], valid[row] = parsed, True
    return seconds, valid


def _seconds(digits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Seconds and validity of the 14 digits (int64[n, 14]) of canonical times."""
    year = digits[:, :4] @ np.array([1000, 100, 10, 1])
    month, day, hour, minute, second = (digits[:, i] * 10 + digits[:, i + 1] for i in (4, 6, 8, 10, 12))
    month_is_valid = (month >= 1) & (month <= 12)
    days_in_month = _DAYS_IN_MONTH[np.where(month_is_valid, month, 0)] + ((month == 2) & is_leap(year))
    valid = (
        month_is_valid
        & (year >= MIN_YEAR)
        & (year <= MAX_YEAR)
        & (day >= 1)
        & (day <= days_in_month)
        & (hour <= 23)
        & (minute <= 59)
        & (second <= 59)
    )
    return days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second, valid


def _parse_one(text: str) -> int | None:
    if len(text) < len("0000-00-00T00:00") or not text.isprintable():  # a bare date is no moment
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.utcoffset() or not MIN_YEAR <= moment.year <= MAX_YEAR:
        return None
    return int(moment.replace(tzinfo=UTC, microsecond=0).timestamp())


def format_times(seconds: NDArray[np.int64]) -> list[str]:
    """The canonical text of each time; seconds must not hold MISSING_TIME."""
    return [f"{text}Z" for text in np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s").tolist()]
