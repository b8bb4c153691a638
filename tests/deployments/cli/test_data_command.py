import contextlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from deployments.cli.data import CannotWriteFolder, NotOurFolder, data
from deployments.cli.main import app
from model_server.impressions import csv_files
from model_server.impressions.csv_files import read_impressions, read_truth


@pytest.fixture
def run(tmp_path):
    def run_data(*arguments, out=tmp_path / "data"):
        return CliRunner().invoke(app, ["data", "--out", str(out), *map(str, arguments)])

    return run_data


def test_three_files_are_written_that_belong_together(run, tmp_path):
    result = run("--train-rows", 3000, "--test-rows", 1000, "--seed", 5)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "data"
    assert sorted(file.name for file in folder.iterdir()) == ["test_data.csv", "test_truth.csv", "train_data.csv"]
    train, test = read_impressions(folder / "train_data.csv"), read_impressions(folder / "test_data.csv")
    truth = read_truth(folder / "test_truth.csv")
    assert (len(train.impressions), len(test.impressions)) == (3000, 1000)
    assert train.installs.sum() > 0
    assert test.installs is None
    assert train.impressions.timestamp.max() <= test.impressions.timestamp.min()
    assert truth.id.tolist() == test.impressions.id.tolist()
    assert not np.isin(truth.id, train.impressions.id).any()
    assert f"{folder / 'train_data.csv'}: 3,000 rows" in result.stdout.replace("\n", "")
    assert "rows/s (seed 5)" in result.stdout


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(run, tmp_path):
    def written(seed, folder):
        assert run("--train-rows", 500, "--test-rows", 100, "--seed", seed, out=tmp_path / folder).exit_code == 0
        return [
            (tmp_path / folder / name).read_bytes() for name in ("train_data.csv", "test_data.csv", "test_truth.csv")
        ]

    first = written(5, "a")
    assert written(5, "a") == first, "over its own files it may write"
    assert written(5, "b") == first
    assert written(6, "c") != first


@pytest.mark.parametrize(
    "arguments", [("--train-rows", 0), ("--test-rows", 0), ("--seed", -1), ("--train-rows", 10**8)]
)
def test_nonsense_is_refused_before_anything_is_written(run, tmp_path, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.output
    assert list(tmp_path.iterdir()) == []


def test_data_of_the_users_own_is_not_overwritten(run, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train_data.csv").write_text("precious")
    result = run("--train-rows", 10, "--test-rows", 10)
    assert isinstance(result.exception, NotOurFolder)
    assert "choose another --out" in str(result.exception)
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("train_data.csv", "precious")]


def test_a_folder_that_cannot_be_is_told(run, tmp_path):
    (tmp_path / "file").touch()
    assert isinstance(run(out=tmp_path / "file").exception, NotOurFolder)
    result = run("--train-rows", 10, "--test-rows", 10, out=tmp_path / "file" / "data")
    assert isinstance(result.exception, CannotWriteFolder)


@pytest.mark.component
def test_an_interrupted_run_leaves_the_folder_as_it_was(tmp_path):
    command = [sys.executable, "-m", "deployments.cli.main", "data", "--out", str(tmp_path), "--train-rows", "2000000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 60
            while not list(tmp_path.iterdir()):  # until it begins to write
                assert time.monotonic() < deadline
                assert process.poll() is None, "it ended before it could be interrupted"
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            process.wait(60)
            said = process.stderr.read().decode()
        finally:
            process.kill()
    assert process.returncode != 0, said
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_something_swallowed_still_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    write_truth = csv_files.write_truth

    def swallow(*arguments):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        write_truth(*arguments)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(csv_files, "write_truth", swallow)
    with pytest.raises(KeyboardInterrupt):
        data(tmp_path, train_rows=1000, test_rows=100, seed=1)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is before
