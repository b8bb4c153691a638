"""What a container is told by Seldon's operator, in its order (recorded from operator 1.17.1)."""

import json

import pytest

from deployments.seldon import container_ports, defaulted, environment, variables, verdicts

WRITTEN = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: xgboost, namespace: seldon}
spec:
  predictors:
  - name: champion
    labels: {z: "<1>", a: é}
    graph: {name: classifier, modelUri: "pvc://models/champion"}
    componentSpecs:
    - spec:
        containers:
        - {name: classifier, image: "forkcast/champion:0.1.0", env: [{name: MODEL_NAME, value: InstallModel}]}
        - {name: sidecar, image: "sidecar:1"}
"""


def told(text, container="classifier"):
    (verdict,) = verdicts(text, "x")  # what a label may not hold is told all the same
    deployment = verdict.deployment
    (predictor,) = defaulted(deployment).spec.predictors
    return environment(deployment, predictor, predictor.container(container))


def test_a_container_of_ones_own_is_told_ports_model_identity_and_metrics():
    assert list(told(WRITTEN).items()) == [
        ("PREDICTIVE_UNIT_SERVICE_PORT", "9000"),
        ("PREDICTIVE_UNIT_HTTP_SERVICE_PORT", "9000"),
        ("MLSERVER_HTTP_PORT", "9000"),
        ("PREDICTIVE_UNIT_GRPC_SERVICE_PORT", "9500"),
        ("MLSERVER_GRPC_PORT", "9500"),
        ("MLSERVER_MODEL_URI", "/mnt/models"),
        ("PREDICTIVE_UNIT_ID", "classifier"),
        ("MLSERVER_MODEL_NAME", "classifier"),
        ("PREDICTIVE_UNIT_IMAGE", "forkcast/champion:0.1.0"),
        ("PREDICTOR_ID", "champion"),
        ("PREDICTOR_LABELS", '{"a":"é","version":"champion","z":"\\u003c1\\u003e"}'),
        ("SELDON_DEPLOYMENT_ID", "xgboost"),
        ("SELDON_EXECUTOR_ENABLED", "true"),
        ("PREDICTIVE_UNIT_METRICS_SERVICE_PORT", "6000"),
        ("PREDICTIVE_UNIT_METRICS_ENDPOINT", "/prometheus"),
        ("MLSERVER_METRICS_PORT", "6000"),
        ("MLSERVER_METRICS_ENDPOINT", "/prometheus"),
    ]


def test_without_a_model_uri_there_is_no_word_of_a_model():
    assert "MLSERVER_MODEL_URI" not in told(WRITTEN.replace(', modelUri: "pvc://models/champion"', ""))


def test_a_container_outside_the_graph_is_told_nothing():
    assert told(WRITTEN, "sidecar") == {}


def test_parameters_are_json_as_go_writes_it_and_stand_before_the_model():
    parameters = "parameters: [{name: n, type: INT, value: '1'}, {name: s, type: STRING, value: 'a<b&c>é'}]"
    seen = told(WRITTEN.replace("graph: {", f"graph: {{{parameters}, "))
    assert seen["PREDICTIVE_UNIT_PARAMETERS"] == (
        '[{"name":"n","value":"1","type":"INT"},{"name":"s","value":"a\\u003cb\\u0026c\\u003eé","type":"STRING"}]'
    )
    assert list(seen).index("PREDICTIVE_UNIT_PARAMETERS") == list(seen).index("MLSERVER_MODEL_URI") - 1


def test_a_prepackaged_server_is_told_where_its_model_is_after_its_own_parameters():
    server = WRITTEN.replace("graph: {", "graph: {implementation: XGBOOST_SERVER, ")
    alone = told(server)
    assert list(alone)[-1] == "PREDICTIVE_UNIT_PARAMETERS"
    model_uri = {"name": "model_uri", "value": "/mnt/models", "type": "STRING"}
    assert json.loads(alone["PREDICTIVE_UNIT_PARAMETERS"]) == [model_uri]
    own = {"name": "n", "value": "1", "type": "INT"}
    both = told(server.replace("graph: {", f"graph: {{parameters: [{json.dumps(own)}], "))
    assert json.loads(both["PREDICTIVE_UNIT_PARAMETERS"]) == [own, model_uri]


def test_a_service_port_of_ones_own_is_kept():
    seen = told(
        WRITTEN.replace("{name: MODEL_NAME", "{name: PREDICTIVE_UNIT_SERVICE_PORT, value: '1'}, {name: MODEL_NAME")
    )
    assert "PREDICTIVE_UNIT_SERVICE_PORT" not in seen


def test_under_grpc_the_service_port_is_the_grpc_port():
    assert (
        told(WRITTEN.replace("spec:\n  pred", "spec:\n  transport: grpc\n  pred"))["PREDICTIVE_UNIT_SERVICE_PORT"]
        == "9500"
    )


@pytest.mark.parametrize(
    ("implementation", "class_name", "more"),
    [
        ("XGBOOST_SERVER", "mlserver_xgboost.XGBoostModel", []),
        (
            "HUGGINGFACE_SERVER",
            "mlserver_huggingface.HuggingFaceRuntime",
            ["MLSERVER_PARALLEL_WORKERS", "XDG_CACHE_HOME"],
        ),
    ],
)
@pytest.mark.parametrize("protocol", ["v2", "kfserving"])
def test_mlserver_is_told_its_class_first_and_loses_its_port_for_metrics(implementation, class_name, more, protocol):
    text = WRITTEN.replace("graph: {", f"graph: {{implementation: {implementation}, ")
    text = text.replace("spec:\n  pred", f"spec:\n  protocol: {protocol}\n  pred")
    seen = told(text)
    assert list(seen)[:4] == [
        "MLSERVER_HTTP_PORT",
        "MLSERVER_GRPC_PORT",
        "MLSERVER_MODEL_IMPLEMENTATION",
        "MLSERVER_MODEL_NAME",
    ]
    assert seen["MLSERVER_MODEL_IMPLEMENTATION"] == class_name
    assert [name for name in seen if name in more] == more
    assert "PREDICTIVE_UNIT_PARAMETERS" not in seen
    deployment = verdicts(text, "x")[0].deployment
    (predictor,) = defaulted(deployment).spec.predictors
    assert list(container_ports(deployment, predictor, predictor.container("classifier"))) == ["grpc", "http"]
    assert container_ports(deployment, predictor, predictor.container("sidecar")) == {}


def test_a_port_of_ones_own_wipes_what_was_there_and_is_not_set_itself():
    deployment = verdicts(WRITTEN, "x")[0].deployment
    (predictor,) = deployment.spec.predictors
    container = predictor.container("classifier")
    more = type(container.env[0])(name="MLSERVER_HTTP_PORT", value="1")
    wiping = container.model_copy(update={"env": (*container.env, more)})
    component = predictor.component_specs[0]
    pod = component.spec.model_copy(update={"containers": (wiping, *component.spec.containers[1:])})
    components = (component.model_copy(update={"spec": pod}),)
    predictor = predictor.model_copy(update={"component_specs": components})
    spec = deployment.spec.model_copy(update={"predictors": (predictor,)})
    seen = variables(deployment.model_copy(update={"spec": spec}), predictor, wiping)
    assert next(iter(seen)) == "PREDICTIVE_UNIT_GRPC_SERVICE_PORT"
    assert not {"MODEL_NAME", "MLSERVER_HTTP_PORT", "PREDICTIVE_UNIT_SERVICE_PORT"} & seen.keys()
