"""`forkcast fit-detector` and `evaluate-detector` as a user meets them."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.errors import DeploymentsError
from model_server.bundle_files import BundleDamaged, BundleMissing, NotABundle
from model_server.impressions.csv_files import write_impressions
from model_server.outliers import detector_bundle
from model_server.training.fit_detector import TooFewRows


@pytest.fixture(scope="module")
def data(labelled, tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "train_data.csv"
    write_impressions(file, labelled[0])
    return file


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_a_detector_is_fitted_and_its_figures_told_without_noise(data, tmp_path):
    out = tmp_path / "detector"
    command = [sys.executable, "-m", "deployments.cli.main", "fit-detector", "--data", data, "--out", out]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "what alibi-detect's import has to say is of no use to anybody here"
    bundle = detector_bundle.load(out)
    assert f"version {bundle.version}" in done.stdout
    for told in ("9,600", "1,200", f"{bundle.threshold:.4f}, for 1.00%"):
        assert told in done.stdout
    assert re.search(r"false alarms +1,200 +\d\.\d\d% \(\d\.\d\d% to \d\.\d\d%\), the newest", done.stdout)


def test_the_stated_rate_is_kept_in_the_bundle(data, tmp_path):
    assert run("fit-detector", "--data", data, "--out", tmp_path / "d", "--false-alarm-rate", 0.05).exit_code == 0
    assert detector_bundle.load(tmp_path / "d").manifest["false_alarm_rate"]["stated"] == 0.05


def test_recall_and_precision_are_told_for_each_kind(detector):
    result = run("evaluate-detector", detector, "--rows", 5000, "--funnel-rate", 0.02, "--time-rate", 0)
    assert result.exit_code == 0, result.output
    lines = {line.split("  ")[0]: line for line in result.stdout.splitlines()}
    for kind in ("impossible-funnel", "far-device", "all outliers"):
        assert len(re.findall(r"\d+\.\d\d% \(\d+\.\d\d% to \d+\.\d\d%\)", lines[kind])) == 2, lines[kind]
    assert "none to judge by" in lines["time-jump"]
    assert re.search(r"false alarms: \d+ of 4,\d\d\d normal rows, .*; 1\.00% were asked for", result.stdout)
    assert "2.00% impossible-funnel, 1.00% far-device, 0.00% time-jump" in result.stdout


def test_the_same_seeds_give_the_same_figures_and_own_rows_may_be_the_normal_ones(detector, data):
    asked = ("evaluate-detector", detector, "--rows", 2000, "--data", data)
    one, again, other = run(*asked), run(*asked), run(*asked, "--seed", 2)
    assert one.exit_code == 0, one.output
    assert one.stdout == again.stdout != other.stdout


def test_what_cannot_be_done_is_refused_with_whose_fault_it_is(data, detector, models, tmp_path):
    cases = [
        (("evaluate-detector", tmp_path / "nothing"), BundleMissing, 1, "forkcast fit-detector"),
        (("evaluate-detector", models / "champion"), BundleDamaged, 1, "a model, not an outlier detector"),
        (("evaluate-detector", detector, "--time-rate", 0.99), DeploymentsError, 2, "less than 1 is expected"),
        (("fit-detector", "--data", data, "--out", models / "champion"), NotABundle, 2, "models/detector"),
        (("fit-detector", "--data", data, "--out", tmp_path / "d", "--false-alarm-rate", 1e-3), TooFewRows, 2, "rows"),
    ]
    for arguments, error, exit_code, said in cases:
        refused = run(*arguments).exception
        assert isinstance(refused, error), (arguments, refused)
        assert refused.exit_code == exit_code
        assert said in str(refused)
    assert run("fit-detector", "--false-alarm-rate", 0).exit_code == 2
