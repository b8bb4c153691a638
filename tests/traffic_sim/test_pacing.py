"""Schedules: what every pacer promises, and what each adds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_sim.pacing import PACERS, InvalidPace, constant, poisson

rates = st.floats(0.5, 5_000)
durations = st.floats(0.1, 20)


@pytest.mark.parametrize("name", PACERS)
class TestEveryPacer:
    @given(rate=rates, duration=durations, seed=st.integers(0, 2**32))
    def test_plans_ascending_times_within_the_run(self, name, rate, duration, seed):
        offsets = PACERS[name](rate, duration, np.random.default_rng(seed))
        assert offsets.dtype == np.float64
        assert offsets.ndim == 1
        assert (np.diff(offsets) >= 0).all()
        assert ((offsets >= 0) & (offsets < duration)).all()

    @given(rate=rates, duration=durations, seed=st.integers(0, 2**32))
    def test_plans_the_same_for_the_same_seed(self, name, rate, duration, seed):
        first, second = (PACERS[name](rate, duration, np.random.default_rng(seed)) for _ in range(2))
        assert first.tobytes() == second.tobytes()

    def test_offers_the_rate_in_every_part_of_the_run(self, name):
        # Poisson counts of mean 10,000 lie within 6 standard deviations (600); false alarm 2e-9 for each of 10 windows.
        offsets = PACERS[name](1_000, 100, np.random.default_rng(7))
        counts, _ = np.histogram(offsets, bins=10, range=(0, 100))
        assert (abs(counts - 10_000) < 600).all()

    @pytest.mark.parametrize(("rate", "duration"), [(0, 1), (-1, 1), (float("nan"), 1), (1, float("inf")), (1, 0)])
    def test_refuses_a_rate_or_duration_that_is_no_positive_number(self, name, rate, duration):
        with pytest.raises(InvalidPace, match="above 0"):
            PACERS[name](rate, duration, np.random.default_rng(0))


@given(rate=rates, duration=durations)
def test_constant_arrivals_keep_one_distance_and_fill_the_run(rate, duration):
    offsets = constant(rate, duration, np.random.default_rng(0))
    assert offsets[0] == 0
    assert np.allclose(offsets, np.arange(len(offsets)) / rate)
    assert duration - offsets[-1] <= 1 / rate * (1 + 1e-9)


def test_poisson_gaps_are_exponential():
    # Kolmogorov-Smirnov against Exp(rate): D * sqrt(n) > 3 has a chance of 2 exp(-18) = 3e-8.
    gaps = np.sort(np.diff(poisson(500, 60, np.random.default_rng(3))))
    expected = 1 - np.exp(-500 * gaps)
    steps = np.arange(len(gaps) + 1) / len(gaps)
    distance = max((expected - steps[:-1]).max(), (steps[1:] - expected).max())
    assert distance * np.sqrt(len(gaps)) < 3


def test_poisson_counts_differ_from_seed_to_seed():
    counts = {len(poisson(1_000, 1, np.random.default_rng(seed))) for seed in range(10)}
    assert len(counts) > 5
