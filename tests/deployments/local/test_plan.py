import base64
import json
from pathlib import Path

import pytest
from runtime_under_test import graph_of, node, overlay, predictor

from deployments.local.errors import UnsupportedOverlay
from deployments.local.plan import Destination, Route
from deployments.local.planning import model_uris, plan
from deployments.local.programs import ModelFolder, Ports
from deployments.seldon import load_documents

CHAMPION_MODEL = ModelFolder(Path("/models/champion"), "digest-1")
MODELS = {"pvc://models/champion": CHAMPION_MODEL}
SERVER_PORTS = Ports(http=21001, grpc=21002, metrics=21001)
DELAY = {"name": "delay_seconds", "value": "0.5", "type": "FLOAT"}


def planned(*predictors, models=MODELS, isolated=False, **options):
    deployments = load_documents(overlay(*predictors, **options), "overlay.json")
    return plan(deployments, models, volumes=Path("/volumes"), isolated=isolated, python="python3.12")


def server(the_plan, name="champion"):
    return next(each for each in the_plan.servers if each.predictor == name)


def told(a_server, wrapper_ports=None):
    """What its ENGINE_PREDICTOR says."""
    return json.loads(base64.b64decode(a_server.environment(wrapper_ports or {})["ENGINE_PREDICTOR"]))


def container_of(description, name):
    (pod,) = description["componentSpecs"]
    (found,) = [each for each in pod["spec"]["containers"] if each["name"] == name]
    return {**found, "env": {each["name"]: each["value"] for each in found["env"]}}


def option(command, name):
    return command[command.index(name) + 1]


def test_a_predictor_is_one_graph_server_named_as_its_service():
    champion = server(planned(predictor("champion")))
    assert champion.name == "xgboost-champion"
    command = champion.command(SERVER_PORTS, Path("/state/podinfo/x"))
    assert command[:3] == ("python3.12", "-m", "model_server.graph")
    expected = {
        "--sdep": "xgboost",
        "--namespace": "seldon",
        "--predictor": "champion",
        "--workers": "1",
        "--volumes": "/volumes",
        "--host": "127.0.0.1",
        "--http_port": "21001",
        "--grpc_port": "21002",
        "--prometheus_path": "/prometheus",
        "--annotations": "/state/podinfo/x",
    }
    assert dict(zip(command[3::2], command[4::2], strict=True)) == expected
    assert champion.wrappers == ()


def test_it_is_told_the_predictor_as_the_operator_would_with_the_folders_of_this_machine_and_no_endpoints():
    the_plan = planned(predictor("champion", model_uri="pvc://models/champion", parameters=[DELAY]))
    description = told(server(the_plan))
    assert description["name"] == "champion"
    assert description["labels"] == {"version": "champion"}
    assert description["graph"] == {
        "name": "echo",
        "type": "MODEL",
        "implementation": "UNKNOWN_IMPLEMENTATION",
        "modelUri": "file:///models/champion",
        "parameters": [DELAY],
    }
    container = container_of(description, "echo")
    assert container["image"] == "echo:1"
    assert container["env"]["MODEL_NAME"] == "echo_model.EchoModel"
    assert container["env"]["MLSERVER_MODEL_URI"] == "/models/champion"
    assert container["env"]["PREDICTIVE_UNIT_ID"] == "echo"
    assert not [name for name in container["env"] if name.endswith("_PORT")]


def test_a_model_that_is_elsewhere_is_left_to_the_graph_server():
    champion = server(planned(predictor("champion", model_uri="s3://bucket/model")))
    assert told(champion)["graph"]["modelUri"] == "s3://bucket/model"
    assert champion.models == {}


def test_every_node_of_every_graph_may_have_a_model():
    graph = node("t", "TRANSFORMER", node("m", model_uri="pvc://models/m"), model_uri="pvc://models/t")
    deployments = load_documents(overlay(graph_of("a", graph)), "overlay.json")
    assert model_uris(deployments) == ("pvc://models/t", "pvc://models/m")
    models = {f"pvc://models/{name}": ModelFolder(Path(f"/models/{name}"), name) for name in "tm"}
    description = told(server(plan(deployments, models), "a"))
    assert description["graph"]["modelUri"] == "file:///models/t"
    assert description["graph"]["children"][0]["modelUri"] == "file:///models/m"
    assert container_of(description, "m")["env"]["MLSERVER_MODEL_URI"] == "/models/m"


def test_the_variables_of_its_process_are_the_orchestrators_and_those_that_all_its_components_share():
    graph = node("t", "TRANSFORMER", node("m", env=[("COLOUR", "blue"), ("SIZE", "1")]), env=[("COLOUR", "blue")])
    champion = graph_of("champion", graph) | {"svcOrchSpec": {"env": [{"name": "LOG_LEVEL", "value": "WARN"}]}}
    variables = server(planned(champion)).variables
    expected = {"COLOUR": "blue", "LOG_LEVEL": "WARN", "PREDICTOR_ID": "champion", "SELDON_DEPLOYMENT_ID": "xgboost"}
    assert expected.items() <= variables.items()
    assert not {"SIZE", "PREDICTIVE_UNIT_ID", "PREDICTIVE_UNIT_HTTP_SERVICE_PORT"} & set(variables)


def test_annotations_of_the_spec_and_of_the_predictor_are_its_pods():
    champion = predictor("champion") | {"annotations": {"version": "7"}}
    annotations = server(planned(champion, annotations={"seldon.io/rest-timeout": "5000"})).annotations
    assert annotations == {"seldon.io/rest-timeout": "5000", "version": "7"}


@pytest.mark.parametrize(("asked", "expected"), [([], "1"), (["4"], "4"), (["4", "2"], "4")])
def test_it_computes_with_as_many_threads_as_the_container_that_asks_for_most_or_one(asked, expected):
    env = [[("OMP_NUM_THREADS", each)] for each in asked] + [[], []]
    champion = graph_of("champion", node("t", "TRANSFORMER", node("m", env=env[1]), env=env[0]))
    assert server(planned(champion)).variables["OMP_NUM_THREADS"] == expected


def isolated_two():
    graph = node("t", "TRANSFORMER", node("m", env=[("COLOUR", "blue")], model_uri="pvc://models/champion"))
    return server(planned(graph_of("champion", graph), isolated=True))


def test_isolated_each_component_is_a_stock_wrapper_of_its_own():
    champion = isolated_two()
    assert [wrapper.node for wrapper in champion.wrappers] == ["t", "m"]
    assert champion.program_name(champion.wrappers[1]) == "xgboost-champion.m"
    assert champion.wrappers[1].argv == (
        "python3.12",
        "-m",
        "deployments.local.stock_wrapper",
        "echo_model.EchoModel",
    )


def test_a_stock_wrappers_environment_is_the_operators_with_ports_and_model_of_this_machine():
    environment = isolated_two().wrappers[1].environment(Ports(http=21001, grpc=21002, metrics=21003))
    expected = {
        "COLOUR": "blue",
        "MLSERVER_MODEL_URI": "/models/champion",
        "OMP_NUM_THREADS": "1",
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": "21002",
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": "21001",
        "PREDICTIVE_UNIT_ID": "m",
        "PREDICTIVE_UNIT_IMAGE": "m:1",
        "PREDICTIVE_UNIT_METRICS_ENDPOINT": "/prometheus",
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": "21003",
        "PREDICTOR_ID": "champion",
        "SELDON_DEPLOYMENT_ID": "xgboost",
    }
    assert expected.items() <= environment.items()
    assert json.loads(environment["PREDICTOR_LABELS"]) == {"version": "champion"}


def test_isolated_the_graph_server_is_told_where_its_components_are_and_has_nothing_of_theirs_itself():
    champion = isolated_two()
    graph = told(champion, {"t": Ports(1, 2, 3), "m": Ports(4, 5, 6)})["graph"]
    assert graph["endpoint"] == {"service_host": "127.0.0.1", "httpPort": 1, "grpcPort": 2, "type": "REST"}
    assert graph["children"][0]["endpoint"]["grpcPort"] == 5
    assert set(champion.variables) == {"OMP_NUM_THREADS"}


def test_what_the_executor_does_itself_has_no_wrapper():
    graph = node("ab", None, node("a"), node("b"), implementation="RANDOM_ABTEST")
    champion = server(planned(graph_of("champion", graph), isolated=True))
    assert [wrapper.node for wrapper in champion.wrappers] == ["a", "b"]
    assert "endpoint" not in told(champion, {"a": Ports(1, 2, 3), "b": Ports(4, 5, 6)})["graph"]


def test_isolated_the_xgboost_server_is_a_class_in_the_stock_wrapper_that_is_told_its_models_folder():
    graph = node("m", None, implementation="XGBOOST_SERVER", model_uri="pvc://models/champion")
    (wrapper,) = server(planned(graph_of("champion", graph), isolated=True)).wrappers
    assert wrapper.argv[-1] == "model_server.xgboost_server.XGBoostServer"
    assert json.loads(wrapper.variables["PREDICTIVE_UNIT_PARAMETERS"]) == [
        {"name": "model_uri", "value": "/models/champion", "type": "STRING"}
    ]


@pytest.mark.parametrize(
    ("predictors", "expected"),
    [
        ([predictor("a")], [100]),
        ([predictor("a", 100)], [100]),
        ([predictor("a", 0)], [100]),  # Istio reads a lone destination's weight so
        ([predictor("a", 70), predictor("b", 30)], [70, 30]),
        ([predictor("a", 100), predictor("b", 0)], [100, 0]),
        ([predictor("a", 100), predictor("b")], [100, 0]),
    ],
)
def test_traffic_is_what_seldon_and_istio_make_of_it(predictors, expected):
    (route,) = planned(*predictors).routes
    assert [destination.percent for destination in route.destinations] == expected


@pytest.mark.parametrize(("traffic", "expected"), [(None, 100), (0, 100), (35, 35)])
def test_a_shadow_gets_copies_beside_the_traffic(traffic, expected):
    (route,) = planned(predictor("champion", 100), predictor("dark", traffic, shadow=True)).routes
    assert [destination.server.predictor for destination in route.destinations] == ["champion"]
    assert (route.shadow.server.predictor, route.shadow.percent) == ("dark", expected)


def test_timeouts_are_the_annotations_in_seconds_and_none_without_them():
    annotations = {"seldon.io/rest-timeout": "5500", "seldon.io/grpc-timeout": "750", "seldon.io/istio-retries": "7"}
    (route,) = planned(predictor("champion"), annotations=annotations).routes
    assert (route.rest_timeout_seconds, route.grpc_timeout_seconds, route.retries) == (5.5, 0.75, 7)
    (route,) = planned(predictor("champion")).routes
    assert (route.rest_timeout_seconds, route.grpc_timeout_seconds, route.retries) == (None, None, 2)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_revision_does_not_notice_traffic_order_or_the_other_predictors(isolated):
    alone = server(planned(predictor("champion"), isolated=isolated))
    last = server(planned(predictor("x", 20), predictor("y", 30), predictor("champion", 50), isolated=isolated))
    assert alone.key == last.key


CHANGES = {
    "a variable": predictor("champion", env=[("COLOUR", "blue")]),
    "a parameter": predictor("champion", parameters=[{"name": "n", "value": "1", "type": "INT"}]),
    "the class": predictor("champion", model_name="echo_model.OtherModel"),
    "the model": predictor("champion", model_uri="pvc://models/champion"),
    "a model elsewhere": predictor("champion", model_uri="s3://bucket/model"),
    "a label": predictor("champion") | {"labels": {"version": "2"}},
    "an annotation": predictor("champion") | {"annotations": {"version": "2"}},
    "the orchestrator's environment": predictor("champion") | {"svcOrchSpec": {"env": [{"name": "A", "value": "b"}]}},
    "another node": graph_of("champion", node("echo", "MODEL", node("m"))),
}


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_revision_notices_everything_that_a_process_would(changed, isolated):
    if isolated and changed["graph"].get("modelUri", "").startswith("s3:"):
        changed = predictor("champion", model_uri="file:///models/other")
    before = server(planned(predictor("champion"), isolated=isolated))
    assert server(planned(changed, isolated=isolated)).key != before.key


def test_a_revision_notices_whether_the_components_are_isolated():
    assert server(planned(predictor("champion"))).key != server(planned(predictor("champion"), isolated=True)).key


def test_a_revision_notices_a_timeout_which_the_graph_server_keeps_to_too():
    timed = planned(predictor("champion"), annotations={"seldon.io/rest-timeout": "5000"})
    assert server(timed).key != server(planned(predictor("champion"))).key


def test_a_revision_notices_a_newly_trained_model():
    def key(digest):
        models = {"pvc://models/champion": ModelFolder(Path("/models/champion"), digest)}
        return server(planned(predictor("champion", model_uri="pvc://models/champion"), models=models)).key

    assert key("digest-1") == key("digest-1")
    assert key("digest-1") != key("digest-2")


ACCEPTED = {
    "a transformer over a model": node("t", "TRANSFORMER", node("m")),
    "an output transformer over a model": node("o", "OUTPUT_TRANSFORMER", node("m")),
    "a router over models": node("r", "ROUTER", node("a"), node("b")),
    "a combiner of models": node("c", "COMBINER", node("a"), node("b")),
    "a random A/B test": node("ab", None, node("a"), node("b"), implementation="RANDOM_ABTEST"),
    "the XGBoost server": node("m", None, implementation="XGBOOST_SERVER", model_uri="pvc://models/champion"),
    "models in a chain": node("a", "MODEL", node("b", "MODEL", node("c"))),
}


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("graph", ACCEPTED.values(), ids=ACCEPTED)
def test_every_shape_of_graph_that_seldons_executor_serves_is_accepted(graph, isolated):
    champion = server(planned(graph_of("champion", graph), isolated=isolated))
    assert champion.nodes[0] == graph["name"]


def with_container(**fields):
    found = predictor("champion")
    found["componentSpecs"][0]["spec"]["containers"][0] |= fields
    return found


SECRET = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
SKLEARN = node("m", None, implementation="SKLEARN_SERVER", model_uri="pvc://models/champion")
REFUSED = {
    "another prepackaged server": (graph_of("champion", SKLEARN), "prepackaged SKLEARN_SERVER; XGBOOST_SERVER, or"),
    "a node of the Java engine": (
        graph_of("champion", node("t", "TRANSFORMER", node("m", None, implementation="SIMPLE_MODEL"))),
        "node m is a SIMPLE_MODEL, which was the Java engine's",
    ),
    "a random test of one": (
        graph_of("champion", node("ab", None, node("a"), implementation="RANDOM_ABTEST")),
        "RANDOM_ABTEST with 1 children",
    ),
    "a type that is none": (graph_of("champion", node("m", "MODLE")), "node m has the type MODLE; accepted are MODEL"),
    "no class": (with_container(env=[]), "no env MODEL_NAME"),
    "no class below": (
        graph_of("champion", node("t", "TRANSFORMER", node("m", model_name=""))),
        "container m has no env MODEL_NAME",
    ),
    "a command": (with_container(command=["sleep"]), "has its own command"),
    "arguments": (with_container(args=["10"]), "has its own args"),
    "a secret": (
        with_container(env=[{"name": "MODEL_NAME", "value": "a.B"}, SECRET]),
        "env TOKEN comes from elsewhere",
    ),
    "a secret of the orchestrator": (
        predictor("champion") | {"svcOrchSpec": {"env": [SECRET]}},
        "svcOrchSpec: the value of env TOKEN comes from elsewhere",
    ),
    "an explainer": (predictor("champion") | {"explainer": {"type": "AnchorTabular"}}, "an explainer; only a cluster"),
}


@pytest.mark.parametrize(("refused", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_the_graph_server_cannot_do_is_refused_by_name(refused, expected):
    with pytest.raises(UnsupportedOverlay, match=expected) as refusal:
        planned(refused)
    assert "xgboost/champion" in refusal.value.message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"protocol": "v2"}, "protocol v2; `seldon` is what the graph server speaks"),
        ({"serverType": "kafka"}, "serverType kafka; only `rpc` runs here"),
    ],
)
def test_other_protocols_are_refused(fields, expected):
    kafka = [{"name": f"KAFKA_{name}", "value": "x"} for name in ("BROKER", "INPUT_TOPIC", "OUTPUT_TOPIC")]
    text = json.loads(overlay(predictor("champion") | {"svcOrchSpec": {"env": kafka}}))
    text["spec"] |= fields
    with pytest.raises(UnsupportedOverlay, match=expected):
        plan(load_documents(json.dumps(text), "overlay.json"), {})


def test_a_stock_wrapper_fetches_no_model_from_elsewhere():
    with pytest.raises(
        UnsupportedOverlay, match=r"node echo: modelUri s3://bucket/model is fetched by the graph server"
    ):
        planned(predictor("champion", model_uri="s3://bucket/model"), isolated=True)


def test_every_refusal_is_told_at_once():
    one = graph_of("a", node("m", "MODLE")) | {"traffic": 50}
    other = predictor("b", 50, model_name="")
    with pytest.raises(UnsupportedOverlay) as refusal:
        planned(one, other)
    assert "xgboost/a: node m has the type MODLE" in refusal.value.message
    assert "xgboost/b: container echo has no env MODEL_NAME" in refusal.value.message


def test_an_overlay_without_a_deployment_is_refused():
    with pytest.raises(UnsupportedOverlay, match="no SeldonDeployment"):
        plan([], {})


def test_two_deployments_whose_predictors_would_share_a_name_are_refused():
    text = overlay(predictor("b-c"), name="a") + "\n---\n" + overlay(predictor("c"), name="a-b")
    with pytest.raises(UnsupportedOverlay, match="a-b-c: two predictors"):
        plan(load_documents(text, "overlay.yaml"), {})


def test_values_that_cannot_be_are_refused_at_construction():
    champion = server(planned(predictor("champion")))
    with pytest.raises(ValueError, match="101 %"):
        Destination(champion, 101)
    with pytest.raises(ValueError, match="sums to 90 %"):
        Route("seldon", "xgboost", (Destination(champion, 90),))


def claiming(value="/mnt/models", sub_path="champion"):
    """A predictor whose node is told a path on the claim `models`, in a parameter and in a variable."""
    parameter = {"name": "folder", "value": value, "type": "STRING"}
    found = predictor("champion", parameters=[parameter], env=[("FOLDER", value), ("OTHER", "/etc")])
    pod = found["componentSpecs"][0]["spec"]
    pod["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "models"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/mnt/models", "subPath": sub_path}]
    return found


@pytest.mark.parametrize("isolated", [False, True])
def test_a_path_on_a_claim_becomes_the_folder_of_this_machine(isolated):
    one = server(planned(claiming(), isolated=isolated))
    assert one.models == {"echo": CHAMPION_MODEL}
    assert one.described["graph"]["parameters"] == [{"name": "folder", "value": "/models/champion", "type": "STRING"}]
    assert "modelUri" not in one.described["graph"]
    told_here = one.wrappers[0].variables if isolated else container_of(one.described, "echo")["env"]
    assert told_here["FOLDER"] == "/models/champion"
    assert told_here["OTHER"] == "/etc"
    assert json.loads(told_here["PREDICTIVE_UNIT_PARAMETERS"])[0]["value"] == "/models/champion"


def test_a_claims_folders_are_looked_for_as_models_are():
    deployments = load_documents(overlay(claiming()), "overlay.json")
    assert model_uris(deployments) == ("pvc://models/champion",)


def test_another_content_of_a_claims_folder_makes_another_server():
    def key(digest):
        models = {"pvc://models/champion": ModelFolder(Path("/models/champion"), digest)}
        return server(planned(claiming(), models=models)).key

    assert key("digest-1") != key("digest-2")


def test_addresses_differ_from_run_to_run_and_change_no_revision():
    state = {"name": "state", "value": "redis://bandit-state:6379/0", "type": "STRING"}
    one = server(planned(predictor("champion", parameters=[state], env=[("STATE", state["value"])])))
    variables = one.environment({}, lambda text: text.replace("redis://bandit-state:6379/0", "unix:///x?db=0"))
    assert "redis://" not in base64.b64decode(variables["ENGINE_PREDICTOR"]).decode()
    assert (
        json.loads(base64.b64decode(variables["ENGINE_PREDICTOR"]))["graph"]["parameters"][0]["value"]
        == "unix:///x?db=0"
    )


@pytest.mark.parametrize(
    ("of_spec", "of_predictor", "of_pod", "expected"),
    [
        (None, None, None, "1"),
        (3, None, None, "3"),
        (3, 2, None, "2"),
        (3, 2, 4, "4"),
        (None, 0, None, "1"),
        (None, 50, None, "4"),
    ],
)
def test_a_replica_is_a_process_of_the_graph_server_up_to_a_limit(of_spec, of_predictor, of_pod, expected):
    found = predictor("champion") | ({} if of_predictor is None else {"replicas": of_predictor})
    if of_pod is not None:
        found["componentSpecs"][0]["replicas"] = of_pod
    text = json.loads(overlay(found))
    text["spec"] |= {} if of_spec is None else {"replicas": of_spec}
    (one,) = plan(load_documents(json.dumps(text), "x"), {}, volumes=Path("/volumes")).servers
    assert option(one.argv, "--workers") == expected
