from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.impressions import LABEL, NAMES, from_table, to_rows
from model_server.impressions.csv_files import (
    Truth,
    UnwritableFile,
    read_impressions,
    read_truth,
    write_impressions,
    write_truth,
)
from model_server.impressions.times import format_times, parse_times

TEXT = (
    st.none() | st.text(min_size=1, max_size=12) | st.sampled_from(['"', ";", "a;b", "\n", "\r\n", "NA", "null", " x "])
)
COUNT = st.integers(0, 2**31 - 1)
SECONDS = st.integers(946_684_800, 4_102_444_799)
TIME = SECONDS.map(lambda seconds: format_times(np.array([seconds]))[0])
CELLS = {"timestamp": TIME, "lastStart": st.none() | TIME} | {name: COUNT for name in NAMES if "Count" in name}
ROWS = st.lists(
    st.tuples(st.integers(0, 2**53 - 1), *(CELLS.get(name, TEXT) for name in NAMES[1:])),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[0],
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("round-trip") / "x.csv"


@given(rows=ROWS, label=st.integers(0, 1))
@settings(deadline=None)
def test_what_is_written_is_read_back(path, rows, label):
    impressions = from_table(rows, NAMES)
    installs = np.arange(label, label + len(rows), dtype=np.int8) % 2
    write_impressions(path, impressions, installs)
    file = read_impressions(path)
    assert to_rows(file.impressions) == to_rows(impressions)
    assert file.installs.tolist() == installs.tolist()
    assert [getattr(file.impressions, f.name).dtype for f in fields(impressions) if "_count" in f.name] == [
        np.int64
    ] * 6
    write_impressions(path, impressions)
    unlabelled = read_impressions(path)
    assert to_rows(unlabelled.impressions) == to_rows(impressions)
    assert unlabelled.installs is None


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1))
@settings(deadline=None)
def test_a_probability_comes_back_to_the_last_bit(path, rows):
    install, probability = (np.array(column) for column in zip(*rows, strict=True))
    truth = Truth(np.arange(len(rows)), install.astype(np.int8), probability.astype(np.float64))
    write_truth(path, truth)
    again = read_truth(path)
    assert again.id.tolist() == truth.id.tolist()
    assert again.install.tolist() == truth.install.tolist()
    assert again.probability.tolist() == truth.probability.tolist()


@given(st.lists(SECONDS, min_size=1))
def test_a_time_is_read_from_the_text_it_is_written_as(seconds):
    texts = format_times(np.array(seconds))
    assert texts == [f"{text}Z" for text in np.datetime_as_string(np.array(seconds, dtype="datetime64[s]")).tolist()]
    again, valid = parse_times(texts)
    assert valid.all()
    assert again.tolist() == seconds


ROW = (1, "2019-01-21T09:00:14Z", "c", "ios", None, "g", "FI", 6, 5, 4, 3, None, 1, 2, "wifi", "a;b")


def test_a_row_is_written_as_the_original_writes_it(path):
    write_impressions(path, from_table([ROW], NAMES), np.array([1]))
    assert path.read_text() == (
        ";".join([*NAMES, LABEL]) + "\n" + '1;2019-01-21T09:00:14Z;c;ios;;g;FI;6;5;4;3;;1;2;wifi;"a;b";1\n'
    )


def test_many_rows_are_written_in_parts_without_a_seam(path):
    n = 250_001
    impressions = from_table([ROW], NAMES).take(np.zeros(n, dtype=int))
    write_truth(path, Truth(np.arange(n), np.zeros(n, dtype=np.int8), np.full(n, 0.5)))
    assert read_truth(path).id.tolist() == list(range(n))
    impressions.id[:] = np.arange(n)
    write_impressions(path, impressions)
    assert read_impressions(path).impressions.id.tolist() == list(range(n))


def test_a_failed_write_leaves_what_was_there_and_nothing_else(path):
    path.write_text("before")
    impressions = from_table([ROW, (2, *ROW[1:])], NAMES)
    impressions.device_type.codes[1] = 99  # no such level: fails in the middle
    with pytest.raises(IndexError):
        write_impressions(path, impressions)
    assert path.read_text() == "before"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UnwritableFile, match="cannot be written: No such file or directory"):
        write_impressions(tmp_path / "no" / "x.csv", from_table([ROW], NAMES))


def test_labels_or_truths_of_another_length_are_refused(path):
    with pytest.raises(ValueError, match="2 labels for 1 impressions"):
        write_impressions(path, from_table([ROW], NAMES), np.array([0, 1]))
    with pytest.raises(ValueError, match="1 ids, 2 labels"):
        Truth(np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int8), np.zeros(1))
