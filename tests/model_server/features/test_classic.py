"""The champion's features, held against the one request that the first model's author published."""

import calendar
import math
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from model_server.features import ClassicFeatures
from model_server.features.calendar import PARTS, parts
from model_server.impressions import NAMES, from_records

PUBLISHED_RECORD = {
    "id": 2977193,
    "timestamp": "2019-01-21T09:00:14Z",
    "lastStart": "2019-01-21T08:59:34Z",
    "startCount": 32,
    "viewCount": 9,
    "clickCount": 5,
    "installCount": 5,
    "startCount1d": 32,
    "startCount7d": 32,
}
PUBLISHED_FEATURES = (
    [2977193, 32, 9, 5, 5, 32, 32]
    + [2019, 1, 4, 21, 0, 21, 0, 0, 0, 0, 0, 0, 9, 0, 14, 1548061214]
    + [2019, 1, 4, 21, 0, 21, 0, 0, 0, 0, 0, 0, 8, 59, 34, 1548061174]
    + [40]
    + [1, 19, 2, 29, 42, 3, 3776]
    + [0.15625, 0.28125, 0.15625] * 3
)
CODES = range(40, 47)  # depend on the training data, so the published ones cannot come out


def record(**cells):
    return dict.fromkeys(NAMES) | PUBLISHED_RECORD | cells


def features_of(*records):
    impressions = from_records(list(records))
    return ClassicFeatures.fit(impressions, np.zeros(len(records), dtype=np.int8))


def test_the_published_request_comes_out_exactly():
    _, matrix = features_of(record())
    assert matrix.shape == (1, 56)
    exact = [column for column in range(56) if column not in CODES]
    assert len(exact) == 49
    assert matrix[0, exact].tolist() == [PUBLISHED_FEATURES[column] for column in exact]


def test_codes_are_places_in_the_sorted_vocabulary_and_zero_is_missing_or_unknown():
    features, matrix = features_of(record(country="DE"), record(country="AT"), record(country=None))
    column = features.names.index("countryCode")
    assert matrix[:, column].tolist() == [2, 1, 0]
    served = features.transform(from_records([record(country="AT"), record(country="FR"), record(country="")]))
    assert served[:, column].tolist() == [1, 0, 0]


def test_unknown_text_is_counted_and_missing_is_not():
    features, _ = features_of(record(country="DE", platform="ios"))
    served = from_records([record(country="FR", platform="ios"), record(country="", platform=None), record()])
    assert {name: rows.tolist() for name, rows in features.unknown_rows(served).items()} == {"country": [0, 1]}


def test_without_a_last_start_its_parts_and_the_seconds_since_are_missing():
    features, matrix = features_of(record(lastStart=None))
    missing = [name for name, value in zip(features.names, matrix[0], strict=True) if math.isnan(value)]
    assert missing == [f"lastStart{part}" for part in PARTS] + ["secondsSinceLastStart"]


def test_a_ratio_over_zero_is_missing():
    features, matrix = features_of(record(startCount1d=0))
    values = dict(zip(features.names, matrix[0], strict=True))
    assert math.isnan(values["clickCount/startCount1d"])
    assert values["clickCount/startCount7d"] == 5 / 32


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)), min_size=1, max_size=40))
@example([datetime(2020, 2, 29), datetime(2021, 1, 3), datetime(2018, 12, 31), datetime(2000, 12, 31)])
@example([datetime(2019, 3, 31) + timedelta(hours=i) for i in range(60)])
def test_the_parts_of_times_agree_with_pythons_calendar(moments):
    seconds = np.array([int(moment.replace(tzinfo=UTC, microsecond=0).timestamp()) for moment in moments])
    for moment, found in zip(moments, parts(seconds).tolist(), strict=True):
        last_day = calendar.monthrange(moment.year, moment.month)[1]
        is_end, is_start = moment.day == last_day, moment.day == 1
        assert dict(zip(PARTS, found, strict=True)) == {
            "Year": moment.year,
            "Month": moment.month,
            "Week": moment.isocalendar().week,
            "Day": moment.day,
            "Dayofweek": moment.weekday(),
            "Dayofyear": moment.timetuple().tm_yday,
            "Is_month_end": is_end,
            "Is_month_start": is_start,
            "Is_quarter_end": is_end and moment.month in {3, 6, 9, 12},
            "Is_quarter_start": is_start and moment.month in {1, 4, 7, 10},
            "Is_year_end": is_end and moment.month == 12,
            "Is_year_start": is_start and moment.month == 1,
            "Hour": moment.hour,
            "Minute": moment.minute,
            "Second": moment.second,
            "Elapsed": int(moment.replace(tzinfo=UTC, microsecond=0).timestamp()),
        }
