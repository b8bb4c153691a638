"""Seldon's XGBOOST_SERVER, here: the same bits for the same numbers; what is no matrix is the caller's to mend."""

import json
import logging

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trained_models import N_FEATURES, OBJECTIVES, rows, saved, stock_answer, trained

from model_server.booster import ModelDamaged
from model_server.errors import CallersFault, OursToMend
from model_server.graph import protos
from model_server.graph.errors import GraphError
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import row_wise
from model_server.graph.wrapper.calls import Wrapped
from model_server.graph.wrapper.identity import Identity
from model_server.storage import ModelMissing
from model_server.xgboost_server import (
    InvalidFeatures,
    NoModelFile,
    NoModelGiven,
    UnknownParameter,
    XGBoostServer,
    matrix_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*gblinear. is deprecated:UserWarning")

NAMES = ["age", "clicks", "a b", "ü"]


@pytest.fixture(scope="module")
def boosters():
    return {name: trained(name) for name in OBJECTIVES}


@pytest.fixture(scope="module")
def servers(boosters, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        name: XGBoostServer(str(saved(booster, folder / str(i) / "model.json")))
        for i, (name, booster) in enumerate(boosters.items())
    }


@pytest.fixture(scope="module")
def server(servers):
    return servers["reg:squarederror"]


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A model that was trained with names of its features, as every model trained on a DataFrame is."""
    booster = trained("reg:squarederror", NAMES)
    return booster, XGBoostServer(str(saved(booster, tmp_path_factory.mktemp("named") / "model.json")))


def assert_same_bits(answer, expected):
    assert (answer.shape, answer.dtype, answer.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())


# Answers


@pytest.mark.parametrize("file", ["model.json", "model.ubj", "model.bst"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_answers_are_those_of_xgboost_to_the_bit(boosters, tmp_path, name, file):
    served = XGBoostServer(str(saved(boosters[name], tmp_path / file)))
    reloaded = xgb.Booster(model_file=tmp_path / "model.json") if file == "model.json" else boosters[name]
    for n_rows in (1, 2, 65, 500):
        sent = rows(n_rows, seed=n_rows)
        answer = served.predict(sent, [], meta={})
        assert_same_bits(answer, stock_answer(reloaded, sent))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_row_is_answered_alike_whatever_stands_beside_it(servers, name):
    answer = servers[name].predict
    sent = rows(260, seed=4)
    alone = [answer(sent[i : i + 1]).tobytes() for i in range(len(sent))]
    rng = np.random.default_rng(5)
    for n_rows in (2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 255, 257):
        chosen = rng.choice(len(sent), n_rows, replace=False)
        together = answer(sent[chosen])
        assert [row.tobytes() for row in together] == [alone[i] for i in chosen], n_rows
    assert XGBoostServer.row_wise is True


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(2**53, 2**64 - 1),
    st.integers(-(10**45), 10**45),
    st.just(10**400),
    st.floats(),
    st.floats(width=32),
    st.sampled_from([3.4028234e38, 3.4028235677973366e38, 3.402823567797337e38, 1e39, -1e39, 1e-46, 16777217, -0.0]),
)


def stock_matrix(sent):
    """What XGBoost itself makes of an array."""
    with np.errstate(over="ignore"):
        held = xgb.DMatrix(sent, nthread=1).get_data()
    matrix = np.full(held.shape, np.nan, np.float32)
    row_of = np.repeat(np.arange(held.shape[0]), np.diff(held.indptr))
    matrix[row_of, held.indices] = held.data
    return matrix


ROUNDED_ONCE = 2**60 + 2**36 + 1  # to float32; by way of float64 it would be rounded twice, and down


@settings(deadline=None, max_examples=300)
@example([[ROUNDED_ONCE, 1, 2]])
@example([[ROUNDED_ONCE, 1, 2.5]])
@example([[ROUNDED_ONCE, 1, None]])
@example([[2**64 - 1, 1, 2]])
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=3))
def test_numbers_of_every_kind_become_what_xgboost_makes_of_them(cells):
    sent = np.array(cells)  # as the wrapper does
    try:
        expected = stock_matrix(sent)
    except (xgb.core.XGBoostError, OverflowError):  # infinity, and what float32 takes for it
        with pytest.raises(InvalidFeatures):
            matrix_of(sent, 3)
    else:
        matrix = matrix_of(sent, 3)
        np.testing.assert_array_equal(np.isnan(matrix), np.isnan(expected))
        known = ~np.isnan(expected)
        assert matrix[known].tobytes() == expected[known].tobytes()


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "i4", "u8", "f2", "f4", "f8", ">f8", "g", "O"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_type_are_taken_as_by_xgboost(boosters, server, dtype, order):
    sent = np.array([[1, 0, 1, 1], [0, 1, 0, 1]]).astype(dtype, order=order)
    assert_same_bits(
        server.predict(sent), stock_answer(boosters["reg:squarederror"], sent.astype(sent.dtype.newbyteorder("=")))
    )


def test_null_is_missing_as_nan_is(boosters, server):
    sent = rows(30, seed=8, missing=0.5)
    nulls = np.array([[None if np.isnan(cell) else cell for cell in row] for row in sent], dtype=object)
    assert nulls.dtype == object
    assert_same_bits(server.predict(nulls), server.predict(sent))
    assert_same_bits(server.predict(nulls), stock_answer(boosters["reg:squarederror"], sent))
    assert np.isfinite(server.predict(np.full((1, N_FEATURES), None))).all()


def test_no_rows_are_answered_as_by_xgboost(boosters, servers):
    sent = np.empty((0, N_FEATURES))
    for name, served in servers.items():
        assert_same_bits(served.predict(sent), stock_answer(boosters[name], sent))


def test_what_was_sent_is_left_unchanged(server):
    sent = rows(3, seed=9).astype(np.float32)
    before = sent.copy()
    server.predict(sent)
    np.testing.assert_array_equal(sent, before)


# Refusals


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([[1, 2, 3]], "the data has the shape [1, 3]; rows of 4 numbers each are expected"),
        ([[1, 2, 3, 4, 5]], "the data has the shape [1, 5]"),
        ([1, 2, 3, 4], "the data has the shape [4]"),
        ([], "the data has the shape [0]"),
        ([[]], "the data has the shape [1, 0]"),
        (7, "the data has the shape []"),
        ([[[1], [2], [3], [4]]], "the data has the shape [1, 4, 1]"),
        ([["1", "2", "3", "4"]], "the data holds texts, such as ['1']"),
        ([["1", 2, 3, 4]], "the data holds texts, such as ['1']"),
        ([[1, None, "3", 4]], "row 0, column 2 is '3', which is no number"),
        ([[1, 2, 3, 4], [1, 2, {"a": 1}, None]], "row 1, column 2 is {'a': 1}, which is no number"),
        ([[1, 2, 3, 4j]], "the data holds complex numbers"),
        ([[b"1", b"2", b"3", b"4"]], "the data holds bytes"),
        ([[1, 2, float("inf"), 4]], "row 0, column 2 is inf; XGBoost takes finite numbers up to 3.4e+38"),
        ([[1, 2, 3, 4], [1, -1e39, 3, 4]], "row 1, column 1 is -1e+39; XGBoost takes finite numbers"),
        ([[10**40, None, 3, 4]], f"row 0, column 0 is {10**40}; XGBoost takes finite"),
        ([[10**400, 2, 3, 4]], "the data holds a number that is too large"),
    ],
)
def test_what_is_no_matrix_of_its_width_is_refused_as_the_callers_fault(server, sent, said):
    with pytest.raises(InvalidFeatures) as refusal:
        server.predict(np.array(sent), [])
    assert said in refusal.value.message
    assert isinstance(refusal.value, CallersFault)
    assert refusal.value.http_status == 400


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("text", "the payload is a text; rows of 4 numbers each are expected, as data.ndarray or data.tensor"),
        (b"bytes", "the payload is bytes"),
        ({"a": 1}, "the payload is an object"),
        ([[1, 2, 3, 4]], "the payload is a list"),
        (None, "the payload is null"),
        (5, "the payload is int"),
    ],
)
def test_another_kind_of_payload_is_refused(server, sent, said):
    with pytest.raises(InvalidFeatures) as refusal:
        server.predict(sent)
    assert said in refusal.value.message


def test_a_refusal_is_short_whatever_was_sent(server):
    for sent in (np.array([["x" * 100_000] * 4]), np.array([[None, "x" * 100_000, 1, 2]], dtype=object)):
        with pytest.raises(InvalidFeatures) as refusal:
            server.predict(sent)
        assert len(refusal.value.message) < 400


# Names


def test_a_model_trained_with_names_is_answered_which_the_stock_server_never_does(named):
    booster, served = named
    sent = rows(9, seed=6)
    with pytest.raises(ValueError, match="data did not contain feature names"):
        stock_answer(booster, sent)
    expected = booster.predict(xgb.DMatrix(sent, feature_names=NAMES))
    for names in (None, [], np.array([]), NAMES, tuple(NAMES), [f"t:{i}" for i in range(N_FEATURES)]):
        assert_same_bits(served.predict(sent, names), expected)


def test_named_columns_may_come_in_any_order(named):
    booster, served = named
    sent = rows(9, seed=6)
    order = [2, 0, 3, 1]
    expected = booster.predict(xgb.DMatrix(sent, feature_names=NAMES))
    assert_same_bits(served.predict(sent[:, order], [NAMES[i] for i in order]), expected)


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], NAMES[:3], [*NAMES, "e"], ["age"] * 4, [1, 2, 3, 4], [None]])
def test_names_that_are_others_than_the_models_are_refused(named, names):
    with pytest.raises(InvalidFeatures, match="the model was trained on age, clicks, a b, ü: send these, in any order"):
        named[1].predict(rows(2, seed=6), names)


def test_names_mean_nothing_to_a_model_trained_without(boosters, server):
    sent = rows(9, seed=6)
    for names in (NAMES, ["x"], [1, None], None):
        assert_same_bits(server.predict(sent, names), stock_answer(boosters["reg:squarederror"], sent))


# Start


def test_the_files_are_looked_for_in_this_order(boosters, tmp_path, caplog):
    sent = rows(3, seed=7)
    order = {"model.ubj": "count:poisson", "model.bst": "reg:squarederror", "model.json": "binary:logistic"}
    for file, name in order.items():
        saved(boosters[name], tmp_path / file)
        caplog.clear()
        assert_same_bits(XGBoostServer(str(tmp_path)).predict(sent), stock_answer(boosters[name], sent))
        warned = [record.message for record in caplog.records if record.levelno == logging.WARNING]
        assert [file in each and "model.json" in each for each in warned] == [True] * (file == "model.bst")


def test_a_folder_without_a_model_says_what_it_holds_and_what_is_looked_for(tmp_path):
    with pytest.raises(
        NoModelFile, match=r"holds nothing; save the model there .* model\.json, model\.bst or model\.ubj"
    ):
        XGBoostServer(str(tmp_path))
    (tmp_path / "model.pkl").write_bytes(b"")
    (tmp_path / "model.json").mkdir()
    with pytest.raises(NoModelFile, match=r"holds model\.json, model\.pkl; save"):
        XGBoostServer(f"file://{tmp_path}")


def test_a_damaged_model_stops_the_start(boosters, tmp_path):
    path = saved(boosters["reg:squarederror"], tmp_path / "model.ubj") / "model.ubj"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelDamaged, match=r"model\.ubj: it is not all there"):
        XGBoostServer(str(tmp_path))


def test_a_folder_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(ModelMissing, match="none does not exist"):
        XGBoostServer(str(tmp_path / "none"))


def test_parameters_that_it_does_not_take_are_named(tmp_path):
    with pytest.raises(UnknownParameter, match="this node has method, threads: take that away"):
        XGBoostServer(model_uri=str(tmp_path), threads=2, method="predict_proba")


def test_the_model_may_be_told_by_the_environment(boosters, tmp_path, monkeypatch):
    monkeypatch.delenv("MLSERVER_MODEL_URI", raising=False)
    with pytest.raises(NoModelGiven, match="set the graph node's modelUri"):
        XGBoostServer()
    saved(boosters["reg:squarederror"], tmp_path / "model.json")
    monkeypatch.setenv("MLSERVER_MODEL_URI", str(tmp_path))
    sent = rows(2, seed=3)
    assert_same_bits(XGBoostServer().predict(sent), stock_answer(boosters["reg:squarederror"], sent))


def test_every_failure_to_start_is_ours_to_mend():
    for error in (NoModelFile, NoModelGiven, UnknownParameter, ModelDamaged, ModelMissing):
        assert issubclass(error, OursToMend)


# Metadata


def test_metadata_are_told_if_they_are_there(boosters, tmp_path):
    served = XGBoostServer(str(saved(boosters["reg:squarederror"], tmp_path / "model.json")))
    assert served.init_metadata() == {}
    (tmp_path / "metadata.yaml").write_text("name: my-model\nversions: [v1]\n")
    assert served.init_metadata() == {"name": "my-model", "versions": ["v1"]}


@pytest.mark.parametrize(
    "content", [b"a: [", b"\xff\xfe\xff", b"- 1", b"just text", b"!!python/object/apply:os.getcwd []", b""]
)
def test_metadata_that_cannot_be_read_are_left_out_and_logged(boosters, tmp_path, caplog, content):
    served = XGBoostServer(str(saved(boosters["reg:squarederror"], tmp_path / "model.json")))
    (tmp_path / "metadata.yaml").write_bytes(content)
    assert served.init_metadata() == {}
    assert "metadata.yaml" in caplog.text


# Behind the wrapper


def served_by_the_wrapper(server):
    return Wrapped(server, Identity(), on_metrics=lambda *_: None, on_reward=lambda _: None)


def test_requests_answered_together_are_answered_as_alone_the_wrong_ones_too(server):
    wrapped = served_by_the_wrapper(server)
    sent = rows(12, seed=3, missing=0)
    messages = [
        {"data": {"ndarray": sent[:1].tolist()}},
        {"data": {"ndarray": sent[1:5].tolist()}},
        {"data": {"tensor": {"shape": [2, 4], "values": sent[5:7].ravel().tolist()}}},
        {"data": {"ndarray": [[1, 2, 3, 4]]}},
        {"data": {"ndarray": [[1, None, 3, 4]]}},
        {"data": {"ndarray": [[1, 2, 3]]}},
        {"data": {"ndarray": [[1, 2, 3, 1e39]]}},
        {"data": {"ndarray": sent[7:].tolist()}},
        {"strData": "text"},
        protos.ours().SeldonMessage(data={"tensor": {"shape": [1, 4], "values": sent[0].tolist()}}),
    ]
    together = row_wise.answer_many(wrapped, Verb.PREDICT, messages)
    alone = [row_wise.answer_many(wrapped, Verb.PREDICT, [message])[0] for message in messages]
    for message, many, one in zip(messages, together, alone, strict=True):
        assert (many.status() == one.status()) if isinstance(one, GraphError) else (many == one), message
    assert [one.http_status for one in alone if isinstance(one, GraphError)] == [400, 400, 400]
    assert row_wise.is_row_wise(wrapped, Verb.PREDICT)


def test_answers_of_several_numbers_are_named_as_seldon_names_them(servers):
    wrapped = served_by_the_wrapper(servers["multi:softprob"])
    sent = rows(2, seed=3, missing=0)
    answer = wrapped.answer_tree(Verb.PREDICT, {"data": {"ndarray": sent.tolist()}})
    assert answer["data"]["names"] == ["t:0", "t:1", "t:2"]
    assert json.loads(json.dumps(answer["data"]["ndarray"])) == servers["multi:softprob"].predict(sent).tolist()
