"""Times as text and as seconds."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.impressions.times import civil_from_days, days_from_civil, format_times, parse_times

moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)


@given(st.lists(moments, min_size=1, max_size=30))
def test_a_column_of_times_reads_as_python_reads_each(column):
    texts = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in column]
    seconds, valid = parse_times(texts)
    assert valid.all()
    assert seconds.tolist() == [int(moment.timestamp()) for moment in column]
    assert format_times(seconds) == texts


@given(st.lists(st.dates(), min_size=1, max_size=30))
def test_civil_dates_agree_with_pythons(dates):
    days = np.array([date.toordinal() - 719_163 for date in dates])
    year, month, day = civil_from_days(days)
    assert list(zip(year.tolist(), month.tolist(), day.tolist(), strict=True)) == [
        (date.year, date.month, date.day) for date in dates
    ]
    assert days_from_civil(year, month, day).tolist() == days.tolist()


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2019-01-21 09:00:14", "2019-01-21T09:00:14Z"),
        ("2019-01-21T09:00:14", "2019-01-21T09:00:14Z"),
        ("2019-01-21T09:00:14.987Z", "2019-01-21T09:00:14Z"),
        ("2019-01-21T09:00:14+00:00", "2019-01-21T09:00:14Z"),
        ("2020-02-29T00:00:00Z", "2020-02-29T00:00:00Z"),
    ],
)
def test_other_forms_of_utc_are_read_too(text, same_as):
    seconds, valid = parse_times([text, same_as])
    assert valid.all()
    assert seconds[0] == seconds[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2019-02-29T00:00:00Z",
        "2019-02-30T00:00:00Z",
        "2019-13-01T00:00:00Z",
        "2019-00-01T00:00:00Z",
        "2019-04-31T00:00:00Z",
        "2019-01-21T24:00:00Z",
        "2019-01-21T09:60:14Z",
        "2019-01-21T09:00:60Z",
        "2019-01-21T09:00:14+02:00",
        "1999-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "2019-01-21",
        "1548061214",
        "2019-01-21T09:00:14Z\x00",
        "\uff12019-01-21T09:00:14Z",
        "yesterday",
        "2019-01-21x09:00:14",
        "2019-W04-1T09:00:14",
        "20190121T090014Z",
        "2019-01-21T09:00:14z",
    ],
)
def test_what_is_no_time_between_2000_and_2099_in_utc_is_refused(text):
    _, valid = parse_times(["2019-01-21T09:00:14Z", text])
    assert valid.tolist() == [True, False]
