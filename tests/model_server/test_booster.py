"""The door to XGBoost: whole models of any kind come in, damaged ones are told, and servers may fork behind it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from trained_models import N_FEATURES, OBJECTIVES, rows, saved, stock_answer, trained

import model_server
from model_server.booster import Booster, ModelDamaged

pytestmark = pytest.mark.filterwarnings("ignore:.*gblinear. is deprecated:UserWarning")

BINARY_OF_OLD = b"\x00\x00\x00?\x04\x00\x00\x00\x00\x00\x00\x00" + bytes(300)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_model_of_any_kind_answers_as_xgboost_does(name):
    booster = trained(name)
    sent = rows(70, seed=2)
    expected = stock_answer(booster, sent)
    for form in ("json", "ubj"):
        answer = Booster.from_bytes(bytes(booster.save_raw(form))).predict(sent)
        assert (answer.shape, answer.dtype, answer.tobytes()) == (expected.shape, np.float32, expected.tobytes())


def test_an_answer_stays_when_the_next_is_given():
    booster = Booster.from_bytes(bytes(trained("multi:softprob").save_raw("ubj")))
    first = booster.predict(rows(5, seed=2))
    kept = first.copy()
    booster.predict(rows(5, seed=3))
    np.testing.assert_array_equal(first, kept)


def test_a_model_knows_the_names_it_was_trained_with():
    names = ("a", "b b", "ü", "d")
    assert Booster.from_bytes(bytes(trained("reg:squarederror", list(names)).save_raw("ubj"))).feature_names == names
    assert Booster.from_bytes(bytes(trained("reg:squarederror").save_raw("json"))).feature_names == ()


@pytest.mark.parametrize("shape", [(2, N_FEATURES - 1), (2, N_FEATURES + 1), (N_FEATURES,), (1, 1, N_FEATURES), (0, 0)])
def test_a_matrix_of_another_width_is_refused(shape):
    booster = Booster.from_bytes(bytes(trained("reg:squarederror").save_raw("ubj")))
    with pytest.raises(ValueError, match=rf"trained on {N_FEATURES} features"):
        booster.predict(np.zeros(shape))


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_a_model_cut_short_is_told_wherever_it_was(form, tmp_path):
    whole = bytes(trained("reg:squarederror", ["a", "b", "c", "d"]).save_raw(form))
    for end in {*range(60), *range(60, len(whole), 211), len(whole) - 2, len(whole) - 1}:
        with pytest.raises(ModelDamaged):
            Booster.from_bytes(whole[:end])
    (tmp_path / "model").write_bytes(whole[:-1])
    with pytest.raises(ModelDamaged, match=rf"^{tmp_path}/model: [^\n]*$"):
        Booster.from_file(tmp_path / "model")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes that are neither XGBoost's JSON nor its UBJSON"),
        (b"{", "1 bytes that are neither"),
        (b"<!doctype html><title>404</title>", "33 bytes that are neither"),
        (BINARY_OF_OLD, "a model in the binary format of earlier releases must be loaded by one of those"),
        (b"binf" + BINARY_OF_OLD, "a model in the binary format"),
        (b'{"a":1}', "XGBoost cannot load it: "),
        (json.dumps({"learner": {}}).encode(), "XGBoost cannot load it: "),
        (b"{i\x01aZ}", "XGBoost cannot load it: "),
        (b"{}", "neither"),
    ],
)
def test_what_is_no_model_is_told(content, said):
    with pytest.raises(ModelDamaged, match=said):
        Booster.from_bytes(content)


def test_a_file_that_is_not_there_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        Booster.from_file(tmp_path / "model.json")


def test_json_may_be_written_for_people(tmp_path):
    booster = trained("reg:squarederror")
    folder = saved(booster, tmp_path / "model.json")
    pretty = json.dumps(json.loads((folder / "model.json").read_text()), indent=2)
    np.testing.assert_array_equal(
        Booster.from_bytes(pretty.encode()).predict(rows(5, seed=2)), stock_answer(booster, rows(5, seed=2))
    )


@pytest.mark.parametrize("name", ["reg:squarederror", "reg:squarederror, linear"])
def test_many_threads_may_ask_at_once(name):
    booster = Booster.from_bytes(bytes(trained(name).save_raw("ubj")))
    batches = [rows(n, seed=n) for n in range(1, 9)]
    expected = [booster.predict(batch).tobytes() for batch in batches]
    wrong = []

    def ask(batch, answer):
        wrong.extend(i for i in range(50) if booster.predict(batch).tobytes() != answer)

    threads = [threading.Thread(target=ask, args=each) for each in zip(batches, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


SERVER = """
import os, signal, sys, warnings
from pathlib import Path
import numpy as np
from model_server.booster import Booster

warnings.simplefilter("ignore")
parent = [Booster.from_file(Path(path)) for path in sys.argv[1:]]
sent = np.ones((3, 4), np.float32)
expected = [booster.predict(sent).tolist() for booster in parent]
worker = os.fork()
if not worker:
    signal.alarm(60)  # a worker that waits for a thread it does not have waits for ever
    own = [Booster.from_file(Path(path)) for path in sys.argv[1:]]
    answers = [[booster.predict(sent).tolist() for booster in boosters] for boosters in (parent, own)]
    os._exit(0 if answers == [expected, expected] else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]))
"""


def test_workers_forked_from_a_server_can_ask_and_can_load(tmp_path):
    files = []
    for name in ("reg:squarederror", "reg:squarederror, linear"):
        path = tmp_path / name / "model.ubj"
        saved(trained(name), path)
        files.append(str(path))
    variables = {**os.environ, "PYTHONPATH": str(Path(model_server.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", SERVER, *files],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.returncode} (-14: it hung) {done.stderr}"
