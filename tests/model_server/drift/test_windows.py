"""Windows of live rows: whole ones only, quiet without drift, and each drift told by its column."""

from itertools import pairwise

import drawn_rows
import numpy as np
import pytest
from drawn_rows import drawn, taken
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from model_server.drift.counting import COMPARED
from model_server.drift.windows import ALPHA, MIN_PSI, Monitor

HISTORY = {"startCount", "viewCount", "clickCount", "installCount", "lastStart", "startCount1d", "startCount7d"}
"""Columns that have nothing to do with where and on what an ad is shown, in this population."""


def in_batches(batch, sizes):
    """The rows, cut at the sums of `sizes`; the rest last."""
    n_rows = len(batch[1])
    cuts = [0, *(cut for cut in np.cumsum(sizes).tolist() if cut < n_rows), n_rows]
    return [taken(batch, slice(first, until)) for first, until in pairwise(cuts)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([1, 2, 7, 99, 100, 101, 600, 1_500]), max_size=40))
def test_windows_are_the_same_however_rows_are_batched(reference, live, sizes):
    rows = taken(live, slice(0, 2_500))
    whole = Monitor(reference, (300, 700)).add(*rows)
    monitor = Monitor(reference, (300, 700))
    told = [report for batch in in_batches(rows, sizes) for report in monitor.add(*batch)]
    assert told == whole
    assert [report.window for report in whole] == [300, 300, 700, 300, 300, 700, 300, 300, 300, 700, 300]


def test_a_report_comes_with_the_row_that_finishes_its_window_and_not_before(reference, live):
    monitor = Monitor(reference, (150, 300))
    told = [[r.window for r in monitor.add(*taken(live, slice(i, i + 1)))] for i in range(300)]
    assert [i for i, windows in enumerate(told) if windows] == [149, 299]
    assert (told[149], told[299]) == ([150], [150, 300])
    assert monitor.add(*taken(live, slice(0, 0))) == []


def test_a_window_forgets_the_one_before(reference, live):
    monitor = Monitor(reference, (1_000,))
    shifted = drawn_rows.device_missing(taken(live, slice(0, 1_000)))
    (odd,), (calm,) = monitor.add(*shifted), monitor.add(*taken(live, slice(1_000, 2_000)))
    assert odd.drifted == ("deviceType",)
    assert calm == Monitor(reference, (1_000,)).add(*taken(live, slice(1_000, 2_000)))[0]


def test_a_report_tells_of_every_column(reference, live):
    (report,) = Monitor(reference, (500,)).add(*taken(live, slice(0, 500)))
    assert (report.window, report.n_rows) == (500, 500)
    assert tuple(report.psi) == tuple(report.p_values) == COMPARED


def test_without_drift_few_windows_alarm(reference, live):
    """Fewer than what 200 independent windows exceed with a chance of 1e-6, if each alarms with ALPHA."""
    reports = Monitor(reference).add(*live)
    of_1_000, of_10_000 = ([r for r in reports if r.window == window] for window in (1_000, 10_000))
    assert (len(of_1_000), len(of_10_000)) == (200, 20)
    assert sum(bool(report.drifted) for report in of_1_000) <= stats.binom.ppf(1 - 1e-6, 200, ALPHA)
    assert sum(bool(report.drifted) for report in of_10_000) <= stats.binom.ppf(1 - 1e-6, 20, ALPHA)


@pytest.mark.parametrize("column", COMPARED)
def test_without_drift_the_p_values_of_a_column_are_those_of_chance(reference, live, column):
    """Corrected for one column only they are uniform, up to what counts allow: as many below 0.1 as there should be.

    Of 200 windows 20 are expected; the bounds are exceeded with a chance of 1e-6, and for 15 columns of 2e-5. A
    reference of 20,000 rows differs from the population itself, for all windows alike, by a twentieth of a window's
    own chance: within the bounds.
    """
    from model_server.drift.comparison import chi_squared
    from model_server.drift.counting import count

    bins = {column: reference.bins[column]}
    p_values = [
        chi_squared(reference.counts[column], count(bins, [batch])[column]).p_value
        for batch in in_batches(live, [1_000] * 199)
    ]
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], 200, 0.1)
    assert low <= sum(p < 0.1 for p in p_values) <= high


@pytest.mark.parametrize(
    ("shift", "column", "may_follow"),
    [
        (drawn_rows.country_gone, "country", set(COMPARED) - HISTORY),
        (drawn_rows.country_grown, "country", set()),
        (drawn_rows.version_renewed, "softwareVersion", set()),
        (drawn_rows.starts_scaled, "startCount", set()),
        (drawn_rows.device_missing, "deviceType", set()),
        (drawn_rows.last_start_missing, "lastStart", set()),
        (drawn_rows.scores_raised, "probability", set()),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_drift_is_told_by_its_column_within_two_windows_and_others_stay_quiet(reference, shift, column, may_follow):
    """Of 100 other windows with the least of these shifts one was missed: both, with a chance of 1e-4. A column without
    drift alarms with a chance of 1e-4 a window, as alpha says: in all cases together 1.4e-3.
    """
    rows = taken(shift(drawn(3_000, seed=len(column))), slice(0, 2_000))
    reports = Monitor(reference, (1_000,)).add(*rows)
    assert len(reports) == 2
    assert any(column in report.drifted for report in reports)
    for report in Monitor(reference, (1_000,), alpha=1e-4).add(*rows):
        assert set(report.drifted) - {column} <= may_follow


def test_a_difference_that_is_certain_and_small_is_no_alarm(reference):
    """One last start in fifty gone: 0.007 of the index, and a corrected p value of 1e-4 or less."""
    impressions, probabilities = drawn(10_000, seed=9)
    impressions.last_start[::50] = np.iinfo(np.int64).min
    (report,) = Monitor(reference, (10_000,)).add(impressions, probabilities)
    assert report.p_values["lastStart"] < ALPHA
    assert report.psi["lastStart"] < MIN_PSI
    assert report.drifted == ()


@pytest.mark.parametrize(("windows", "alpha"), [((), 0.01), ((0,), 0.01), ((5, -1), 0.01), ((5,), 0), ((5,), 1)])
def test_windows_without_rows_and_alphas_that_are_none_are_refused(reference, windows, alpha):
    with pytest.raises(ValueError, match="at least 1 row, and 0 < alpha < 1"):
        Monitor(reference, windows, alpha)
