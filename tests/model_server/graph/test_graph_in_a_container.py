"""A graph in the place of one container, without an executor: what completes it, and that it serves the same."""

import asyncio
import json
import urllib.request
from pathlib import Path

import pytest
import yaml
from graph_server_process import graph_arguments, started
from prometheus_client.parser import text_string_to_metric_families

from model_server.graph.arguments import parser
from model_server.graph.command import settings_of
from model_server.graph.errors import InvalidPredictor
from model_server.graph.fused import predictor_of

CLASSES = Path(__file__).parents[2] / "kustomize"
NODES = {"double": "cluster_models.Double", "plus-one": "cluster_models.PlusOne"}
CONTAINERS = [{"name": name, "env": [{"name": "MODEL_NAME", "value": each}]} for name, each in NODES.items()]
GRAPH = {"name": "double", "type": "TRANSFORMER", "children": [{"name": "plus-one", "type": "MODEL"}]}
DESCRIBED = {"graph": GRAPH, "componentSpecs": [{"spec": {"containers": CONTAINERS}}]}
ENVIRON = {
    "GRAPH_SERVER_PREDICTOR": yaml.safe_dump(DESCRIBED),
    "GRAPH_SERVER_NAMESPACE": "ns",
    "MODEL_NAME": "no.such.Class",
    "PREDICTIVE_UNIT_ID": "plus-one",
    "PREDICTIVE_UNIT_IMAGE": "registry:5000/img:3",
    "PREDICTOR_ID": "champion",
    "PREDICTOR_LABELS": '{"version":"champion"}',
    "SELDON_DEPLOYMENT_ID": "dep",
    "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": "8000",
    "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": "5001",
    "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": "6000",
    "PREDICTIVE_UNIT_METRICS_ENDPOINT": "/prometheus",
}
"""As Seldon's operator tells a container."""
ANNOTATIONS = {"version": "0.1.0", "seldon.io/rest-timeout": "2500"}


def predictor(environ=(), annotations=()):
    whole = ENVIRON | dict(environ)
    return predictor_of(whole["GRAPH_SERVER_PREDICTOR"], whole, ANNOTATIONS | dict(annotations))


def test_the_container_says_what_the_description_leaves_out():
    found = predictor()
    assert (found.name, found.labels, found.version) == ("champion", {"version": "champion"}, "0.1.0")
    assert {node.name: node.image for node in found.graph.walk()} == dict.fromkeys(NODES, "registry:5000/img:3")
    assert {node.name: node.environment["MODEL_NAME"] for node in found.graph.walk()} == NODES


def test_an_image_of_a_nodes_own_stays_and_json_does_as_well_as_yaml():
    containers = [{**CONTAINERS[0], "image": "own:1"}, CONTAINERS[1]]
    text = json.dumps({"graph": GRAPH, "componentSpecs": [{"spec": {"containers": containers}}]})
    found = predictor({"GRAPH_SERVER_PREDICTOR": text})
    assert [node.image for node in found.graph.walk()] == ["own:1", "registry:5000/img:3"]


def test_the_root_alone_has_the_logger_that_annotations_say():
    assert predictor().graph.logger is None
    said = {"forkcast/request-log": "request", "forkcast/request-log-url": "http://collector"}
    root = predictor(annotations=said).graph
    assert (root.logger.mode, root.logger.url) == ("request", "http://collector")
    assert root.children[0].logger is None
    (mode_alone,) = [predictor(annotations={"forkcast/request-log": "all"}).graph.logger]
    assert (mode_alone.mode, mode_alone.url) == ("all", None)


@pytest.mark.parametrize(
    "text",
    [
        "graph: [",
        "5",
        "{}",
        "graph: 5",
        "{graph: {name: a}, componentSpecs: [5]}",
        "{graph: {name: 5}}",
        "{graph: {name: a}, componentSpecs: 5}",
    ],
)
def test_a_description_that_is_none_is_refused_by_the_name_of_its_variable(text):
    with pytest.raises(InvalidPredictor, match="GRAPH_SERVER_PREDICTOR"):
        predictor({"GRAPH_SERVER_PREDICTOR": text})


def settings(*argv, environ=(), annotations=None):
    whole = ENVIRON | dict(environ)
    return settings_of(parser(whole).parse_args([*argv, "--annotations", str(annotations or "/nowhere")]), whole)


def test_it_is_served_where_and_under_the_names_that_seldons_operator_gives_a_container(tmp_path):
    file = tmp_path / "annotations"
    file.write_text("".join(f'{key}="{value}"\n' for key, value in ANNOTATIONS.items()))
    found = settings(annotations=file)
    assert found.class_name is None
    assert (found.deployment, found.namespace, found.predictor.name) == ("dep", "ns", "champion")
    assert (found.http_port, found.grpc_port) == (8000, 5001)
    assert (found.metrics_port, found.metrics_path) == (6000, "/prometheus")
    assert (found.rest_timeout_seconds, found.predictor.version) == (2.5, "0.1.0")


def test_one_port_for_both_is_opened_once():
    assert settings(environ={"PREDICTIVE_UNIT_METRICS_SERVICE_PORT": "8000"}).metrics_port is None


def test_what_is_said_outright_goes_before_the_variable():
    assert settings("a.Class").class_name == "a.Class"
    assert settings(environ={"GRAPH_SERVER_PREDICTOR": ""}).class_name == "no.such.Class"


def asked(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"} if data else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def told_by(server):
    """What a client is told, and what Prometheus is, but for numbers."""
    message = {"data": {"ndarray": [[1, 2]]}, "meta": {"tags": {"a": 1}}}
    predicted = json.loads(asked(f"{server.url}/api/v1.0/predictions", message))
    feedback = {"request": message, "response": predicted, "reward": 1}
    rewarded = json.loads(asked(f"{server.url}/api/v1.0/feedback", feedback))
    metadata = json.loads(asked(f"{server.url}/api/v1.0/metadata"))
    families = text_string_to_metric_families(server.metrics())
    series = {(sample.name, frozenset(sample.labels.items())) for family in families for sample in family.samples}
    return (predicted, rewarded, metadata), series


@pytest.mark.component
def test_it_answers_and_counts_as_the_same_graph_does_in_the_executors_place(tmp_path):
    async def go():
        described = {**DESCRIBED, "name": "champion", "annotations": ANNOTATIONS}
        described["componentSpecs"] = [
            {"spec": {"containers": [{**each, "image": "registry:5000/img:3"} for each in CONTAINERS]}}
        ]
        arguments, environment = graph_arguments(described, tmp_path, ANNOTATIONS)
        async with started(arguments, tmp_path, environment=environment, python_path=[CLASSES]) as server:
            expected = await asyncio.to_thread(told_by, server)
        arguments = ["--annotations", tmp_path / "annotations", "--lame-duck-seconds", "0"]
        how = {"environment": ENVIRON, "python_path": [CLASSES], "metrics_port": True}
        async with started(arguments, tmp_path, **how) as server:
            seen = await asyncio.to_thread(told_by, server)
            at_the_door = await asyncio.to_thread(asked, f"{server.url}/prometheus")
            assert 'executor_server_requests_seconds_count{code="200",deployment_name="dep"' in at_the_door
            assert await asyncio.to_thread(asked, f"{server.url}/health/status") == ""
        assert expected[0][0]["data"]["ndarray"] == [[3, 5]]
        assert seen == expected

    asyncio.run(go())
