"""What a predictor's description says, and what it must not."""

import base64
import json

import pytest
import yaml

from model_server.graph.annotations import read_annotations
from model_server.graph.errors import InvalidPredictor
from model_server.graph.predictor import Endpoint, Logger, from_dict, from_engine_predictor, from_yaml

GRAPH = {
    "name": "in",
    "type": "TRANSFORMER",
    "children": [
        {
            "name": "model",
            "implementation": "UNKNOWN_IMPLEMENTATION",
            "modelUri": "pvc://models/a",
            "logger": {"mode": "all", "url": "http://collector"},
            "endpoint": {"service_host": "10.0.0.1", "httpPort": 9001, "grpcPort": 9501},
            "parameters": [{"name": "n", "value": "1", "type": "INT"}],
        }
    ],
}
PREDICTOR = {
    "name": "champion",
    "labels": {"version": "v9"},
    "annotations": {"version": "0.1.0"},
    "graph": GRAPH,
    "svcOrchSpec": {"env": [{"name": "SELDON_ENABLE_ROUTING_INJECTION", "value": "true"}]},
    "componentSpecs": [
        {"spec": {"containers": [{"name": "in", "image": "img:1", "env": [{"name": "MODEL_NAME", "value": "a.B"}]}]}}
    ],
}


def deployment(*predictors, annotations=None):
    return yaml.safe_dump(
        {"kind": "SeldonDeployment", "spec": {"predictors": list(predictors), "annotations": annotations}}
    )


def test_a_predictor_is_read_whole():
    predictor = from_engine_predictor(base64.b64encode(json.dumps(PREDICTOR).encode()).decode())
    first, model = predictor.graph.walk()
    assert (first.type, first.image, first.environment, first.endpoint) == (
        "TRANSFORMER",
        "img:1",
        {"MODEL_NAME": "a.B"},
        None,
    )
    assert (model.type, model.implementation, model.model_uri) == ("MODEL", None, "pvc://models/a")
    assert model.endpoint == Endpoint("10.0.0.1", 9001, 9501)
    assert model.logger == Logger("all", "http://collector")
    assert predictor.version == "0.1.0"
    assert predictor.orchestrator_environment == {"SELDON_ENABLE_ROUTING_INJECTION": "true"}


def test_a_file_gives_the_named_predictor_with_the_deployments_annotations_below_its_own():
    text = deployment(
        PREDICTOR, {**PREDICTOR, "name": "other"}, annotations={"version": "d", "seldon.io/rest-timeout": "9"}
    )
    predictor = from_yaml(text, "champion", "x.yaml")
    assert predictor.name == "champion"
    assert predictor.annotations == {"version": "0.1.0", "seldon.io/rest-timeout": "9"}


def test_of_a_lone_predictor_no_name_is_needed():
    assert from_yaml(deployment(PREDICTOR), None, "x.yaml").name == "champion"


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        (deployment(PREDICTOR, {**PREDICTOR, "name": "other"}), None, "say --predictor champion or other"),
        (deployment(PREDICTOR), "absent", "'absent' is not there"),
        ("a: [", None, "is no YAML"),
        ("just text", None, "no SeldonDeployment"),
    ],
)
def test_a_file_that_does_not_say_what_to_serve_is_refused(text, name, says):
    with pytest.raises(InvalidPredictor, match=says):
        from_yaml(text, name, "x.yaml")


@pytest.mark.parametrize("encoded", ["@@@", base64.b64encode(b"{").decode(), base64.b64encode(b"\xff").decode()])
def test_an_engine_predictor_that_is_none_is_refused(encoded):
    with pytest.raises(InvalidPredictor, match="ENGINE_PREDICTOR"):
        from_engine_predictor(encoded)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "ROUTR"}, "accepted are MODEL"),
        ({"name": ""}, "a node is an object with a name"),
        ({"children": [{"name": "in"}]}, "several nodes are called in"),
        ({"endpoint": {"service_host": "h", "httpPort": 0, "grpcPort": 70000}}, "endpoint needs httpPort and grpcPort"),
        ({"implementation": "RANDOM_ABTEST", "children": []}, "has 0 children; it chooses between 2"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(change, says):
    with pytest.raises(InvalidPredictor, match=says):
        from_dict({"name": "p", "graph": GRAPH | change}, "here")


def test_annotations_are_read_though_a_value_holds_an_equals_sign(tmp_path):
    """Seldon's executor then ignores the whole file."""
    file = tmp_path / "annotations"
    file.write_text('seldon.io/rest-timeout="400"\nother="a=b \\"c\\""\n\nnonsense\n')
    assert read_annotations(file) == {"seldon.io/rest-timeout": "400", "other": 'a=b "c"'}
    assert read_annotations(tmp_path / "absent") == {}
