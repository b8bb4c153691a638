"""The figures of a comparison, against those of scipy, and what they must be whatever the counts."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special, stats

from model_server.drift.comparison import (
    MIN_EXPECTED,
    chi_squared,
    chi_squared_survival,
    compare,
    holm,
    population_stability_index,
)


def counts_of(k, least=0, most=10_000):
    return st.lists(st.integers(least, most), min_size=k, max_size=k).map(np.array).filter(lambda counts: counts.any())


@st.composite
def two_samples(draw, least=0):
    k = draw(st.integers(1, 25))
    return draw(counts_of(k, least)), draw(counts_of(k, least))


@given(two_samples())
def test_the_stability_index_is_finite_from_0_and_says_the_same_from_either_side(samples):
    reference, window = samples
    psi = population_stability_index(reference, window)
    assert 0 <= psi < np.inf
    assert population_stability_index(window, reference) == pytest.approx(psi, abs=1e-12)


@given(two_samples(), st.integers(1, 50))
def test_the_stability_index_of_equal_shares_is_0(samples, times):
    reference, _ = samples
    assert population_stability_index(reference, reference * times) == pytest.approx(0, abs=1e-12)


def test_the_stability_index_is_that_of_the_textbook_and_an_empty_bin_counts_as_half_a_row():
    two_bins = population_stability_index(np.array([500, 500]), np.array([60, 40]))
    assert two_bins == pytest.approx(0.1 * np.log(1.2) - 0.1 * np.log(0.8))
    empty = population_stability_index(np.array([500, 500]), np.array([100, 0]))
    assert empty == pytest.approx(0.5 * np.log(2) + (0.005 - 0.5) * np.log(0.01))


@given(two_samples(least=10))
def test_the_test_is_scipys_where_no_bin_is_rare(samples):
    table = np.stack(samples)
    expected = stats.contingency.expected_freq(table)
    assume(expected.min() >= MIN_EXPECTED)
    assume(table.shape[1] > 1)
    found = chi_squared(*samples)
    theirs = stats.chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
    assert found.degrees_of_freedom == theirs.dof
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-300)


@given(two_samples())
def test_no_bin_of_the_test_is_rare_and_bins_that_are_empty_in_both_do_not_count(samples):
    reference, window = samples
    found = chi_squared(reference, window)
    n_filled = int(((reference + window) > 0).sum())
    assert 0 <= found.degrees_of_freedom < n_filled
    assert 0 <= found.p_value <= 1
    padded = chi_squared(np.append(reference, [0, 0]), np.append(window, [0, 0]))
    assert padded.statistic == pytest.approx(found.statistic)
    order = np.random.default_rng(n_filled).permutation(len(reference))
    shuffled = chi_squared(reference[order], window[order])
    assert shuffled.degrees_of_freedom == found.degrees_of_freedom


def test_rare_bins_are_one_and_take_the_rarest_of_the_others_where_they_are_still_rare():
    # A tenth of all rows is in the window: bins of less than 50 rows have less than 5 expected there.
    joined = chi_squared(np.array([450, 270, 90, 36, 54]), np.array([50, 30, 10, 4, 6]))
    assert joined.degrees_of_freedom == 3, "40 rows by themselves are rare, so the 60 join them"
    enough = chi_squared(np.array([450, 270, 90, 36, 36]), np.array([50, 30, 10, 4, 4]))
    by_hand = stats.chi2_contingency([[450, 270, 90, 72], [50, 30, 10, 8]], correction=False)
    assert (enough.degrees_of_freedom, enough.statistic) == (by_hand.dof, pytest.approx(by_hand.statistic, abs=1e-9))


@pytest.mark.parametrize(
    ("reference", "window"), [([100, 0], [10, 0]), ([20], [7]), ([3, 2], [2, 1])], ids=["one bin", "one", "all rare"]
)
def test_where_there_is_nothing_to_tell_apart_p_is_1(reference, window):
    assert chi_squared(np.array(reference), np.array(window)).p_value == 1


@given(st.integers(1, 60), st.floats(0, 1_400))
def test_the_survival_function_is_scipys(degrees_of_freedom, statistic):
    theirs = special.chdtrc(degrees_of_freedom, statistic)
    assert chi_squared_survival(statistic, degrees_of_freedom) == pytest.approx(theirs, rel=1e-11)


def test_the_survival_function_of_what_no_chance_explains_is_next_to_0():
    """Beyond what float64 holds of e^-x it loses digits, and then all."""
    assert chi_squared_survival(3_000, 25) <= chi_squared_survival(1_500, 25) < 1e-280


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=15), st.floats(0.001, 0.5))
def test_correction_rejects_what_holms_procedure_rejects_in_its_own_words(p_values, alpha):
    corrected = holm(p_values)
    assert list(corrected) == list(p_values)
    rejected = set()
    for n_left, name in zip(range(len(p_values), 0, -1), sorted(p_values, key=p_values.__getitem__), strict=True):
        if n_left * p_values[name] >= alpha:
            break
        rejected.add(name)
    assert {name for name, p in corrected.items() if p < alpha} == rejected


def test_a_sample_without_rows_is_refused():
    with pytest.raises(ValueError, match="without rows"):
        compare({"country": np.array([1, 2])}, {"country": np.array([0, 0])})
