"""Requests answered together get what each would have got alone, to the bit."""

import copy
import json

import numpy as np
import pytest
import row_wise_zoo as zoo
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from seldon_core.proto import prediction_pb2
from stock_oracle import Ours, as_text, in_our_pool
from wrapper_messages import junk, protos, trees, well_formed

from model_server.graph.errors import GraphError
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import bodies
from model_server.graph.wrapper.row_wise import answer_many, is_row_wise, rows_of


def is_proto(message):
    return hasattr(message, "DESCRIPTOR")


def told(outcome, message):
    """What the caller sees."""
    try:
        if isinstance(outcome, GraphError):
            raise outcome
        return as_text(outcome) if is_proto(message) else json.dumps(json.loads(bodies.encode(outcome)), sort_keys=True)
    except GraphError as error:
        return (error.code, error.details()) if is_proto(message) else (error.http_status, error.body())


def alone(kind, verb, messages):
    """The outcomes of messages asked one by one, and the metrics that were told."""
    ours = Ours(kind())
    outcomes = []
    for message in copy.deepcopy(messages):
        [outcome] = answer_many(ours.wrapped, verb, [message])
        outcomes.append(told(outcome, message))
    return outcomes, counted(ours)


def together(kind, verb, messages):
    ours = Ours(kind())
    outcomes = answer_many(ours.wrapped, verb, copy.deepcopy(messages))
    return [told(outcome, message) for outcome, message in zip(outcomes, messages, strict=True)], counted(ours)


def counted(ours):
    return sorted(json.dumps(metric, sort_keys=True) for metric in ours.counted.metrics)


def check(kind, verb, messages):
    expected, expected_metrics = alone(kind, verb, messages)
    outcomes, metrics = together(kind, verb, messages)
    assert outcomes == expected
    if kind not in {zoo.ManyForgetsOne, zoo.ManyFails}:
        assert metrics == expected_metrics


@st.composite
def matrices(draw):
    """Messages that are likely to be alike."""
    width = draw(st.sampled_from([1, 2, 2, 2]))
    cells = draw(
        st.sampled_from([st.integers(-1, 9), st.floats(-8, 8, width=32), st.sampled_from(["a", "bc"]), st.none()])
    )
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=4))
    data = {"ndarray": rows}
    if draw(st.booleans()) and rows and all(isinstance(cell, int | float) for row in rows for cell in row):
        data = {"tensor": {"shape": [len(rows), width], "values": [cell for row in rows for cell in row]}}
    names = draw(st.sampled_from([None, None, ["a", "b"], ["b", "a"]]))
    tree = {"data": data if names is None else data | {"names": names}}
    if draw(st.booleans()):
        tree["meta"] = {"puid": draw(st.sampled_from(["p", "q"])), "tags": {"k": draw(st.integers(0, 3))}}
    if draw(st.booleans()):
        return tree
    message = json_format.ParseDict(tree, prediction_pb2.SeldonMessage())
    return message if draw(st.booleans()) else in_our_pool(message)


alike = st.lists(matrices() | matrices() | matrices() | well_formed, min_size=2, max_size=6)
anything = st.lists(st.one_of(matrices(), trees, protos()), min_size=1, max_size=5)
verbs = st.sampled_from([Verb.PREDICT, Verb.PREDICT, Verb.TRANSFORM_INPUT, Verb.TRANSFORM_OUTPUT])


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.sampled_from(zoo.JOINED + zoo.NOT_JOINED), verbs, alike | anything)
def test_arrays_that_are_joined_get_what_each_would_have_got_alone(kind, verb, messages):
    check(kind, verb, messages)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.sampled_from(zoo.MANY), st.lists(st.one_of(well_formed, junk, protos()), min_size=1, max_size=5))
def test_messages_handed_over_together_get_what_each_would_have_got_alone(kind, messages):
    check(kind, Verb.PREDICT, messages)


def ndarray(*rows, **data):
    return {"data": {"ndarray": list(rows), **data}}


RAGGED = ndarray([1.0], [2.0, 3.0])


def test_alike_messages_are_one_call():
    ours = Ours(zoo.Scores())
    request = prediction_pb2.SeldonMessage(data={"tensor": {"shape": [1, 2], "values": [5.0, 6.0]}})
    messages = [ndarray([1.0, 2.0]), ndarray([3.0, 4.0], [0.0, 1.0]), request]
    answers = answer_many(ours.wrapped, Verb.PREDICT, messages)
    assert ours.wrapped.user.instance.n_calls == 1
    assert [answer["data"]["ndarray"] for answer in answers[:2]] == [[3.0], [7.0, 1.0]]
    assert list(answers[2].data.tensor.values) == [11.0]
    assert len(ours.counted.metrics) == 3


@pytest.mark.parametrize(
    "other",
    [
        ndarray([1.0]),
        ndarray([1, 2]),
        ndarray(["1.0", "2.0"]),
        ndarray([1.0, 2.0], names=["a", "b"]),
        ndarray([1.0, 2.0], names=None),
        ndarray(1.0, 2.0),
        ndarray(),
        ndarray([[1.0, 2.0]]),
        {"jsonData": [[1.0, 2.0]]},
        RAGGED,
    ],
    ids=json.dumps,
)
def test_messages_that_are_not_alike_are_not_joined(other):
    ours = Ours(zoo.TellsNames())
    messages = [ndarray([1.0, 2.0]), other, ndarray([3.0, 4.0])]
    answer_many(ours.wrapped, Verb.PREDICT, messages)
    assert ours.wrapped.user.instance.n_calls == (1 if other is RAGGED else 2)
    check(zoo.TellsNames, Verb.PREDICT, messages)


def test_one_dimension_may_be_one_row_and_is_not_joined():
    check(zoo.Shares, Verb.PREDICT, [ndarray(1.0, 3.0), ndarray(2.0, 2.0)])


def test_another_number_of_rows_is_no_answer_to_all():
    check(zoo.FirstOnly, Verb.PREDICT, [ndarray([1.0], [2.0]), ndarray([3.0])])


def test_one_bad_row_costs_its_own_caller_only():
    ours = Ours(zoo.RefusesNegatives())
    answers = answer_many(ours.wrapped, Verb.PREDICT, [ndarray([1]), ndarray([-1]), ndarray([2], [3])])
    assert ours.wrapped.user.instance.n_calls == 1 + 3
    assert [answer["data"]["ndarray"] for answer in answers[::2]] == [[[1]], [[2], [3]]]
    assert (answers[1].http_status, answers[1].message) == (400, "a number below zero")
    assert isinstance(answers[1].__cause__, Exception)


def test_a_many_method_is_one_call_whatever_the_messages():
    ours = Ours(zoo.Many())
    messages = [{"strData": "x"}, {"jsonData": 1}, 5, prediction_pb2.SeldonMessage(strData="x")]
    answers = answer_many(ours.wrapped, Verb.PREDICT, messages)
    assert ours.wrapped.user.instance.n_calls == 1
    assert [getattr(answer, "http_status", 200) for answer in answers] == [200, 409, 500, 200]
    assert answers[0]["meta"]["metrics"][0]["tags"] == {"a": "b", "method": "predict"}


@pytest.mark.parametrize(
    ("kind", "verb", "expected"),
    [
        (zoo.Linear, Verb.PREDICT, True),
        (zoo.Linear, Verb.TRANSFORM_INPUT, True),
        (zoo.Linear, Verb.ROUTE, False),
        (zoo.Linear, Verb.AGGREGATE, False),
        (zoo.OfSeldon, Verb.PREDICT, True),
        (zoo.InsistsOnMeta, Verb.PREDICT, False),
        (zoo.InsistsOnMeta, Verb.TRANSFORM_INPUT, True),
        (zoo.SeesMessages, Verb.PREDICT, False),
        (zoo.Undeclared, Verb.PREDICT, False),
        (zoo.Many, Verb.PREDICT, True),
        (zoo.Many, Verb.TRANSFORM_INPUT, False),
    ],
)
def test_a_class_is_row_wise_where_it_says_so(kind, verb, expected):
    assert is_row_wise(Ours(kind()).wrapped, verb) is expected


def tensor(shape, n_values):
    return {"data": {"tensor": {"shape": shape, "values": [0.0] * n_values}}}


@pytest.mark.parametrize(
    ("tree", "n_rows"),
    [
        (ndarray([1], [2], [3]), 3),
        (ndarray(), 1),
        (tensor([2, 3], 6), 2),
        (tensor([1_000_000, 1], 2), 2),
        (tensor([0, 5], 0), 1),
        (tensor([-1, 2], 4), 1),
        (tensor([], 1), 1),
        ({"jsonData": [{}, {}]}, 2),
        ({"jsonData": {"a": 1}}, 1),
        ({"strData": "x"}, 1),
        ({"binData": "AAE="}, 1),
        ({"data": {"names": ["a"]}}, 1),
        ({}, 1),
    ],
    ids=str,
)
def test_rows_are_counted_at_a_glance(tree, n_rows):
    assert rows_of(tree) == n_rows
    assert rows_of(json_format.ParseDict(tree, prediction_pb2.SeldonMessage())) == n_rows


@settings(deadline=None, derandomize=True)
@given(trees | protos())
def test_rows_of_anything_are_at_least_one(message):
    assert rows_of(message) >= 1


def test_messages_that_are_no_seldon_message_are_one_row():
    assert rows_of(prediction_pb2.Feedback()) == rows_of(prediction_pb2.SeldonMessageList()) == rows_of([]) == 1


@pytest.mark.parametrize("n", [1, 2])
def test_the_messages_stay_as_they_are_whatever_a_class_does_to_what_it_gets(n):
    class Scribbles:
        row_wise = True

        def predict(self, X, names, meta=None):
            X[0] = 7
            if names is not None:
                names.append("more")
            if meta:
                meta["tags"] = {"k": 2}
            if n == 2:
                raise ValueError("not together")
            return X

    trees = [ndarray([1.0], names=["a"]), {"jsonData": [[1]], "meta": {"tags": {"k": 1}}}]
    for message in (*trees, json_format.ParseDict(trees[0], prediction_pb2.SeldonMessage())):
        before = copy.deepcopy(message)
        answer_many(Ours(Scribbles()).wrapped, Verb.PREDICT, [message] * n)
        assert message == before


def test_a_result_is_cut_where_the_requests_were_joined():
    """Parts of very different sizes, so that a shifted cut cannot pass."""
    sizes = [1, 7, 2, 30]
    starts = np.cumsum([0, *sizes])
    messages = [
        ndarray(*[[float(row)] for row in range(start, start + size)])
        for start, size in zip(starts[:-1].tolist(), sizes, strict=True)
    ]
    answers = answer_many(Ours(zoo.Linear()).wrapped, Verb.PREDICT, messages)
    for message, answer in zip(messages, answers, strict=True):
        assert answer["data"]["ndarray"] == [[2 * row[0] + 1] for row in message["data"]["ndarray"]]
