"""Users' objects in the server's own process: of the right class, with its parameters, in its container's world."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb
from recorded_conversations import VARIABLE

from model_server.graph.errors import ComponentBroken, InvalidPredictor
from model_server.graph.predictor import Endpoint, Node, Predictor, from_dict
from model_server.graph.settings import Settings
from model_server.graph.user_objects import (
    environment,
    identity_of,
    make_all,
    require_made,
    runs_here,
    user_object_of,
    variables_of,
)
from model_server.storage import ModelMissing, ModelUriNotUnderstood
from model_server.xgboost_server import XGBoostServer

CLASS = """
import os

AT_IMPORT = dict(os.environ)

class Echo:
    def __init__(self, **parameters):
        self.at_import = AT_IMPORT
        self.environment = dict(os.environ)
        self.parameters = parameters

class Loads(Echo):
    def load(self):
        self.environment = dict(os.environ)

class Sets:
    def __init__(self):
        os.environ["OMP_NUM_THREADS"] = "1"
        os.environ["MODEL_KEY"] = "mine"

class Fails:
    def __init__(self):
        raise RuntimeError("no luck")
"""


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    """The name of a module that nobody has imported yet."""
    name = f"users_of_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(CLASS)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture(autouse=True)
def path_as_it_was(monkeypatch):
    """Servers look for classes in the current folder, and are processes of their own elsewhere."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Volumes with a small model of XGBoost in `models/booster`."""
    volumes = tmp_path_factory.mktemp("volumes")
    folder = volumes / "models" / "booster"
    folder.mkdir(parents=True)
    sent = np.random.default_rng(1).normal(size=(50, 2))
    xgb.train({"nthread": 1}, xgb.DMatrix(sent, sent.sum(axis=1), nthread=1), 2).save_model(folder / "model.json")
    return volumes


def node(name="scorer", **fields):
    return Node(name, type=fields.pop("type", "MODEL"), **fields)


def predictor(graph, **fields):
    return Predictor(fields.pop("name", "champion"), graph, **fields)


def made(one, tmp_path, *, volumes=None, whole=None, deployment="dep"):
    return user_object_of(one, whole or predictor(one), deployment, volumes=volumes, cache=tmp_path / "cache")


# Which run here


@pytest.mark.parametrize(
    ("one", "here"),
    [
        (node(), True),
        (node(type="ROUTER"), True),
        (node(type=None, methods=frozenset({"TRANSFORM_INPUT"})), True),
        (node(implementation="XGBOOST_SERVER"), True),
        (node(endpoint=Endpoint("localhost", 9000, 9500)), False),
        (node(endpoint=Endpoint("localhost", 9000, 9500), environment={"MODEL_NAME": "a.B"}), False),
        (node(type=None, implementation="RANDOM_ABTEST"), False),
        (node(type=None, implementation="SIMPLE_MODEL"), False),
        (node(type="UNKNOWN_TYPE"), False),
    ],
)
def test_a_component_runs_here_unless_it_listens_elsewhere_or_there_is_none(one, here):
    assert runs_here(one) is here


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            node("in", type="TRANSFORMER"),
            "node in has neither an endpoint nor a class: give its container the env MODEL_NAME",
        ),
        (node("in", environment={"MODEL_NAME": ""}), "node in has neither an endpoint nor a class"),
        (
            node("s", implementation="SKLEARN_SERVER"),
            "node s is a prepackaged SKLEARN_SERVER; XGBOOST_SERVER is the one",
        ),
        (node("b", implementation="XGBOOST_SERVER"), "node b is an XGBOOST_SERVER without a modelUri"),
    ],
)
def test_a_node_of_which_nobody_says_what_it_is_is_refused_by_name(one, said, tmp_path):
    with pytest.raises(InvalidPredictor, match=said):
        require_made(one)
    with pytest.raises(InvalidPredictor, match=said):
        made(one, tmp_path)


# What is made


def test_a_class_gets_its_parameters_by_type(module, tmp_path):
    parameters = (
        {"name": "n", "value": "3", "type": "INT"},
        {"name": "share", "value": "0.5", "type": "FLOAT"},
        {"name": "text", "value": "<&>", "type": "STRING"},
        {"name": "on", "value": "true", "type": "BOOL"},
    )
    echo = made(node(environment={"MODEL_NAME": f"{module}.Echo"}, parameters=parameters), tmp_path)
    assert echo.parameters == {"n": 3, "share": 0.5, "text": "<&>", "on": True}
    assert json.loads(echo.environment["PREDICTIVE_UNIT_PARAMETERS"]) == list(parameters)


def test_a_class_sees_its_containers_environment_while_it_is_imported_and_made_and_nobody_elses(
    module, tmp_path, monkeypatch
):
    for name in ("PREDICTIVE_UNIT_ID", "PREDICTIVE_UNIT_HTTP_SERVICE_PORT", "MLSERVER_MODEL_URI", "PREDICTOR_ID"):
        monkeypatch.setenv(name, "of the server")
    monkeypatch.setenv("SELDON_DEPLOYMENT_ID", "of the server")
    monkeypatch.setenv("MODEL_NAME", "of the server")
    monkeypatch.setenv("SHARED", "of the server")
    monkeypatch.setenv("OVERRIDDEN", "of the server")
    before = dict(os.environ)
    own = {"MODEL_NAME": f"{module}.Echo", "OVERRIDDEN": "mine", "PREDICTOR_ID": "the operator's wins", "ONLY": "mine"}
    whole = predictor(node(environment=own, image="registry:5000/img:2"), labels={"team": "ads"})
    echo = made(whole.graph, tmp_path, whole=whole)
    expected = {
        **{name: value for name, value in before.items() if "of the server" not in value},
        "SHARED": "of the server",
        **own,
        "PREDICTIVE_UNIT_ID": "scorer",
        "MLSERVER_MODEL_NAME": "scorer",
        "PREDICTIVE_UNIT_IMAGE": "registry:5000/img:2",
        "PREDICTOR_ID": "champion",
        "PREDICTOR_LABELS": '{"team":"ads","version":"champion"}',
        "SELDON_DEPLOYMENT_ID": "dep",
        "SELDON_EXECUTOR_ENABLED": "true",
    }
    assert echo.environment == expected
    assert echo.at_import == expected
    assert dict(os.environ) == before


def test_a_model_is_where_its_uri_says(module, model, tmp_path):
    own = {"MODEL_NAME": f"{module}.Echo"}
    echo = made(node(environment=own, model_uri="pvc://models/booster"), tmp_path, volumes=model)
    assert echo.environment["MLSERVER_MODEL_URI"] == str(model / "models" / "booster")
    assert echo.parameters == {}, "a class of one's own is told by the environment alone"


def test_a_prepackaged_server_is_told_of_its_model_by_a_parameter(model, tmp_path):
    one = node(implementation="XGBOOST_SERVER", model_uri="pvc://models/booster")
    served = made(one, tmp_path, volumes=model)
    assert isinstance(served, XGBoostServer)
    assert served.predict(np.zeros((3, 2))).shape == (3,)


def test_a_prepackaged_server_may_be_a_class_of_ones_own(module, model, tmp_path):
    parameters = ({"name": "model_uri", "value": "overridden", "type": "STRING"},)
    one = node(
        implementation="SKLEARN_SERVER",
        model_uri=str(model / "models"),
        parameters=parameters,
        environment={"MODEL_NAME": f"{module}.Echo"},
    )
    assert made(one, tmp_path).parameters == {"model_uri": str(model / "models")}


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"model_uri": "/nowhere/at/all"}, ModelMissing, "/nowhere/at/all does not exist"),
        ({"model_uri": "pvc://claim/x"}, ModelUriNotUnderstood, "no folder of volumes was given"),
        ({"environment": {"MODEL_NAME": "nowhere_at_all.Class"}}, ComponentBroken, "module nowhere_at_all cannot be"),
        ({"environment": {"MODEL_NAME": "{module}.Fails"}}, ComponentBroken, "Fails could not be made .*no luck"),
        (
            {
                "environment": {"MODEL_NAME": "{module}.Echo"},
                "parameters": ({"name": "n", "value": "x", "type": "INT"},),
            },
            ComponentBroken,
            "the parameter n is 'x', which is no INT",
        ),
    ],
)
def test_what_cannot_be_made_says_why_and_leaves_the_environment_as_it_was(module, tmp_path, fields, error, said):
    before = dict(os.environ)
    own = {name: value.format(module=module) for name, value in fields.pop("environment", {}).items()}
    with pytest.raises(error, match=said):
        made(node(environment=own or {"MODEL_NAME": f"{module}.Echo"}, **fields), tmp_path)
    assert dict(os.environ) == before


def test_parameters_that_a_prepackaged_server_does_not_take_are_named(model, tmp_path):
    parameters = ({"name": "method", "value": "predict_proba", "type": "STRING"},)
    one = node(implementation="XGBOOST_SERVER", model_uri="pvc://models/booster", parameters=parameters)
    with pytest.raises(ComponentBroken, match=r"XGBOOST_SERVER takes no parameter .* this node has method"):
        made(one, tmp_path, volumes=model)


# Environments


def test_what_a_class_sets_for_its_process_stays_and_its_containers_variables_do_not(module, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MODEL_KEY", raising=False)
    made(node(environment={"MODEL_NAME": f"{module}.Sets", "MODEL_KEY": "the container's"}), tmp_path)
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert "MODEL_KEY" not in os.environ


def test_an_environment_ends_with_an_exception_too(monkeypatch):
    monkeypatch.setenv("PREDICTOR_ID", "of the server")
    before = dict(os.environ)

    with pytest.raises(RuntimeError, match=r"^1 2$"), environment({"A": "1", "PREDICTOR_ID": "2"}):
        raise RuntimeError(os.environ["A"] + " " + os.environ["PREDICTOR_ID"])
    assert dict(os.environ) == before


def test_a_components_identity_is_what_its_container_is_told():
    whole = predictor(
        node(image="img:1", environment={"MODEL_METADATA": "name: m"}), name="challenger", labels={"version": "v9"}
    )
    identity = identity_of(whole.graph, whole, "dep")
    assert (identity.unit, identity.image, identity.predictor) == ("scorer", "img:1", "challenger")
    assert (identity.deployment, identity.labels, identity.model_metadata) == ("dep", {"version": "v9"}, "name: m")


# All of a server's


def test_all_that_run_here_are_made_by_the_names_of_their_nodes(module, model, tmp_path):
    own = {"MODEL_NAME": f"{module}.Echo"}
    graph = Node(
        "split",
        implementation="RANDOM_ABTEST",
        children=(
            node("a", environment=own, children=(node("away", endpoint=Endpoint("localhost", 1, 2)),)),
            node("b", implementation="XGBOOST_SERVER", model_uri="pvc://models/booster"),
        ),
    )
    everything = make_all(Settings(predictor=predictor(graph), deployment="dep", volumes=model))
    assert list(everything) == ["a", "b"]
    assert everything["a"].environment["SELDON_DEPLOYMENT_ID"] == "dep"
    assert isinstance(everything["b"], XGBoostServer)


def test_a_class_loads_in_the_environment_it_was_made_in(module, model, monkeypatch):
    monkeypatch.setenv("PREDICTIVE_UNIT_ID", "of the server")
    own = {"MODEL_NAME": f"{module}.Loads", "MODEL_KEY": "the container's"}
    graph = node("a", environment=own, model_uri="pvc://models/booster", children=(node("b", environment=own),))
    everything = make_all(Settings(predictor=predictor(graph), deployment="dep", volumes=model))
    at_construction = {name: loads.environment for name, loads in everything.items()}
    before = dict(os.environ)
    everything.load()
    assert {name: loads.environment for name, loads in everything.items()} == at_construction
    assert at_construction["a"]["MLSERVER_MODEL_URI"] == str(model / "models" / "booster")
    assert at_construction["b"]["PREDICTIVE_UNIT_ID"] == "b"
    assert dict(os.environ) == before


def test_a_class_that_cannot_load_says_so(module, tmp_path):
    (tmp_path / f"{module}.py").write_text("class Fails:\n    def load(self):\n        raise RuntimeError('no luck')")
    everything = make_all(Settings(class_name=f"{module}.Fails"))
    with pytest.raises(ComponentBroken, match=r"Fails\.load\(\) failed: RuntimeError: no luck"):
        everything.load()


def test_nothing_is_made_where_one_node_is_not_described(module, tmp_path):
    marker = tmp_path / "made"
    (tmp_path / f"{module}.py").write_text(f"open({str(marker)!r}, 'w')")
    graph = node("a", environment={"MODEL_NAME": f"{module}.Echo"}, children=(node("b"),))
    with pytest.raises(InvalidPredictor, match="node b has neither"):
        make_all(Settings(predictor=predictor(graph)))
    assert not marker.exists()


def test_a_single_class_is_made_in_the_servers_own_environment(module, monkeypatch):
    monkeypatch.setenv("PREDICTIVE_UNIT_ID", "told by the operator")
    parameters = ({"name": "n", "value": "3", "type": "INT"},)
    everything = make_all(Settings(class_name=f"{module}.Echo", parameters=parameters))
    assert list(everything) == ["told by the operator"]
    echo = everything["told by the operator"]
    everything.load()
    assert (echo.parameters, echo.environment["PREDICTIVE_UNIT_ID"]) == ({"n": 3}, "told by the operator")


# Against what Seldon's operator 1.17.1 did, recorded


OTHERWISE = {
    "duplicate-node-names": "no predictor here",
    "type-nonsense": "no predictor here",
    "env-user-http-port": "the operator takes the container's own variables away",
    "ssl": "no certificate is mounted here",
    "huggingface-no-uri": "MLServer's variables are not told",
    "xgboost-server-v2": "MLServer's variables are not told",
    "tensorflow-server-tensorflow": "a server that does not run here",
    "triton-server": "a server that does not run here",
}
FOLDER = os.environ.get(VARIABLE)
VECTORS = {
    path.stem: json.loads(path.read_text()) for path in sorted(Path(FOLDER or "/nowhere").glob("operator/*.json"))
}
CREATING = [
    case for case, vector in VECTORS.items() if (vector["creates"] or {}).get("deployments") and case not in OTHERWISE
]


def told_by_the_operator(vector, predictor_name):
    """The variables of each container of a predictor, ports and metrics apart."""
    containers = [
        container
        for deployment in vector["creates"]["deployments"]
        for container in deployment["spec"]["template"]["spec"]["containers"]
    ]
    for container in containers:
        variables = {each["name"]: each.get("value", "") for each in container.get("env", [])}
        if variables.get("PREDICTOR_ID") == predictor_name:
            yield container["name"], variables


def comparable(variables):
    kept = {name: value for name, value in variables.items() if "PORT" not in name and "METRICS" not in name}
    texts = ("PREDICTIVE_UNIT_PARAMETERS", "PREDICTOR_LABELS")
    return {name: json.loads(value) if name in texts else value for name, value in kept.items()}


@pytest.mark.skipif(FOLDER is None, reason=f"{VARIABLE} names no folder of recorded vectors")
@pytest.mark.parametrize("case", CREATING)
def test_a_class_is_told_what_the_operator_tells_it(case):
    vector = VECTORS[case]
    name = vector["input"]["metadata"]["name"]
    for tree in vector["input"]["spec"]["predictors"]:
        whole = from_dict(tree, case)
        nodes = {one.name: one for one in whole.graph.walk()}
        for container, recorded in told_by_the_operator(vector, whole.name):
            one = nodes[container]
            folder = Path("/mnt/models") if one.model_uri else None
            told = variables_of(one, whole, name, folder)
            if one.is_prepackaged and not one.image:
                told["PREDICTIVE_UNIT_IMAGE"] = recorded["PREDICTIVE_UNIT_IMAGE"]  # the operator's choice
            assert comparable(told) == comparable(recorded)
