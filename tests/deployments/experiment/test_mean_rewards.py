"""Confidence sequences of mean rewards: what holds at all moments at once, and what they see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.experiment.mean_rewards import Comparison, Rewards, difference

counts = st.tuples(st.integers(40, 10**6), st.floats(0.01, 0.99)).map(lambda each: Rewards(each[0], each[0] * each[1]))


def alarms(p_arm, p_baseline, n_runs, n_rewards, seed):
    """In how many runs the two are told apart at any of 200 looks; and of those, in how many as they are."""
    rng = np.random.default_rng(seed)
    looks = np.unique(np.geomspace(50, n_rewards, 200).astype(int))
    n_alarms = n_right = 0
    for _ in range(n_runs):
        totals = [np.cumsum(rng.random(n_rewards) < p) for p in (p_arm, p_baseline)]
        for n in looks:
            arm, baseline = (Rewards(n, total[n - 1]) for total in totals)
            told = difference(arm, baseline).comparison
            if told in {Comparison.BETTER, Comparison.WORSE}:
                n_alarms += 1
                n_right += told is (Comparison.BETTER if p_arm > p_baseline else Comparison.WORSE)
                break
    return n_alarms, n_right


def test_arms_that_are_alike_are_told_apart_no_more_often_than_alpha_however_often_one_looks():
    """At alpha 0.05 in 400 runs of 200 looks each, 42 alarms would be 5 standard deviations above 20."""
    n_alarms, _ = alarms(0.04, 0.04, 400, 20_000, seed=1)
    assert n_alarms <= 42


def test_a_real_difference_is_seen_and_its_sign_is_right():
    """0.06 against 0.04 over 20,000 rewards of each is 9 standard errors; the sequence needs 4 to 5."""
    n_alarms, n_right = alarms(0.06, 0.04, 50, 20_000, seed=2)
    assert n_alarms == n_right == 50


@given(counts, counts)
def test_turned_around_the_difference_is_the_other_way(a, b):
    one, other = difference(a, b), difference(b, a)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.low <= a.mean - b.mean <= one.high or one.comparison is Comparison.TOO_EARLY


@given(counts)
def test_more_of_the_same_tells_more(rewards):
    more = Rewards(rewards.count * 10, rewards.total * 10)
    if rewards.are_enough:
        one, ten = difference(rewards, rewards), difference(more, more)
        assert ten.high - ten.low < one.high - one.low


@pytest.mark.parametrize(("count", "total"), [(0, 0), (1_000, 19), (30, 30), (39, 20)])
def test_too_few_of_a_kind_say_nothing(count, total):
    assert difference(Rewards(count, total), Rewards(10**6, 5 * 10**5)).comparison is Comparison.TOO_EARLY
