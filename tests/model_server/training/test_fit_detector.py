"""Fitting: in order of time, a threshold that keeps its promise, and shares with honest intervals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.outliers import detector_bundle
from model_server.training.detection import Share, detections
from model_server.training.fit_detector import TooFewRows, fit_detector
from model_server.training.split import in_order_of_time
from traffic_sim.outliers import KINDS, inject
from traffic_sim.population import Population


@pytest.fixture(scope="module")
def later():
    """20,000 impressions that the detector never saw, from the end of the population's time."""
    return Population(seed=1).sample(20_000, np.random.default_rng(12), start=6 / 7).impressions


def test_the_threshold_is_set_on_rows_between_those_that_fit_and_those_that_judge(labelled, bundle_of):
    bundle = bundle_of(labelled[0])
    split = in_order_of_time(labelled[0].timestamp)
    above = {part: bundle.scores(labelled[0].take(rows)) > bundle.threshold for part, rows in vars(split).items()}
    assert above["validation"].sum() <= 12, "at most 1 % of 1,200"
    assert above["held_out"].mean() == bundle.manifest["false_alarm_rate"]["held_out"]


@pytest.fixture
def bundle_of(tmp_path):
    def fitted(impressions, **how):
        folder = tmp_path / "fitted"
        fit_detector(impressions, folder=folder, data={}, seed=1, threads=1, **how)
        return detector_bundle.load(folder)

    return fitted


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_false_alarms_among_later_rows_are_about_as_many_as_stated(labelled, later, bundle_of, rate):
    bundle = bundle_of(labelled[0], false_alarm_rate=rate)
    found = (bundle.scores(later) > bundle.threshold).mean()
    # The threshold rests on 1,200 rows, of which rate * 1,200 lie above: four standard deviations of that, 6e-5.
    spread = 4 * math.sqrt(rate / 1200)
    assert rate - spread < found < rate + spread


def test_outliers_of_every_kind_are_found(detector, later):
    bundle = detector_bundle.load(detector)
    injected = inject(later, dict.fromkeys(KINDS, 0.1), np.random.default_rng(4))
    of_kinds, of_all, false_alarms = detections(
        bundle.scores(injected.impressions) > bundle.threshold, injected.kind, len(KINDS)
    )
    assert [detection.recall.total > 1_500 for detection in of_kinds] == [True] * 3
    for kind, detection in zip(KINDS, of_kinds, strict=True):
        assert detection.recall.low > 0.9, kind
    assert of_all.recall.n == sum(detection.recall.n for detection in of_kinds)
    assert false_alarms.total == (injected.kind < 0).sum()


def test_too_few_rows_for_a_threshold_are_refused_with_what_would_do(labelled, tmp_path):
    with pytest.raises(TooFewRows, match=r"1,200, of which 0\.001 are 1\.2; at least 10"):
        fit_detector(labelled[0], folder=tmp_path / "d", data={}, false_alarm_rate=0.001, seed=1, threads=1)
    assert list(tmp_path.iterdir()) == []


def test_the_interval_is_wilsons():
    share = Share(10, 100)
    assert (share.low, share.high) == pytest.approx((0.0552, 0.1744), abs=1e-4)  # Newcombe (1998) and every textbook
    assert (Share(0, 50).low, Share(50, 50).high) == (0.0, 1.0)
    assert Share(0, 50).high == pytest.approx(0.0713, abs=1e-4)
    assert (Share(0, 0).low, Share(0, 0).high) == (0.0, 1.0)


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_share_and_mirrors(n, more):
    share, mirrored = Share(n, n + more), Share(more, n + more)
    assert 0 <= share.low <= share.share <= share.high <= 1
    assert share.low == pytest.approx(1 - mirrored.high)


def test_precision_counts_a_kind_among_itself_and_the_false_alarms():
    kinds = np.array([-1] * 90 + [0] * 6 + [1] * 4, dtype=np.int8)
    marked = np.zeros(100, dtype=np.bool_)
    marked[[0, 1, 90, 91, 92, 96]] = True
    (first, second), both, false_alarms = detections(marked, kinds, 2)
    assert false_alarms == Share(2, 90)
    assert (first.recall, first.precision) == (Share(3, 6), Share(3, 5))
    assert (second.recall, second.precision) == (Share(1, 4), Share(1, 3))
    assert (both.recall, both.precision) == (Share(4, 10), Share(4, 6))
