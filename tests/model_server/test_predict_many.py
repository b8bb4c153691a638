"""Requests scored together get what each would have got alone, to the bit."""

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seldon_core.proto import prediction_pb2

from model_server import artifact
from model_server.errors import CallersFault
from model_server.graph import protos
from model_server.impressions import MAX_ROWS, NAMES, to_rows
from model_server.install_model import InstallModel

N_ROWS = 60
COUNTRY, CLICKS, LAST_START = (NAMES.index(name) for name in ("country", "clickCount", "lastStart"))


@pytest.fixture(scope="module", params=["champion", "challenger"])
def model(models, request):
    return InstallModel(str(models / request.param))


@pytest.fixture(scope="module")
def rows(labelled):
    return to_rows(labelled[0].take(slice(0, N_ROWS)))


@pytest.fixture(scope="module")
def ready(models, labelled):
    """Features of the classic model that hold no missing value, as a tensor may carry them."""
    matrix = artifact.load(models / "champion").features.transform(labelled[0].take(slice(0, 400)))
    return matrix[np.isfinite(matrix).all(axis=1)]


def told(answer):
    if isinstance(answer, CallersFault):
        return type(answer).__name__, answer.message
    if isinstance(answer, dict):
        return repr(answer)
    return answer.SerializeToString(deterministic=True)


def alone(model, message):
    try:
        return told(model.predict_raw(message))
    except CallersFault as fault:
        return told(fault)


def together(model, messages):
    return [told(answer) for answer in model.predict_many(messages)]


def as_proto(tree):
    ours = protos.ours().SeldonMessage
    return json_format.ParseDict(tree, prediction_pb2.SeldonMessage()), json_format.ParseDict(tree, ours())


@st.composite
def requests(draw, rows, ready):
    """A request, good or bad, as a tree or as protobuf of either pool."""
    start = draw(st.integers(0, N_ROWS - 1))
    chosen = [list(row) for row in rows[start : start + draw(st.sampled_from([1, 1, 2, 3, 5, 8, 20]))]]
    spoilt = draw(st.sampled_from(["", "", "", "unknown text", "no last start", "bad cell", "ragged", "bad name"]))
    match spoilt:
        case "unknown text":
            chosen[-1][COUNTRY] = draw(st.sampled_from(["Atlantis", "", "DE "]))
        case "no last start":
            chosen[0][LAST_START] = None
        case "bad cell":
            chosen[draw(st.integers(0, len(chosen) - 1))][CLICKS] = draw(
                st.sampled_from([-1, 0.5, "7", None, True, 10**30])
            )
        case "ragged":
            chosen[-1] = chosen[-1][:-1]
    order = (
        draw(st.permutations(range(len(NAMES)))) if draw(st.booleans()) and spoilt != "ragged" else range(len(NAMES))
    )
    names = [NAMES[i] for i in order]
    if spoilt == "bad name":
        names[0] = "clicks"
    match draw(st.sampled_from(["ndarray", "ndarray", "ndarray", "records", "record", "tensor", "text"])):
        case "ndarray":
            cells = chosen if spoilt == "ragged" else [[row[i] for i in order] for row in chosen]
            tree = {"data": {"ndarray": cells, "names": names}}
        case "records":
            tree = {"jsonData": [dict(zip(NAMES, row, strict=False)) for row in chosen]}
        case "record":
            tree = {"jsonData": dict(zip(NAMES, chosen[-1], strict=False))}
        case "tensor":
            matrix = ready[start % len(ready) :][: len(chosen)]
            values = matrix.ravel().tolist()
            tree = {"data": {"tensor": {"shape": [len(matrix), 56], "values": values[spoilt == "ragged" :]}}}
        case _:
            tree = {"strData": "impression"}
    if draw(st.booleans()):
        tree["meta"] = {"puid": f"p-{start}", "tags": {"n": start}}
    forms = [tree, *as_proto(tree)]
    return forms[draw(st.integers(0, 2))]


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_requests_scored_together_get_what_each_would_have_got_alone(model, rows, ready, data):
    messages = data.draw(st.lists(requests(rows, ready), min_size=1, max_size=8))
    assert together(model, messages) == [alone(model, message) for message in messages]


def test_a_hundred_batches_of_every_size_are_scored_to_the_bit(models, labelled):
    """Vectorised code has other paths for other numbers of rows, and for what is left over at the end."""
    impressions = labelled[0].take(slice(0, 400))
    for name in ("champion", "challenger"):
        bundle = artifact.load(models / name)
        matrix = bundle.features.transform(impressions)
        scores = bundle.booster.predict(matrix)
        for n_rows in [*range(1, 70), 127, 128, 129, 200]:
            start = (n_rows * 7) % 200
            part = slice(start, start + n_rows)
            features = bundle.features.transform(impressions.take(part))
            assert features.tobytes() == matrix[part].tobytes(), (name, n_rows)
            assert bundle.booster.predict(features).tobytes() == scores[part].tobytes(), (name, n_rows)


def test_all_together_may_be_more_rows_than_one_request_may_hold(model, rows):
    request = {"data": {"names": list(NAMES), "ndarray": (rows * 200)[: MAX_ROWS // 2 + 1]}}
    too_long = {"data": {"names": list(NAMES), "ndarray": rows * 200}}
    [first, refused, last] = model.predict_many([request, too_long, request])
    assert first == last == model.predict_raw(request)
    assert "12,000 rows" in refused.message


def test_findings_name_the_rows_of_their_own_request(model, rows):
    bad = [list(row) for row in rows[:3]]
    bad[2][CLICKS] = -1
    good = {"data": {"names": list(NAMES), "ndarray": rows[:5]}}
    answers = model.predict_many([good, {"data": {"names": list(NAMES), "ndarray": bad}}, good])
    assert answers[1].message.startswith("row 2, column clickCount: -1;")
    assert answers[0] == answers[2] == model.predict_raw(good)


def test_unknown_text_is_counted_for_its_own_request(model, rows):
    strange = [list(row) for row in rows[:2]]
    strange[1][COUNTRY] = "Atlantis"
    requests = [{"data": {"names": list(NAMES), "ndarray": each}} for each in (rows[:3], strange, rows[3:4])]
    metrics = [answer["meta"].get("metrics", []) for answer in model.predict_many(requests)]
    assert [len(each) for each in metrics] == [0, 1, 0]
    assert (metrics[1][0]["value"], metrics[1][0]["tags"]) == (1, {"column": "country"})


def test_nobody_asks_for_nothing(model):
    assert model.predict_many([]) == []
