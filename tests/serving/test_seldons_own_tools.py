"""Seldon's own testers and client, against the stock wrapper and through the gateway."""

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
def test_the_microservice_tester_passes_against_the_stock_wrapper(wrapper, transport):
    port = (wrapper.grpc_target if transport else wrapper.rest).rsplit(":", 1)[1]
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
    assert reply.response["meta"]["requestPath"] == {"classifier": "forkcast/champion:0.1.0"}


@pytest.fixture(scope="module")
def champion_alone(models, tmp_path_factory):
    with deployed("base", models, tmp_path_factory.mktemp("alone") / "state") as door:
        yield door
