"""Seldon's own testers, client and batch processor: against a component alone, and through the gateway."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from doors import deployed
from seldon_core.seldon_client import SeldonClient

import model_server
from model_server import artifact
from model_server.impressions import NAMES, to_rows

pytestmark = pytest.mark.component
CONTRACT = Path(model_server.__file__).parent / "contract.json"


def run(tool, *arguments):
    """A tester's output. It exits with 0 whatever it is answered, so the answers must be looked at."""
    command = [str(Path(sys.executable).with_name(tool)), str(CONTRACT), *arguments, "-n", "3", "-b", "5", "-p"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_three_answers_of_five_rows(output):
    replies = output.split("RECEIVED RESPONSE:")[1:]
    assert len(replies) == 3, output
    for reply in replies:
        assert "model_version" in reply, reply
        assert "FAILURE" not in reply, reply
        # One tester prints dicts, the other protobuf's text.
        answer = reply.split("SENDING NEW REQUEST")[0]
        in_dict = re.findall(r"'ndarray': \[([^\]]*)\]", answer)
        values = in_dict[0].split(",") if in_dict else re.findall(r"number_value: (\S+)", answer)
        probabilities = list(map(float, values))
        assert len(probabilities) == 5, reply
        assert all(0 < probability < 1 for probability in probabilities)


@pytest.mark.parametrize("transport", [[], ["--grpc"]], ids=["REST", "gRPC"])
def test_the_microservice_tester_passes(component, transport):
    port = (component.grpc_target if transport else component.rest).rsplit(":", 1)[1]
    output = run("seldon-core-microservice-tester", "127.0.0.1", port, *transport)
    assert_three_answers_of_five_rows(output)


@pytest.mark.parametrize("transport", [[], ["--grpc"]], ids=["REST", "gRPC"])
def test_the_api_tester_passes_through_the_gateway(gateway, transport):
    port = gateway.grpc_target.rsplit(":", 1)[1]
    output = run("seldon-core-api-tester", "127.0.0.1", port, "xgboost", "--namespace", "seldon", *transport)
    assert_three_answers_of_five_rows(output)


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_the_seeds_own_call_is_answered_in_the_seeds_shape(champion_alone, models, labelled, transport):
    bundle = artifact.load(models / "champion")
    one = labelled[0].take(np.flatnonzero(labelled[0].start_count_1d > 0)[:1])
    features = bundle.features.transform(one)
    sc = SeldonClient(deployment_name="xgboost", namespace="seldon", gateway_endpoint=champion_alone.grpc_target)
    reply = sc.predict(gateway="ambassador", transport=transport, shape=(1, 56), data=features)
    assert reply.success, reply.msg
    data = reply.response["data"]
    assert data.get("names", []) == []
    assert data["tensor"]["shape"] == [1]
    assert np.float32(data["tensor"]["values"]) == bundle.booster.predict(features)
    image = "forkcast/model-server:0.1.0"
    assert reply.response["meta"]["requestPath"] == {"outlier-detector": image, "classifier": image}
    assert "outlier_score" not in reply.response["meta"]["tags"], "ready features have no raw columns"


@pytest.fixture(scope="module")
def champion_alone(models, detector, tmp_path_factory):
    assert detector.parent == models
    with deployed("base", models, tmp_path_factory.mktemp("alone") / "state") as door:
        yield door


@pytest.mark.parametrize(("data_type", "transport"), [("raw", "rest"), ("raw", "grpc"), ("json", "rest")])
def test_the_batch_processor_scores_a_file_of_impressions(gateway, labelled, tmp_path, data_type, transport):
    rows = to_rows(labelled[0].take(slice(0, 40)))
    lines = {
        "raw": [{"data": {"names": list(NAMES), "ndarray": [row]}} for row in rows],
        "json": [dict(zip(NAMES, row, strict=True)) for row in rows],
    }
    asked, answered = tmp_path / "impressions.txt", tmp_path / "answers.txt"
    asked.write_text("".join(json.dumps(line) + "\n" for line in lines[data_type]))
    command = [Path(sys.executable).with_name("seldon-batch-processor")]
    for name, value in {
        "deployment-name": "xgboost",
        "namespace": "seldon",
        "gateway-type": "ambassador",
        "host": gateway.grpc_target,
        "transport": transport,
        "data-type": data_type,
        "workers": "4",
        "retries": "1",
        "batch-id": "batch-17",
        "input-data-path": str(asked),
        "output-data-path": str(answered),
    }.items():
        command += [f"--{name}", value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in answered.read_text().splitlines()]
    assert len(answers) == 40
    if data_type == "raw":  # with records, the tool has no place for it
        assert sorted(answer["meta"]["tags"]["batch_index"] for answer in answers) == list(range(40))
    for answer in answers:
        assert answer["meta"]["tags"]["predictor"] in {"champion", "challenger"}
        data = answer["data"]
        (probability,) = data["tensor"]["values"] if data_type == "json" else data["ndarray"]
        assert 0 < probability < 1
