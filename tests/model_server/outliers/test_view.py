"""The view: finite for every legal impression, each row by itself, and each column rare where something of its is."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.impressions import NAMES, from_table, to_rows
from model_server.impressions.contract import MAX_COUNT, MAX_IDENTIFIER
from model_server.outliers import view
from model_server.outliers.view import View

counts = st.one_of(st.integers(0, 20), st.just(MAX_COUNT))
times = st.sampled_from(
    ["2000-01-01T00:00:00Z", "2018-12-20T10:00:00Z", "2019-01-20T23:59:59Z", "2099-12-31T23:59:59Z"]
)
texts = st.one_of(
    st.none(), st.sampled_from(["", "ios", "android", "12.1", "9", "iPhone8,1", "US"]), st.text(max_size=6)
)
legal = {
    "id": st.integers(0, MAX_IDENTIFIER),
    "timestamp": times,
    "lastStart": st.one_of(st.none(), times),
    **{name: counts for name in NAMES if name.endswith(("Count", "1d", "7d"))},
}
impressions = st.lists(st.tuples(*(legal.get(name, texts) for name in NAMES)).map(list), min_size=1, max_size=8)


@settings(deadline=None, max_examples=200)
@given(impressions)
def test_every_legal_impression_has_finite_columns_that_float32_holds(bundle, rows):
    columns = bundle.view.transform(from_table(rows, NAMES))
    assert columns.shape == (len(rows), len(view.NAMES))
    assert np.isfinite(columns).all()
    assert (columns >= 1).all()
    assert (columns == columns.astype(np.float32)).all()


@settings(deadline=None, max_examples=100)
@given(impressions)
def test_a_row_is_seen_alike_whatever_stands_beside_it(bundle, rows):
    together = bundle.view.transform(from_table(rows, NAMES))
    alone = [bundle.view.transform(from_table([row], NAMES))[0].tolist() for row in rows]
    assert together.tolist() == alone


@settings(deadline=None, max_examples=25)
@given(impressions, impressions)
def test_a_view_can_be_learnt_from_anything_legal_and_survives_being_written(rows, asked):
    fitted, own = View.fit(from_table(rows, NAMES))
    assert np.isfinite(own).all()
    read = View.from_json(json.loads(json.dumps(fitted.to_json())))
    assert (read.transform(from_table(asked, NAMES)) == fitted.transform(from_table(asked, NAMES))).all()


def test_the_columns_of_training_rows_are_as_rare_as_they_say(labelled):
    _, columns = View.fit(labelled[0])
    n = len(columns)
    for name, values in zip(view.NAMES, columns.T, strict=True):
        for rarity in (2.0, 4.0, 8.0, 16.0):
            assert (values >= rarity).sum() <= n / rarity**2
            if name in {"funnel", "time"}:  # elsewhere many rows are equally odd
                assert (values >= rarity).sum() >= n / rarity**2 / 4


@pytest.fixture(scope="module")
def row(bundle, labelled):
    """A user with a history, in the middle of everything."""
    x = labelled[0]
    is_user = (x.start_count > 20) & (x.start_count_1d > 0) & (x.view_count > 9)
    chosen = np.flatnonzero(is_user & (bundle.view.transform(x) < 3).all(axis=1))
    return dict(zip(NAMES, to_rows(x.take(chosen[:1]))[0], strict=True))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("funnel", lambda row: {"viewCount": row["startCount"] + 1}),
        ("funnel", lambda row: {"clickCount": row["viewCount"] + 1}),
        ("funnel", lambda row: {"installCount": row["clickCount"] + 1}),
        ("funnel", lambda _: {"startCount": MAX_COUNT}),
        ("recency", lambda row: {"startCount1d": row["startCount7d"] + 1}),
        ("recency", lambda row: {"startCount7d": row["startCount"] + 1}),
        ("recency", lambda _: {"startCount1d": 0}),
        ("recency", lambda _: {"lastStart": None}),
        ("time", lambda _: {"lastStart": "2010-01-01T00:00:00Z"}),
        ("time", lambda _: {"lastStart": "2030-01-01T00:00:00Z"}),
        ("time", lambda _: {"timestamp": "2030-01-01T00:00:00Z", "lastStart": "2029-12-31T23:59:00Z"}),
        ("time", lambda _: {"timestamp": "2003-01-01T00:00:00Z", "lastStart": "2002-12-31T23:59:00Z"}),
        ("device", lambda row: {"platform": {"ios": "android", "android": "ios"}[row["platform"]]}),
        ("device", lambda row: {"softwareVersion": {"ios": "8.1.0", "android": "11.4.1"}[row["platform"]]}),
        ("device", lambda _: {"deviceType": "vbox86p"}),
        ("place", lambda _: {"country": "XX"}),
        ("place", lambda _: {"platform": None}),
    ],
)
def test_what_is_odd_about_a_row_shows_in_its_column(bundle, row, column, change):
    place = view.NAMES.index(column)
    before, after = bundle.view.transform(
        from_table([[each[name] for name in NAMES] for each in (row, row | change(row))], NAMES)
    )
    assert before[place] < 3
    assert after[place] >= 10


def test_what_is_new_every_week_is_not_odd_for_it(bundle, row):
    new = row | {"campaignId": "new", "sourceGameId": "new"}
    new |= {"softwareVersion": row["softwareVersion"] + ".99", "deviceType": row["deviceType"] + "99"}
    before, after = bundle.view.transform(from_table([[each[name] for name in NAMES] for each in (row, new)], NAMES))
    assert (after <= np.maximum(before, 2)).all()


def test_a_text_never_seen_is_as_odd_as_training_rows_with_a_text_of_their_own(labelled):
    """Where one row in ten has one, the next that has is nothing special."""
    x = labelled[0].take(slice(0, 3000))
    rows = to_rows(x)
    for i, row in enumerate(rows):
        row[NAMES.index("country")] = f"own {i}" if i % 10 == 0 else "US"
    fitted, own = View.fit(from_table(rows, NAMES))
    rows[1][NAMES.index("country")] = "own too"
    place = view.NAMES.index("place")
    [found] = fitted.transform(from_table(rows[1:2], NAMES))[:, place].tolist()
    assert found <= np.sqrt(10) * 1.1
    assert found == np.median(own[::10, place])
