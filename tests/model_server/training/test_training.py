"""Training: in order of time, without leaks, the same twice; and the figures it reports."""

import hashlib
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server import artifact
from model_server.booster import Booster
from model_server.drift.kept import largest_difference
from model_server.drift.reference import Reference
from model_server.features import FEATURE_SETS, FunnelFeatures
from model_server.features.rates import N_FOLDS, RateTable, folds
from model_server.impressions import NAMES, from_table
from model_server.training.evaluate import calibration_error, log_losses, metrics, paired_bootstrap
from model_server.training.split import TooFewInstalls, by_time
from model_server.training.train import train


@given(st.lists(st.integers(0, 50), min_size=200, max_size=300), st.randoms(use_true_random=False))
def test_the_parts_of_a_split_follow_each_other_in_time_and_hold_every_row_once(timestamps, random):
    del random
    times = np.array(timestamps)
    split = by_time(times, np.ones(len(times), dtype=np.int8))
    parts = (split.train, split.validation, split.held_out)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(times)))
    assert times[split.train].max() <= times[split.validation].min()
    assert times[split.validation].max() <= times[split.held_out].min()


def test_too_few_installs_in_a_part_are_told_with_the_part():
    installs = np.zeros(1000, dtype=np.int8)
    installs[:100] = 1
    with pytest.raises(TooFewInstalls, match="the validation part, 100 of 1000 rows by time, has 0 installs"):
        by_time(np.arange(1000), installs)


def test_the_same_seed_gives_the_same_model_byte_for_byte(labelled, models, tmp_path):
    again = train(*labelled, feature_set="funnel", folder=tmp_path / "challenger", data={}, seed=1, threads=1)
    other = train(*labelled, feature_set="funnel", folder=tmp_path / "other", data={}, seed=2, threads=1)

    def digest(folder):
        return hashlib.sha256((folder / "model.ubj").read_bytes()).hexdigest()

    assert digest(again.folder) == digest(models / "challenger") != digest(other.folder)


def test_the_moment_of_training_is_kept_in_utc_and_changes_nothing_else(labelled, models, tmp_path):
    now = datetime(2019, 1, 28, 14, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))
    arguments = {"feature_set": "classic", "folder": tmp_path / "champion", "data": {"file": "made up"}, "seed": 1}
    train(*labelled, **arguments, threads=1, now=now)
    for path in (models / "champion").iterdir():
        assert path.read_bytes() == (tmp_path / "champion" / path.name).read_bytes()
    assert artifact.load(models / "champion").manifest["trained_at"] == "2019-01-28T12:30:05Z"
    train(*labelled, **arguments, threads=1)
    assert "trained_at" not in artifact.load(tmp_path / "champion").manifest


@pytest.mark.parametrize("name", ["champion", "challenger"])
def test_what_live_rows_are_compared_with_are_the_newest_ones_and_scores_that_were_not_learnt_from(
    labelled, models, name
):
    impressions, installs = labelled
    bundle = artifact.load(models / name)
    held_out = impressions.take(by_time(impressions.timestamp, installs).held_out)
    scores = bundle.booster.predict(bundle.features.transform(held_out))
    assert bundle.drift.reference.to_json() == Reference.fit(held_out, scores).to_json()


@pytest.mark.parametrize("name", ["champion", "challenger"])
def test_a_server_computes_the_kept_scores_to_the_bit(models, name):
    bundle = artifact.load(models / name)
    kept = bundle.drift.kept
    rows = from_table(kept.rows, NAMES)
    assert largest_difference(bundle.booster.predict(bundle.features.transform(rows)), kept) == 0
    one_by_one = [bundle.booster.predict(bundle.features.transform(rows.take([i]))) for i in range(len(rows))]
    assert largest_difference(np.concatenate(one_by_one), kept) == 0


def test_a_training_row_sees_nothing_learnt_from_its_own_label(labelled):
    impressions, installs = labelled
    some = impressions.take(slice(0, 2000))
    _, before = FunnelFeatures.fit(some, installs[:2000])
    for row in (0, 777, 1999):
        flipped = installs[:2000].copy()
        flipped[row] ^= 1
        _, after = FunnelFeatures.fit(some, flipped)
        np.testing.assert_array_equal(after[row], before[row])
        changed = np.flatnonzero((after != before).any(axis=1) & ~np.isnan(after).any(axis=1))
        assert len(changed), "the label of one row tells about others"
        assert row not in changed
    assert len(set(folds(2000))) == N_FOLDS


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_a_rows_features_do_not_depend_on_its_neighbours(labelled, name):
    impressions, installs = labelled
    features, _ = FEATURE_SETS[name].fit(impressions.take(slice(0, 5000)), installs[:5000])
    served = impressions.take(slice(5000, 5300))
    together = features.transform(served)
    order = np.random.default_rng(3).permutation(300)
    np.testing.assert_array_equal(features.transform(served.take(order)), together[order])
    for row in range(0, 300, 37):
        np.testing.assert_array_equal(features.transform(served.take([row])), together[[row]])


def test_a_rate_is_shrunk_towards_its_prior_by_the_number_of_rows():
    codes = np.array([1] * 10 + [2])
    table = RateTable.fit(codes, np.array([1, 1] + [0] * 8 + [1]), strength=10)
    assert table.at(table.places(np.array([1, 2, 3])), 0.1).tolist() == [(2 + 1) / 20, (1 + 1) / 11, 0.1]
    assert table.at(table.places(np.array([0])), np.array([0.7])).tolist() == [0.7]


def test_a_model_refuses_a_matrix_with_another_number_of_columns(models):
    booster = Booster.from_file(models / "champion" / "model.ubj")
    with pytest.raises(ValueError, match="trained on 56 features"):
        booster.predict(np.zeros((2, 55)))


def test_reported_figures_are_those_of_the_textbooks():
    installs = np.array([0, 1, 0, 1], dtype=np.int8)
    p = np.array([0.1, 0.4, 0.35, 0.8])
    found = metrics(installs, p)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.65, 0.8]).mean())
    assert found["auc"] == 1.0
    assert found["brier"] == pytest.approx(((p - installs) ** 2).mean())
    assert log_losses(installs, p).mean() == pytest.approx(found["log_loss"])


def test_calibration_error_is_zero_for_true_rates_and_the_gap_for_shifted_ones():
    installs = np.tile(np.array([0] * 9 + [1], dtype=np.int8), 15 * 10)
    exact = np.full(len(installs), 0.1)
    assert calibration_error(installs, exact) == pytest.approx(0, abs=1e-12)
    assert calibration_error(installs, exact + 0.05) == pytest.approx(0.05)


def test_the_bootstrap_finds_a_real_difference_and_no_imagined_one():
    rng = np.random.default_rng(5)
    losses = rng.exponential(0.1, 5_000)
    noise = rng.normal(0, 0.01, 5_000)
    # The mean of the noise has a standard error of 0.00014: 0.001 is 7 of them, so a miss has odds below 1e-11.
    assert paired_bootstrap(losses, losses + noise + 0.001, seed=1).excludes_zero
    assert not paired_bootstrap(losses, losses + noise - noise.mean(), seed=1).excludes_zero
