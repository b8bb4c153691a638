"""What counts as an answer, over REST and gRPC alike."""

import contextlib
import json

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from seldon_core.proto import prediction_pb2

from model_server.impressions import NAMES
from traffic_sim.messages import proto, rest
from traffic_sim.messages.answers import MAX_REASON_LENGTH, Malformed, from_json, from_message, reason_of


def as_json(message, n_rows):
    return from_json(json.dumps(message).encode(), n_rows)


def as_proto(message, n_rows):
    return proto.scores(json_format.ParseDict(message, prediction_pb2.SeldonMessage()).SerializeToString(), n_rows)


READERS = pytest.mark.parametrize("read", [as_json, as_proto])


@READERS
@pytest.mark.parametrize(
    "data",
    [
        {"ndarray": [0.25, 0.5]},
        {"ndarray": [[0.25], [0.5]]},
        {"names": ["p"], "tensor": {"shape": [2], "values": [0.25, 0.5]}},
        {"tensor": {"shape": [2, 1], "values": [0.25, 0.5]}},
    ],
)
def test_a_probability_for_each_row_is_an_answer(read, data):
    scores = read({"data": data, "meta": {"tags": {"predictor": "champion"}}}, 2)
    assert scores.values == (0.25, 0.5)
    assert scores.predictor == "champion"


@READERS
@pytest.mark.parametrize(
    "message",
    [
        {"data": {"ndarray": [0.25]}},
        {"data": {"ndarray": [0.25, 0.5, 0.75]}},
        {"data": {"ndarray": []}},
        {"data": {"ndarray": [0.25, 1.5]}},
        {"data": {"ndarray": [0.25, -0.1]}},
        {"data": {"ndarray": [0.25, "0.5"]}},
        {"data": {"ndarray": [0.25, True]}},
        {"data": {"ndarray": [0.25, None]}},
        {"data": {"ndarray": [[0.25, 0.75], [0.5, 0.5]]}},
        {"data": {"ndarray": [[0.25], 0.5]}},
        {"data": {"tensor": {"shape": [1, 2], "values": [0.25, 0.5]}}},
        {"data": {"tensor": {"shape": [2], "values": [0.25]}}},
        {"data": {}},
        {"strData": "fine"},
        {},
    ],
)
def test_anything_else_is_not(read, message):
    with pytest.raises(Malformed):
        read(message, 2)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"data": 3}', b'{"data": {"ndarray": [NaN]}}'])
def test_a_body_that_is_no_seldon_message_is_not_an_answer(body):
    with pytest.raises(Malformed):
        from_json(body, 1)


@pytest.mark.parametrize("meta", [{}, {"tags": {}}, {"tags": {"predictor": ""}}, {"tags": {"other": "x"}}])
@READERS
def test_an_answer_without_a_predictor_is_counted_as_unknown(read, meta):
    assert read({"data": {"ndarray": [0.5]}, "meta": meta}, 1).predictor == "unknown"


@READERS
@pytest.mark.parametrize(
    ("tags", "who"),
    [
        ({"predictor": "arms", "arm": "challenger"}, "challenger"),
        ({"arm": "challenger"}, "challenger"),
        ({"predictor": "arms", "arm": ""}, "arms"),
        ({"predictor": "arms", "arm": 3}, "arms"),
    ],
)
def test_the_arm_that_a_router_chose_is_who_answered(read, tags, who):
    assert read({"data": {"ndarray": [0.5]}, "meta": {"tags": tags}}, 1).predictor == who


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(body):
    for read in (from_json, proto.scores):
        with contextlib.suppress(Malformed):
            read(body, 1)


@given(st.binary(max_size=2_000))
def test_a_reason_is_one_short_line_whatever_the_body(body):
    reason = reason_of(body)
    assert len(reason) <= MAX_REASON_LENGTH
    assert "\n" not in reason


def test_a_reason_is_seldons_own_where_there_is_one():
    assert reason_of(b'{"status":{"code":400,"info":"row 3, column country: null","status":"FAILURE"}}') == (
        "row 3, column country: null"
    )


ROWS = [[1, "2019-01-21T09:00:14Z", "c", *[None] * 13]]


def test_a_request_says_the_same_over_rest_and_grpc():
    over_grpc = prediction_pb2.SeldonMessage.FromString(proto.prediction(ROWS))
    assert json.loads(rest.prediction(ROWS)) == {"data": {"names": list(NAMES), "ndarray": ROWS}}
    assert json_format.MessageToDict(over_grpc) == json.loads(rest.prediction(ROWS))


def test_a_request_names_its_user_over_rest_and_grpc():
    over_grpc = prediction_pb2.SeldonMessage.FromString(proto.prediction(ROWS, "u7"))
    over_rest = json.loads(rest.prediction(ROWS, "u7"))
    assert over_rest["meta"] == {"tags": {"user": "u7"}}
    assert json_format.MessageToDict(over_grpc) == over_rest


def test_an_id_is_added_to_what_came_back_and_never_replaces_one():
    for response, expected in (
        ({"data": {"ndarray": [0.5]}}, "id"),
        ({"data": {"ndarray": [0.5]}, "meta": {"puid": ""}}, "id"),
        ({"data": {"ndarray": [0.5]}, "meta": {"puid": "theirs", "tags": {"arm": "b"}}}, "theirs"),
    ):
        told = json.loads(rest.feedback(b"{}", json.dumps(response).encode(), 1, "id"))["response"]
        assert told == {**response, "meta": {**response.get("meta", {}), "puid": expected}}
        encoded = json_format.ParseDict(response, prediction_pb2.SeldonMessage()).SerializeToString()
        message = prediction_pb2.Feedback.FromString(proto.feedback(b"", encoded, 1, "id"))
        assert json_format.MessageToDict(message.response) == told


def test_feedback_carries_request_and_response_as_they_were():
    response = {"data": {"ndarray": [0.5]}, "meta": {"tags": {"predictor": "champion", "anything": [1]}}}
    body = rest.feedback(rest.prediction(ROWS), json.dumps(response).encode() + b"\n", 0)
    assert json.loads(body) == {"request": json.loads(rest.prediction(ROWS)), "response": response, "reward": 0}
    encoded = json_format.ParseDict(response, prediction_pb2.SeldonMessage()).SerializeToString()
    message = prediction_pb2.Feedback.FromString(proto.feedback(proto.prediction(ROWS), encoded, 1))
    assert message.reward == 1
    assert json_format.MessageToDict(message.response) == response
    assert json_format.MessageToDict(message.request) == json.loads(rest.prediction(ROWS))


tag = st.sampled_from([None, "", "a", "b", 1, True])
value = st.one_of(st.floats(-0.5, 1.5), st.integers(-1, 2), st.booleans(), st.none(), st.just([0.5]))
message = st.fixed_dictionaries(
    {},
    optional={
        "data": st.fixed_dictionaries(
            {}, optional={"ndarray": st.lists(value, max_size=3), "tensor": st.just({"shape": [1], "values": [0.5]})}
        ),
        "meta": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "tags": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"arm": tag, "predictor": tag}))
                },
            ),
        ),
    },
)


@given(message, st.integers(1, 2))
def test_the_quick_reading_says_what_the_thorough_one_does(told, n_rows):
    def said(read, body):
        try:
            return read(body, n_rows)
        except Malformed as error:
            return str(error)

    assert said(from_json, json.dumps(told).encode()) == said(from_message, told)
