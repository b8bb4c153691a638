"""The wrapper class, called as Seldon calls it: with dicts (REST) and with protobuf messages (gRPC)."""

import math

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seldon_core.proto import prediction_pb2

from model_server import artifact
from model_server.errors import CallersFault
from model_server.features import ClassicFeatures
from model_server.impressions import NAMES, to_rows
from model_server.install_model import InstallModel, NoModelGiven
from model_server.training.predictions import predict_in_chunks


@pytest.fixture(params=["champion", "challenger"])
def name(request):
    return request.param


@pytest.fixture
def model(models, name, monkeypatch):
    for variable, value in {
        "PREDICTOR_ID": "predictor-7",
        "PREDICTIVE_UNIT_ID": "classifier",
        "PREDICTIVE_UNIT_IMAGE": "forkcast/some:1.2.3",
    }.items():
        monkeypatch.setenv(variable, value)
    return InstallModel(str(models / name))


@pytest.fixture
def expected(models, name, labelled):
    """What the model says of the first 40 impressions, without any server."""
    return predict_in_chunks(artifact.load(models / name), labelled[0].take(slice(0, 40)))


@pytest.fixture
def rows(labelled):
    return to_rows(labelled[0].take(slice(0, 40)))


def ndarray(rows, names=NAMES):
    return {"data": {"names": list(names), "ndarray": rows}}


def over_grpc(model, message):
    """Send a dict as the protobuf message that a gRPC caller would send; the answer as a dict."""
    request = json_format.ParseDict(message, prediction_pb2.SeldonMessage())
    return json_format.MessageToDict(model.predict_raw(request))


def answers(model, message):
    """The answer over REST and over gRPC."""
    return model.predict_raw(message), over_grpc(model, message)


def test_every_form_of_request_gets_the_same_probabilities_to_the_bit(model, rows, expected):
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    order = np.random.default_rng(2).permutation(16)
    shuffled = ndarray([[row[i] for i in order] for row in rows], [NAMES[i] for i in order])
    np.testing.assert_array_equal(model.predict(rows, NAMES), expected)
    np.testing.assert_array_equal(model.predict(np.array(rows, dtype=object), NAMES), expected)
    np.testing.assert_array_equal(model.predict(records), expected)
    np.testing.assert_array_equal(model.predict(records[0]), expected[:1])
    for message in (ndarray(rows), shuffled):
        for answer in answers(model, message):
            np.testing.assert_array_equal(np.float32(answer["data"]["ndarray"]), expected)
    for answer in answers(model, {"jsonData": records}):
        assert answer["data"]["tensor"]["shape"] == [40]
        np.testing.assert_array_equal(np.float32(answer["data"]["tensor"]["values"]), expected)
    for answer in answers(model, {"jsonData": records[3]}):
        np.testing.assert_array_equal(np.float32(answer["data"]["tensor"]["values"]), expected[3:4])


def test_the_seeds_ready_tensor_is_answered_in_the_seeds_shape(models, labelled, monkeypatch):
    monkeypatch.setenv("PREDICTIVE_UNIT_ID", "classifier")
    monkeypatch.setenv("PREDICTIVE_UNIT_IMAGE", "forkcast/champion:0.1.0")
    bundle = artifact.load(models / "champion")
    one = labelled[0].take(np.flatnonzero(labelled[0].start_count_1d > 0)[:1])
    features = bundle.features.transform(one)[0].tolist()
    assert not any(map(math.isnan, features))
    message = {"data": {"tensor": {"shape": [1, 56], "values": features}}}
    model = InstallModel(str(models / "champion"))
    answer = model.predict_raw(message)
    assert answer["data"] == {
        "names": [],
        "tensor": {"shape": [1], "values": [float(bundle.booster.predict(bundle.features.transform(one))[0])]},
    }
    assert answer["meta"]["requestPath"] == {"classifier": "forkcast/champion:0.1.0"}
    assert over_grpc(model, message)["data"]["tensor"] == answer["data"]["tensor"]


def test_the_answer_says_who_gave_it(model, rows, name):
    for answer in answers(model, ndarray(rows[:1]) | {"meta": {"puid": "p-1", "tags": {"campaign": "x", "n": 3}}}):
        meta = answer["meta"]
        assert meta["tags"]["predictor"] == "predictor-7"
        assert meta["tags"]["feature_set"] == {"champion": "classic", "challenger": "funnel"}[name]
        assert len(meta["tags"]["model_version"]) == 12
        assert (meta["tags"]["campaign"], meta["tags"]["n"]) == ("x", 3)
        assert meta["requestPath"] == {"classifier": "forkcast/some:1.2.3"}
        assert meta["puid"] == "p-1"
        assert "metrics" not in meta


def test_text_never_seen_in_training_is_scored_and_counted_by_column(model, rows):
    strange = [*rows[0]]
    strange[NAMES.index("country")] = "Atlantis"
    for answer in answers(model, ndarray([strange, strange, rows[1]])):
        assert len(answer["data"]["ndarray"]) == 3
        [metric] = answer["meta"]["metrics"]
        assert metric["key"] == "install_model_unknown_categories"
        assert (metric["value"], metric["tags"]) == (2, {"column": "country"})


BAD_MESSAGES = {
    "an empty object": ({}, "an empty object"),
    "text": ({"strData": "hello"}, "the request holds strData"),
    "two payloads": ({"strData": "x", "jsonData": {}}, "jsonData and strData"),
    "a tensor without shape": ({"data": {"tensor": {"values": [1.0]}}}, "1 values for the shape []"),
    "a tensor of the wrong size": ({"data": {"tensor": {"shape": [1, 56], "values": [1.0]}}}, "1 values for the shape"),
    "a tensor of 55 columns": ({"data": {"tensor": {"shape": [1, 55], "values": [1.0] * 55}}}, "ata.tensor"),
    "an ndarray without names": ({"data": {"ndarray": [[1]]}}, "data.names is missing"),
    "no data in data": ({"data": {"names": ["id"]}}, "data holds neither"),
    "a record that is a number": ({"jsonData": 5}, "a list of rows is expected, not 5"),
    "no records": ({"jsonData": []}, "no rows"),
}


@pytest.mark.parametrize(("message", "said"), BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_a_message_of_the_wrong_form_is_refused_with_what_is_accepted(model, message, said):
    with pytest.raises(CallersFault, match=r"is expected|send |names the columns|holds|shape") as refused:
        model.predict_raw(message)
    assert said in refused.value.message
    if len(message) < 2:
        with pytest.raises(CallersFault):
            over_grpc(model, message)


@pytest.mark.parametrize(
    "message",
    [
        [],
        "text",
        5,
        None,
        {"data": []},
        {"data": {"ndarray": None, "names": list(NAMES)}},
        {"data": {"ndarray": [[1]], "names": "id"}},
        {"data": {"ndarray": [[1]], "names": [1]}},
        {"data": {"tensor": []}},
        {"data": {"tensor": {"shape": "1,56", "values": []}}},
        {"data": {"tensor": {"shape": [1, 1], "values": ["a"]}}},
        {"data": {"tensor": {"shape": [1, 1], "values": [True]}}},
        {"data": {"tensor": {"shape": [1, 1], "values": [10**400]}}},
        {"data": {"tensor": {"shape": [-1, 1], "values": [1.0]}}},
        {"data": {"ndarray": [[1]], "tensor": {}}},
        {"data": {"tftensor": {}}},
        {"jsonData": None},
        {"meta": []},
    ],
)
def test_json_of_any_shape_is_the_callers_fault(model, message):
    with pytest.raises(CallersFault):
        model.predict_raw(message)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["data", "ndarray", "tensor", "names", "shape", "values", "jsonData", "id"]), inner
        ),
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(json_values)
def test_no_json_at_all_gets_another_error(model, message):
    with pytest.raises(CallersFault):
        model.predict_raw(message)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e39])
def test_a_tensor_that_float32_cannot_hold_is_refused_by_row_and_feature(models, value):
    model = InstallModel(str(models / "champion"))
    values = [1.0] * 112
    values[56 + 8] = value
    with pytest.raises(CallersFault, match=f"row 1, column {ClassicFeatures.names[8]}: "):
        model.predict_raw({"data": {"tensor": {"shape": [2, 56], "values": values}}})


def test_a_funnel_model_takes_no_ready_features(models):
    model = InstallModel(str(models / "challenger"))
    with pytest.raises(CallersFault, match="a funnel model does not take"):
        model.predict_raw({"data": {"tensor": {"shape": [1, 56], "values": [1.0] * 56}}})


@pytest.mark.parametrize("reward", [0.0, 1.0, 0.5])
def test_every_reward_is_counted_for_the_predictor_that_answered(model, reward):
    response = {"meta": {"tags": {"predictor": "the-other"}}}
    feedback = {"reward": reward, "response": response}
    proto = json_format.ParseDict(feedback, prediction_pb2.Feedback())
    for answer in (model.send_feedback_raw(feedback), json_format.MessageToDict(model.send_feedback_raw(proto))):
        counted = {metric["key"]: metric["value"] for metric in answer["meta"]["metrics"]}
        assert counted == {"install_model_feedback": 1} | ({"install_model_reward": reward} if reward else {})
        assert all(metric["tags"] == {"credited_predictor": "the-other"} for metric in answer["meta"]["metrics"])


def test_a_reward_without_a_response_is_counted_for_the_one_that_got_it(model):
    [count] = model.send_feedback_raw({"reward": 0})["meta"]["metrics"]
    assert count["tags"] == {"credited_predictor": "predictor-7"}


@pytest.mark.parametrize("reward", [math.nan, math.inf, "1", True, None, -1])
def test_a_reward_that_is_no_number_is_refused(model, reward):
    with pytest.raises(CallersFault, match="a finite number from 0 is expected"):
        model.send_feedback_raw({"reward": reward})


def test_health_is_a_real_prediction(model):
    [probability] = model.health_status()
    assert 0 < probability < 1


def test_without_a_model_it_does_not_start(monkeypatch):
    monkeypatch.delenv("MLSERVER_MODEL_URI", raising=False)
    with pytest.raises(NoModelGiven, match="modelUri"):
        InstallModel()


def test_the_model_may_come_from_the_operators_variable(models, monkeypatch):
    monkeypatch.setenv("MLSERVER_MODEL_URI", f"file://{models / 'champion'}")
    assert InstallModel().init_metadata()["name"] == "champion"
