"""Histograms as a server tells them, before a load and after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from rig import metrics


def told(observations, by="model"):
    registry = CollectorRegistry()
    histogram = Histogram("calls", "Of whatever.", ("model_name",), registry=registry, buckets=(1, 2, 3, 5))
    for value in observations:
        histogram.labels(by).observe(value)
    return generate_latest(registry).decode()


def test_only_what_was_observed_in_between_counts():
    before, after = told([1, 1, 4]), told([1, 1, 4, 1, 2, 4, 9])
    assert metrics.shares(before, after, "calls") == {"1": 0.25, "2": 0.25, "4-5": 0.25, ">5": 0.25}
    assert metrics.mean(before, after, "calls") == 4.0


def test_a_server_that_had_told_nothing_yet_is_compared_with_nothing():
    assert metrics.shares("", told([3]), "calls") == {"3": 1.0}
    assert metrics.mean("", told([3, 5]), "calls") == 4.0


def test_nothing_observed_has_no_shares():
    assert metrics.shares(told([2]), told([2]), "calls") == {}


@given(st.lists(st.integers(1, 12)), st.lists(st.integers(1, 12), min_size=1))
def test_shares_sum_to_one_and_the_mean_is_theirs(earlier, since):
    before, after = told(earlier), told(earlier + since)
    assert sum(metrics.shares(before, after, "calls").values()) == pytest.approx(1)
    assert metrics.mean(before, after, "calls") == pytest.approx(sum(since) / len(since))
