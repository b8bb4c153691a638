"""Classes of every kind, asked with messages of every kind, answer as under Seldon's own wrapper, which runs beside.

What differs on purpose stands in `wrapper_differences.py`.
"""

import functools
import json

import pytest
import wrapper_zoo as zoo
from google.protobuf import json_format
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from seldon_core.proto import prediction_pb2
from stock_oracle import Ours, Stock, in_our_pool, without_metrics_in_answers
from wrapper_differences import OVER_GRPC, OVER_REST, Case, explains
from wrapper_messages import metas, protos, tables, trees, well_formed

from model_server.graph.verbs import Verb

PLAIN_VERBS = [Verb.PREDICT, Verb.TRANSFORM_INPUT, Verb.TRANSFORM_OUTPUT]
JSON = "application/json"
quickly = functools.partial(
    settings,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TREES = [
    {
        "data": {"ndarray": [[1, 2], [3, 4]], "names": ["a", "b"]},
        "meta": {
            "puid": "x",
            "tags": {"k": 1, "colour": "red"},
            "metrics": [{"key": "m", "type": "GAUGE", "value": 3}],
            "requestPath": {"earlier": "image:0"},
            "routing": {"router": 1},
        },
    },
    {"data": {"tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}},
    {"data": {"ndarray": [["a", 1], [None, 2.5]]}},
    {"data": {"ndarray": [1, 2]}},
    {"data": {}},
    {"jsonData": [{"a": 1}]},
    {"jsonData": {"a": 1}, "meta": {"tags": {"k": [1, None]}}},
    {"strData": "404"},
    {"binData": "AAE="},
    {},
]


@functools.cache
def both(kind, method):
    kind = zoo.asked_as(kind, method)
    return Stock(kind()), Ours(kind())


def check_rest(kind, verb, tree, wrappers=None):
    stock, ours = wrappers or both(kind, verb.method)
    body = json.dumps(tree).encode()
    case = Case(kind, tree, stock.rest(verb.path, data=body, content_type=JSON), ours.rest(verb, body))
    assert explains(case, OVER_REST), f"Seldon: {case.stock}\nours: {case.ours}"


def check_grpc(kind, verb, message, wrappers=None):
    stock, ours = wrappers or both(kind, verb.method)
    # Three copies, since a class may write into its message.
    copies = [type(message).FromString(message.SerializeToString()) for _ in range(3)]
    case = Case(kind, message, stock.grpc(verb, copies[0]), ours.grpc(verb, copies[1]))
    assert explains(case, OVER_GRPC), f"Seldon: {case.stock}\nours: {case.ours}"
    assert ours.grpc(verb, in_our_pool(copies[2])) == case.ours


def message_of(tree, of=prediction_pb2.SeldonMessage):
    return json_format.ParseDict(tree, of())


@pytest.mark.parametrize("verb", PLAIN_VERBS, ids=lambda verb: verb.method)
@pytest.mark.parametrize("kind", zoo.PREDICTORS)
def test_every_class_answers_as_under_seldons_wrapper(kind, verb):
    for tree in TREES:
        check_rest(kind, verb, tree)
        check_grpc(kind, verb, message_of(tree))


@quickly(max_examples=600)
@given(st.sampled_from(zoo.PREDICTORS), st.sampled_from(PLAIN_VERBS), trees)
@example(zoo.Echo, Verb.PREDICT, {"data": {"tensor": {"shape": [10**9, 10**9], "values": []}}})
@example(zoo.Echo, Verb.PREDICT, {"data": {"tensor": {"shape": [-1, -1], "values": [1]}}})
@example(zoo.Echo, Verb.PREDICT, {"data": {"ndarray": [[10**400, 0.5]]}})
@example(zoo.Echo, Verb.PREDICT, {"data": 3})
@example(zoo.Tagged, Verb.PREDICT, {"data": {"ndarray": [[1]]}, "meta": {"tags": None}})
def test_any_tree_is_answered_as_under_seldons_wrapper(kind, verb, tree):
    check_rest(kind, verb, tree)


@quickly(max_examples=400)
@given(st.sampled_from(zoo.PREDICTORS), st.sampled_from(PLAIN_VERBS), protos())
def test_any_protobuf_message_is_answered_as_under_seldons_wrapper(kind, verb, message):
    check_grpc(kind, verb, message)


@pytest.mark.parametrize("kind", [zoo.Tagged, zoo.Responds, zoo.RespondsAndTells, zoo.RawWithMetrics, zoo.Echo])
def test_metrics_are_left_out_of_answers_where_seldon_leaves_them_out(kind, monkeypatch):
    without_metrics_in_answers(monkeypatch)
    wrappers = Stock(kind()), Ours(kind(), includes_metrics_in_answers=False)
    for tree in TREES:
        check_rest(kind, Verb.PREDICT, tree, wrappers)
        check_grpc(kind, Verb.PREDICT, message_of(tree), wrappers)


@pytest.mark.parametrize("kind", zoo.ROUTERS)
def test_routers_answer_as_under_seldons_wrapper(kind):
    for tree in TREES:
        check_rest(kind, Verb.ROUTE, tree)
        check_grpc(kind, Verb.ROUTE, message_of(tree))


aggregated = st.lists(well_formed, min_size=1, max_size=3)


@quickly(max_examples=200)
@given(st.sampled_from(zoo.COMBINERS), aggregated, st.booleans())
def test_combiners_answer_as_under_seldons_wrapper(kind, messages, in_an_object):
    check_rest(kind, Verb.AGGREGATE, {"seldonMessages": messages} if in_an_object else messages)


@quickly(max_examples=100)
@given(st.sampled_from(zoo.COMBINERS), st.lists(protos(), min_size=1, max_size=3))
def test_combiners_answer_protobuf_as_under_seldons_wrapper(kind, messages):
    stock, ours = both(kind, "aggregate")
    request = prediction_pb2.SeldonMessageList(seldonMessages=messages)
    told, said = stock.grpc(Verb.AGGREGATE, request), ours.grpc(Verb.AGGREGATE, request)
    assert any(explains(Case(kind, message, told, said), OVER_GRPC) for message in messages), f"{told}\n{said}"


feedbacks = st.fixed_dictionaries(
    {},
    optional={
        "request": st.fixed_dictionaries({"data": st.fixed_dictionaries({"ndarray": tables(st.integers(0, 3))})})
        | st.fixed_dictionaries({"strData": st.just("x")}, optional={"meta": metas}),
        "response": st.fixed_dictionaries(
            {
                "meta": st.fixed_dictionaries(
                    {"routing": st.dictionaries(st.sampled_from(["unit-7", "other"]), st.integers(-1, 2))}
                )
            }
        ),
        "truth": st.fixed_dictionaries(
            {"data": st.fixed_dictionaries({"tensor": st.just({"shape": [2], "values": [1.0, 0.0]})})}
        ),
        "reward": st.sampled_from([0, 0.0, 1, 0.5, -1, 0.1]),
    },
)


@quickly(max_examples=150)
@given(st.sampled_from(zoo.LEARNERS), feedbacks)
def test_feedback_is_answered_as_under_seldons_wrapper(kind, feedback):
    check_rest(kind, Verb.SEND_FEEDBACK, feedback)
    stock, ours = both(kind, "send_feedback")
    proto = message_of(feedback, prediction_pb2.Feedback)
    assert stock.grpc(Verb.SEND_FEEDBACK, proto) == ours.grpc(Verb.SEND_FEEDBACK, proto)
    assert ours.grpc(Verb.SEND_FEEDBACK, in_our_pool(proto)) == ours.grpc(Verb.SEND_FEEDBACK, proto)


@pytest.mark.parametrize("feedback", [{"reward": "high"}, {"unknown": 1}, {"request": 5}, {"truth": {"data": 5}}])
def test_feedback_that_is_none_is_refused_as_by_seldons_wrapper(feedback):
    check_rest(zoo.Learns, Verb.SEND_FEEDBACK, feedback)


@pytest.mark.parametrize("kind", zoo.PATIENTS)
def test_health_is_told_as_by_seldons_wrapper(kind):
    stock, ours = both(kind, "health_status")
    assert stock.rest("/health/status") == ours.health()
