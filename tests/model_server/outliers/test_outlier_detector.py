"""OutlierDetector, called as Seldon calls it: hands on what came, with its marks, whatever came."""

import copy
import json
import math

import bad_messages
import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seldon_core.proto import prediction_pb2

from model_server import artifact
from model_server.graph import protos
from model_server.impressions import NAMES, from_table
from model_server.outliers.forest import Forest
from model_server.outliers.outlier_detector import InvalidThreshold, NoDetectorGiven, OutlierDetector

POOLS = {"Seldon's": prediction_pb2.SeldonMessage, "ours": protos.ours().SeldonMessage}


def as_proto(tree, message_class=prediction_pb2.SeldonMessage):
    return json_format.ParseDict(tree, message_class())


def table(rows, names=NAMES):
    return {"data": {"names": list(names), "ndarray": rows}}


def records(rows):
    return {"jsonData": [dict(zip(NAMES, row, strict=True)) for row in rows]}


def impossible(row):
    row = list(row)
    row[NAMES.index("installCount")] = row[NAMES.index("clickCount")] + 40
    row[NAMES.index("platform")] = {"ios": "android", "android": "ios"}[row[NAMES.index("platform")]]
    return row


def marks(message):
    meta = message["meta"] if isinstance(message, dict) else json_format.MessageToDict(message)["meta"]
    return meta["tags"]["outlier_score"], meta["tags"]["is_outlier"]


def counted(message):
    meta = message.get("meta", {}) if isinstance(message, dict) else json_format.MessageToDict(message.meta)
    return {
        (metric["key"], *metric.get("tags", {}).values()): metric.get("value", 0) for metric in meta.get("metrics", [])
    }


def test_every_form_gets_the_scores_of_its_rows_to_the_bit(marking, bundle, rows):
    expected = bundle.scores(from_table(rows, NAMES)).tolist()
    order = np.random.default_rng(2).permutation(16)
    shuffled = table([[row[i] for i in order] for row in rows], [NAMES[i] for i in order])
    for tree in (table(rows), shuffled, records(rows)):
        for message in (tree, *(as_proto(tree, each) for each in POOLS.values())):
            scores, is_outlier = marks(marking.transform_input_raw(message))
            assert scores == expected
            assert is_outlier == [int(score > bundle.threshold) for score in expected]
    one = {"jsonData": records(rows)["jsonData"][7]}
    assert marks(marking.transform_input_raw(one))[0] == expected[7:8]


def test_an_impossible_row_is_marked_and_its_neighbours_are_not(marking, rows):
    kept = [row for row in rows if marks(marking.transform_input_raw(table([row])))[1] == [0]][:3]
    answer = marking.transform_input_raw(table([kept[0], impossible(kept[1]), kept[2]]))
    assert marks(answer)[1] == [0, 1, 0]
    assert counted(answer) == {("outlier_detector_rows",): 3, ("outlier_detector_outliers",): 1}


def test_the_message_is_handed_on_as_it_is_but_for_the_marks(marking, rows):
    tree = table(rows[:2]) | {"meta": {"puid": "p", "tags": {"user": "u", "n": [1, None]}, "routing": {"r": 1}}}
    before = copy.deepcopy(tree)
    answer = marking.transform_input_raw(tree)
    assert tree == before
    for own in ("outlier_score", "is_outlier"):
        del answer["meta"]["tags"][own]
    del answer["meta"]["metrics"]
    assert json.dumps(answer, sort_keys=True) == json.dumps(before, sort_keys=True)
    assert answer["data"] is tree["data"]
    for message_class in POOLS.values():
        message = as_proto(before, message_class)
        serialized = message.SerializeToString(deterministic=True)
        answer = marking.transform_input_raw(message)
        assert message.SerializeToString(deterministic=True) == serialized
        for own in ("outlier_score", "is_outlier"):
            del answer.meta.tags[own]
        del answer.meta.metrics[:]
        assert answer.SerializeToString(deterministic=True) == serialized


def test_its_name_and_image_join_the_path_as_those_of_every_component(detector, rows, monkeypatch):
    monkeypatch.setenv("PREDICTIVE_UNIT_ID", "outlier-detector")
    monkeypatch.setenv("PREDICTIVE_UNIT_IMAGE", "forkcast/champion:0.1.0")
    named = OutlierDetector(str(detector))
    tree = table(rows[:1]) | {"meta": {"requestPath": {"before": "b:1"}}}
    expected = {"before": "b:1", "outlier-detector": "forkcast/champion:0.1.0"}
    assert named.transform_input_raw(tree)["meta"]["requestPath"] == expected
    assert dict(named.transform_input_raw(as_proto(tree)).meta.requestPath) == expected


def test_metrics_that_came_with_a_request_are_not_counted_again(marking, rows):
    theirs = {"meta": {"metrics": [{"key": "theirs", "type": "COUNTER", "value": 5.0}]}}
    for tree in (table(rows[:1]) | theirs, {"strData": "x"} | theirs):
        for message in (tree, as_proto(tree)):
            assert ("theirs",) not in counted(marking.transform_input_raw(message))


def test_ready_features_go_on_unmarked_and_are_counted(marking):
    tree = {"data": {"tensor": {"shape": [1, 56], "values": [0.5] * 56}}, "meta": {"puid": "p"}}
    for message in (tree, as_proto(tree)):
        answer = marking.transform_input_raw(message)
        assert counted(answer) == {("outlier_detector_unread", "ready_features"): 1}
        told = answer if isinstance(answer, dict) else json_format.MessageToDict(answer)
        assert told["data"] == tree["data"]
        assert "tags" not in told["meta"]


@pytest.mark.parametrize("message", bad_messages.ALL.values(), ids=bad_messages.ALL)
def test_what_the_model_will_refuse_goes_on_to_it_as_it_came(marking, message):
    answer = marking.transform_input_raw(message)
    if not isinstance(message, dict):
        assert answer is message
        return
    assert counted(answer) == {("outlier_detector_unread", "invalid"): 1}
    assert {key: value for key, value in answer.items() if key != "meta"} == {
        key: value for key, value in message.items() if key != "meta"
    }


@pytest.mark.parametrize("meta", [None, [], 5, "x", {"tags": 5}, {"tags": None, "requestPath": []}, {"metrics": 5}])
def test_a_meta_of_any_shape_gets_marks(marking, rows, meta):
    assert len(marks(marking.transform_input_raw(table(rows[:2]) | {"meta": meta}))[0]) == 2


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("\ud800")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    *("data", "ndarray", "tensor", "names", "shape", "values", "jsonData", "meta", "tags", "metrics"),
                    *("requestPath", "puid", "id", "timestamp"),
                ]
            ),
            inner,
        ),
    ),
    max_leaves=15,
)


@st.composite
def hostile(draw, rows):
    """Nonsense, or a good request of which a part, at any depth, is nonsense."""
    if draw(st.booleans()):
        return draw(json_values)
    tree = copy.deepcopy(draw(st.sampled_from([table(rows[:2]), records(rows[:2]), records(rows[:1])])))
    tree["meta"] = draw(st.sampled_from([None, {}, {"tags": {"user": "u"}}]))
    place = tree
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 3)) == 0:
            place[key] = draw(json_values)
            return tree
        place = place[key]


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_fails_it_and_a_batch_gets_what_each_would_have_got_alone(marking, rows, data):
    messages = data.draw(st.lists(hostile(rows), min_size=1, max_size=6))
    before = repr(messages)
    together = marking.transform_input_many(messages)
    assert repr(messages) == before
    for message, answer in zip(messages, together, strict=True):
        assert repr(answer) == repr(marking.transform_input_raw(message))
        if isinstance(message, dict):
            rest = {key: value for key, value in message.items() if key != "meta"}
            assert repr({key: value for key, value in answer.items() if key != "meta"}) == repr(rest)
            assert counted(answer)
            tags = answer["meta"].get("tags")
            if isinstance(tags, dict) and ("outlier_detector_rows",) in counted(answer):
                assert all(map(math.isfinite, tags["outlier_score"]))
                assert len(tags["outlier_score"]) == len(tags["is_outlier"]) >= 1
        else:
            assert answer is message


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_trees_and_protobuf_mixed_get_what_each_would_have_got_alone(marking, rows, data):
    def message(draw):
        start, n = draw(st.integers(0, 50)), draw(st.integers(1, 9))
        chosen = [impossible(row) if draw(st.booleans()) else row for row in rows[start : start + n]]
        tree = draw(st.sampled_from([table, records]))(chosen)
        if draw(st.integers(0, 4)) == 0:
            tree = draw(st.sampled_from([{"strData": "x"}, {"data": {"tensor": {"shape": [1], "values": [1.0]}}}]))
        return draw(st.sampled_from([lambda same: same, *(lambda t, c=c: as_proto(t, c) for c in POOLS.values())]))(
            tree
        )

    messages = [message(data.draw) for _ in range(data.draw(st.integers(1, 7)))]

    def told(answer):
        return answer.SerializeToString(deterministic=True) if hasattr(answer, "DESCRIPTOR") else repr(answer)

    together = [told(answer) for answer in marking.transform_input_many(messages)]
    assert together == [told(marking.transform_input_raw(each)) for each in messages]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_json_cannot_tell_reaches_nobody(detector, rows, monkeypatch, bad):
    marking = OutlierDetector(str(detector))
    scores = Forest.scores
    monkeypatch.setattr(Forest, "scores", lambda *own: np.where(np.arange(len(own[1])) == 1, bad, scores(*own)))
    unmarked, marked = marking.transform_input_many([table(rows[:2]), table(rows[2:4])])
    assert counted(unmarked) == {("outlier_detector_unread", "failed"): 1}
    assert "tags" not in unmarked["meta"]
    assert len(marks(marked)[0]) == 2


def test_its_own_failure_is_nobody_elses_and_logged_once(detector, rows, monkeypatch, caplog):
    marking = OutlierDetector(str(detector))

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(Forest, "scores", fail)
    for answer in marking.transform_input_many([table(rows[:2]), table(rows[2:4])]):
        assert counted(answer) == {("outlier_detector_unread", "failed"): 1}
        assert answer["data"]["ndarray"] in (rows[:2], rows[2:4])
    assert len(caplog.records) == 1
    assert "MemoryError" in caplog.text


def test_another_threshold_is_a_parameter(detector, rows):
    assert marks(OutlierDetector(str(detector), threshold=-0.5).transform_input_raw(table(rows)))[1] == [1] * 60
    assert marks(OutlierDetector(str(detector), threshold=0.5).transform_input_raw(table(rows)))[1] == [0] * 60


@pytest.mark.parametrize("threshold", [math.nan, math.inf, "0.1", True])
def test_a_threshold_that_is_no_number_is_refused(detector, threshold):
    with pytest.raises(InvalidThreshold, match="FLOAT"):
        OutlierDetector(str(detector), threshold=threshold)


def test_without_a_detector_it_does_not_start(monkeypatch):
    monkeypatch.delenv("MLSERVER_MODEL_URI", raising=False)
    with pytest.raises(NoDetectorGiven, match="fit-detector"):
        OutlierDetector()
    with pytest.raises(artifact.BundleMissing, match="s3://"):
        OutlierDetector("s3://bucket/detector")


def test_the_detector_may_come_from_the_operators_variable(detector, monkeypatch):
    monkeypatch.setenv("MLSERVER_MODEL_URI", f"file://{detector}")
    described = OutlierDetector().init_metadata()
    assert described["name"] == "detector"
    assert all(isinstance(value, str) for value in described["custom"].values())


def test_health_is_a_real_score(marking):
    [score] = marking.health_status()
    assert -0.5 < score < 0.5
