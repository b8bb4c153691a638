"""The same test by another implementation: alibi-detect's TabularDrift."""

import logging
import warnings

import drawn_rows
import numpy as np
import pytest
from drawn_rows import drawn
from scipy import stats

from model_server.drift.comparison import MIN_EXPECTED, chi_squared
from model_server.drift.counting import COMPARED, count, is_category, numbers_of
from model_server.drift.windows import Monitor

NUMERIC = [column for column in COMPARED if not is_category(column)]
N_WINDOW = 10_000


@pytest.fixture(scope="module")
def tabular_drift():
    """The class; its import takes seconds and tells of frameworks that it does without."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            from alibi_detect.cd import TabularDrift
    finally:
        logging.disable(logging.NOTSET)
    return TabularDrift


@pytest.fixture(scope="module")
def window():
    return drawn(N_WINDOW, seed=5)


def as_codes(counts):
    """Rows of bin numbers, as many as were counted. Shapes: [n_rows, n_columns]."""
    return np.column_stack([np.repeat(np.arange(len(of_bin)), of_bin) for of_bin in counts.values()])


def test_statistic_and_p_value_are_alibi_detects_where_no_bin_is_rare(tabular_drift, reference, window):
    """It gives float32: 1e-7 of the number. To 1e-9 they are those of scipy, which it calls (test_comparison.py)."""
    counts = count(reference.bins, [window])
    whole = {}
    for column in COMPARED:
        table = np.stack([reference.counts[column], counts[column]])
        table = table[:, table.any(axis=0)]
        # With one degree of freedom it applies Yates' correction, which we do not.
        if table.shape[1] > 2 and stats.contingency.expected_freq(table).min() >= MIN_EXPECTED:
            whole[column] = table
    assert len(whole) >= 10
    ours = [chi_squared(reference.counts[column], counts[column]) for column in whole]
    filled = [{column: table[side] for column, table in whole.items()} for side in (0, 1)]
    categories = {i: table.shape[1] for i, table in enumerate(whole.values())}
    detector = tabular_drift(as_codes(filled[0]), categories_per_feature=categories)
    theirs = detector.predict(as_codes(filled[1]), return_p_val=True)["data"]
    np.testing.assert_allclose(np.float32([each.statistic for each in ours]), theirs["distance"], rtol=2e-7)
    np.testing.assert_allclose(np.float32([each.p_value for each in ours]), theirs["p_val"], rtol=2e-7)


SHIFTED = {"startCount": drawn_rows.starts_scaled, "probability": drawn_rows.scores_raised}


@pytest.mark.parametrize("column", [None, *SHIFTED])
def test_its_kolmogorov_smirnov_test_of_the_numbers_themselves_decides_alike(
    tabular_drift, reference, training, window, column
):
    """Both at 0.001 for all columns, so that each decides wrongly in one of a thousand windows without drift."""
    shifted = SHIFTED[column](window) if column else window

    def numbers(batch):
        columns = np.column_stack([numbers_of(name, [batch]) for name in NUMERIC])
        return np.where(np.isnan(columns), -1.0, columns)

    detector = tabular_drift(numbers(training), p_val=0.001, categories_per_feature={})
    theirs = detector.predict(numbers(shifted), drift_type="feature")["data"]["p_val"] < 0.001 / len(NUMERIC)
    (report,) = Monitor(reference, (N_WINDOW,), alpha=0.001).add(*shifted)
    expected = [] if column is None else [column]
    assert [name for name, is_drifted in zip(NUMERIC, theirs, strict=True) if is_drifted] == expected
    assert [name for name in report.drifted if name in NUMERIC] == expected
