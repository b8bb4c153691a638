"""The outlier detector before the model: in the graph server's own process, and each in Seldon's wrapper."""

import json
from concurrent.futures import ThreadPoolExecutor

import bad_requests
import grpc
import numpy as np
import pytest
import requests
from doors import deployed, forkcast, wait_until
from prometheus_client.parser import text_string_to_metric_families

from model_server.impressions import NAMES, to_rows
from model_server.install_model import InstallModel
from model_server.outliers.outlier_detector import OutlierDetector

pytestmark = pytest.mark.component
IMAGE = "forkcast/champion:0.1.0"


def container(name, class_name):
    return {"name": name, "image": IMAGE, "env": [{"name": "MODEL_NAME", "value": class_name}]}


def deployment(detector):
    """The predictor's graph as the overlays have it: outlier-detector, then classifier."""
    classifier = {"name": "classifier", "type": "MODEL", "modelUri": "pvc://models/champion"}
    graph = {
        "name": "outlier-detector",
        "type": "TRANSFORMER",
        "parameters": [{"name": "model_uri", "value": str(detector), "type": "STRING"}],
        "children": [classifier],
    }
    containers = [
        container("outlier-detector", "model_server.outliers.outlier_detector.OutlierDetector"),
        container("classifier", "model_server.install_model.InstallModel"),
    ]
    predictor = {"name": "champion", "graph": graph, "componentSpecs": [{"spec": {"containers": containers}}]}
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": "xgboost", "namespace": "seldon"},
        "spec": {"predictors": [predictor]},
    }


@pytest.fixture(scope="module", params=["--fused", "--isolated"])
def served(request, models, detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    file = folder / "deployment.json"
    file.write_text(json.dumps(deployment(detector)))
    with deployed(file, models, folder / "state", request.param) as door:
        door.state = folder / "state"
        yield door


@pytest.fixture(scope="module")
def rows(labelled):
    """40 rows, every tenth of them impossible."""
    rows = to_rows(labelled[0].take(slice(100, 140)))
    for row in rows[::10]:
        row[NAMES.index("installCount")] = row[NAMES.index("clickCount")] + 50
        row[NAMES.index("country")] = "XX"
    return rows


@pytest.fixture(scope="module")
def marked(detector, rows):
    """What the detector, called directly, says of the rows."""
    tags = OutlierDetector(str(detector)).transform_input_raw(table(rows))["meta"]["tags"]
    assert tags["is_outlier"][::10] == [1] * 4
    return tags


@pytest.fixture(scope="module")
def probabilities(models, rows):
    return InstallModel(str(models / "champion")).predict(rows, NAMES)


def table(rows):
    return {"data": {"names": list(NAMES), "ndarray": rows}}


def test_the_marks_of_every_row_are_in_the_answer_beside_the_models_own(served, rows, marked, probabilities):
    asked = table(rows) | {"meta": {"puid": "p-1", "tags": {"user": "u-7"}}}
    for answer in (served.post(json=asked).json(), served.predict(asked)):
        np.testing.assert_array_equal(np.float32(answer["data"]["ndarray"]), probabilities)
        tags = answer["meta"]["tags"]
        assert tags["outlier_score"] == marked["outlier_score"]
        assert tags["is_outlier"] == marked["is_outlier"]
        assert (tags["predictor"], tags["user"], tags["feature_set"]) == ("champion", "u-7", "classic")
        assert answer["meta"]["puid"] == "p-1"
        assert answer["meta"]["requestPath"] == {"outlier-detector": IMAGE, "classifier": IMAGE}


def test_records_are_marked_too(served, rows, marked):
    asked = {"jsonData": [dict(zip(NAMES, row, strict=True)) for row in rows[:12]]}
    for answer in (served.post(json=asked).json(), served.predict(asked)):
        assert answer["meta"]["tags"]["is_outlier"] == marked["is_outlier"][:12]


def test_ready_features_are_answered_without_marks(served):
    asked = {"data": {"tensor": {"shape": [2, 56], "values": [0.5] * 112}}}
    for answer in (served.post(json=asked).json(), served.predict(asked)):
        assert len(answer["data"]["tensor"]["values"]) == 2
        assert "outlier_score" not in answer["meta"]["tags"]


@pytest.mark.parametrize("name", ["text in a number", "no names", "another kind of payload", "an absent key"])
def test_the_model_says_what_is_wrong_with_a_bad_request_as_without_a_detector(served, name):
    message, said = bad_requests.BAD[name]
    refused = served.post(json=message)
    assert refused.status_code == 400
    assert said in refused.text.replace('\\"', '"')
    with pytest.raises(grpc.RpcError) as error:
        served.predict(message)
    assert error.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNKNOWN}


def test_of_many_requests_at_once_each_gets_the_marks_of_its_own_rows(served, rows, marked):
    def ask(start):
        answer = requests.post(f"{served.rest}/api/v1.0/predictions", json=table(rows[start : start + 3]), timeout=30)
        return start, answer.json()["meta"]["tags"]

    with ThreadPoolExecutor(16) as pool:
        for start, tags in pool.map(ask, [*range(37)] * 5):
            assert tags["outlier_score"] == marked["outlier_score"][start : start + 3]
            assert tags["is_outlier"] == marked["is_outlier"][start : start + 3]


def test_rows_and_outliers_are_counted(served, rows, marked):
    def counted():
        (champion,) = json.loads(forkcast("status", "--state", served.state, "--json").stdout)["predictors"]
        found = {}
        for program in (champion, *champion["components"]):
            for family in text_string_to_metric_families(requests.get(program["metrics"], timeout=10).text):
                for sample in family.samples:
                    if sample.name.startswith("outlier_detector") and sample.name.endswith("_total"):
                        reason = sample.labels.get("reason", "")
                        key = (sample.name.removeprefix("outlier_detector_").removesuffix("_total"), reason)
                        found[key] = found.get(key, 0) + sample.value
        return found

    def grown():
        now = counted()
        return {key: now[key] - before.get(key, 0) for key in now if now[key] != before.get(key, 0)}

    expected = {("rows", ""): 40, ("outliers", ""): sum(marked["is_outlier"]), ("unread", "ready_features"): 1}
    before = settled(counted)
    served.post(json=table(rows))
    served.post(json={"data": {"tensor": {"shape": [1, 56], "values": [0.5] * 56}}})
    wait_until(f"counting {expected}", lambda: grown() == expected)


def settled(count):
    """What is counted once it no longer changes: the stock wrapper adds up for a second before it tells."""
    seen = [count()]

    def is_settled():
        seen.append(count())
        return len(seen) > 6 and seen[-1] == seen[-6]

    wait_until("the counters to settle", is_settled)
    return seen[-1]
