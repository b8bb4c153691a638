"""The reason for a challenger: on data it never saw, the expert's features beat the classic ones."""

import re

import pytest
from doors import forkcast

pytestmark = pytest.mark.component


def test_funnel_beats_classic_on_test_log_loss_by_more_than_chance(tmp_path):
    data = tmp_path / "data"
    for command in (
        ("data", "--out", data, "--train-rows", 200_000, "--test-rows", 50_000, "--seed", 1),
        ("train", "--features", "classic", "--data", data / "train_data.csv", "--out", tmp_path / "champion"),
        ("train", "--features", "funnel", "--data", data / "train_data.csv", "--out", tmp_path / "challenger"),
    ):
        done = forkcast(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    models = (tmp_path / "champion", tmp_path / "challenger")
    done = forkcast("evaluate", *models, "--data", data / "test_data.csv", "--truth", data / "test_truth.csv")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    low, high = map(float, re.search(r"95% interval (\S+) to (\S+): better", told).groups())
    # With these seeds there is no chance in it. Over others: the difference is 9 standard errors from zero.
    assert low < high < 0
