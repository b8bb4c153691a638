"""Counting: every row once in each column, however rows are batched and encoded."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_rows import taken, with_levels_in_another_order
from hypothesis import given
from hypothesis import strategies as st

from model_server.drift.bins import CategoryBins, NumberBins
from model_server.drift.counting import COMPARED, count
from model_server.impressions import MISSING_TIME, Categories

N_ROWS = 400


def same(one, other):
    return list(one) == list(other) and all((one[column] == other[column]).all() for column in one)


@pytest.fixture(scope="module")
def some(live):
    return taken(live, slice(0, N_ROWS))


def test_all_columns_but_id_and_timestamp_are_compared_and_the_scores(reference):
    assert COMPARED == (
        "campaignId",
        "platform",
        "softwareVersion",
        "sourceGameId",
        "country",
        "startCount",
        "viewCount",
        "clickCount",
        "installCount",
        "lastStart",
        "startCount1d",
        "startCount7d",
        "connectionType",
        "deviceType",
        "probability",
    )
    assert tuple(reference.bins) == tuple(reference.counts) == COMPARED


@given(cuts=st.lists(st.integers(1, N_ROWS - 1), unique=True, max_size=30), seed=st.integers(0, 2**32))
def test_counts_are_those_of_one_batch_in_one_order_of_rows_and_levels(reference, some, cuts, seed):
    whole = count(reference.bins, [some])
    order = np.random.default_rng(seed).permutation(N_ROWS)
    batches = [taken(some, rows) for rows in np.split(order, sorted(cuts))]
    batches = [(with_levels_in_another_order(x, seed + i), p) for i, (x, p) in enumerate(batches)]
    together = count(reference.bins, batches)
    assert same(together, whole)
    one_by_one = [count(reference.bins, [batch]) for batch in batches]
    assert same({column: sum(each[column] for each in one_by_one) for column in whole}, whole)
    assert {int(counts.sum()) for counts in together.values()} == {N_ROWS}


def test_the_bin_of_a_text_is_its_own_the_one_of_others_or_the_one_of_missing(some):
    impressions, probabilities = taken(some, slice(0, 6))
    country = Categories.from_values(["FI", None, "SE", "FI", "XX", "FI"])
    bins = {"country": CategoryBins(("SE", "FI"))}
    found = count(bins, [(replace(impressions, country=country), probabilities)])
    assert found["country"].tolist() == [1, 3, 1, 1]


def test_a_last_start_counts_by_its_age_in_hours(some):
    impressions, probabilities = taken(some, slice(0, 4))
    now = impressions.timestamp
    last = np.array([now[0] - 3600, now[1] - 3599, MISSING_TIME, now[3] + 5])
    bins = {"lastStart": NumberBins((0.0, 1.0))}
    found = count(bins, [(replace(impressions, last_start=last), probabilities)])
    assert found["lastStart"].tolist() == [1, 1, 1, 1], "after now, within the hour, before, missing"


@given(st.lists(st.one_of(st.just(np.nan), st.integers(0, 30).map(float)), max_size=200))
def test_bins_of_numbers_are_a_value_each_or_hold_no_more_than_a_tenth_unless_one_value_does(values):
    values = np.array(values)
    bins = NumberBins.fit(values)
    counts = np.bincount(bins.numbers(values), minlength=bins.n_bins)
    assert counts[-1] == np.isnan(values).sum()
    distinct, of_value = np.unique(values[~np.isnan(values)], return_counts=True)
    if len(distinct) <= 10:
        assert counts[:-1].tolist() == (of_value.tolist() or [0])
    else:
        assert (counts[:-1] > 0).all()
        assert len(counts) <= 11
        assert counts[:-1].max() <= np.ceil(of_value.sum() / 10) + of_value.max()


def test_bins_of_a_category_are_its_most_frequent_levels_and_those_that_never_occur_have_none():
    texts = [f"{n:02}" for n in range(30) for _ in range(n)]
    bins = CategoryBins.fit(Categories.from_values([None, *texts]))
    assert bins.levels == tuple(f"{n:02}" for n in range(29, 9, -1))
    assert CategoryBins.fit(Categories(np.array([1, -1], dtype=np.int32), ("a", "b"))).levels == ("b",)
    assert CategoryBins.fit(Categories.from_values(["b", "a"])).levels == ("a", "b"), "equally many: by name"
