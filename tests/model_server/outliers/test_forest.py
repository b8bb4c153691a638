"""The forest in serving is alibi-detect's: the same scores for the same rows, however they are batched."""

import numpy as np
import pytest

from model_server.outliers.forest import Forest
from model_server.training.isolation_forest import SCORE_TOLERANCE, checkpoint_of, fit_forest, infer_threshold


@pytest.fixture(scope="module")
def columns(bundle, labelled):
    return bundle.view.transform(labelled[0])


def test_scores_are_alibi_detects_on_ten_thousand_rows(columns):
    fitted = fit_forest(columns[:8000], seed=3, threads=1)
    scores = Forest.from_bytes(checkpoint_of(fitted)).scores(columns[-10_000:])
    theirs = fitted.score(columns[-10_000:])
    assert len(scores) == 10_000
    assert len(np.unique(theirs)) > 500
    np.testing.assert_allclose(scores, theirs, rtol=0, atol=SCORE_TOLERANCE)
    threshold = infer_threshold(fitted, columns[8000:], 0.01)
    assert ((scores > threshold) == (fitted.predict(columns[-10_000:])["data"]["is_outlier"] == 1)).all()


def test_the_same_seed_grows_the_same_forest_and_another_does_not(columns):
    one, again, other = (checkpoint_of(fit_forest(columns[:3000], seed=seed, threads=1)) for seed in (1, 1, 2))
    assert one == again != other


def test_a_row_scores_alike_in_every_batch(bundle, columns):
    expected = bundle.forest.scores(columns[:300])
    for n_rows in [*range(1, 40), 64, 127, 128, 129]:
        start = (n_rows * 7) % 170
        assert bundle.forest.scores(columns[start : start + n_rows]).tobytes() == expected[start:][:n_rows].tobytes()
