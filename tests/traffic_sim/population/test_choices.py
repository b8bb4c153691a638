import numpy as np
import pytest

from traffic_sim.population.choices import Choices, distinct, zipf_weights


def test_an_option_is_drawn_as_often_as_its_weight_says_in_its_own_group():
    weights = np.array([[1.0, 3.0, 0.0, 6.0], [5.0, 0.0, 5.0, 0.0]])
    n = 100_000
    for group in (0, 1):
        drawn = Choices(weights).draw(np.full(n, group), np.random.default_rng(11))
        shares = weights[group] / weights[group].sum()
        # 5 standard deviations each: under 1 in 10^6 for a normal count, over all 8 comparisons 5 in 10^6.
        tolerance = 5 * np.sqrt(n * shares * (1 - shares)) + 1e-9
        assert (np.abs(np.bincount(drawn, minlength=4) - n * shares) <= tolerance).all()


def test_an_option_of_no_weight_is_never_drawn_wherever_it_stands():
    weights = np.array([[0.0, 1.0, 0.0, 1.0, 0.0]] * 50)
    drawn = Choices(weights).draw(np.arange(50).repeat(2000), np.random.default_rng(12))
    assert set(drawn.tolist()) == {1, 3}


@pytest.mark.parametrize("weights", [[1.0, 2.0], [[1.0, -1.0]], [[0.0, 0.0]]])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        Choices(np.array(weights))


def test_distinct_options_differ_within_a_row_and_the_heavier_come_first_more_often():
    weights = np.array([[4.0, 3.0, 2.0, 1.0, 0.0]])
    n = 50_000
    drawn = distinct(weights, np.zeros(n, dtype=int), 3, np.random.default_rng(13))
    assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()
    assert drawn.max() < 4
    first = np.bincount(drawn[:, 0], minlength=5) / n
    # The first to be drawn follows the weights; 5 standard deviations, as above.
    assert np.abs(first - weights[0] / 10).max() < 5 * np.sqrt(0.25 / n)


def test_zipf_weights_fall_with_the_rank_and_sum_to_one():
    weights = zipf_weights(3, 1.0)
    np.testing.assert_allclose(weights, np.array([6, 3, 2]) / 11)
