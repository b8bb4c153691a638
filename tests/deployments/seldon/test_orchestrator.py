"""What Seldon's operator tells a predictor's orchestrator (recorded from operator 1.17.1)."""

from deployments.seldon import engine_predictor, engine_variables, load_documents, pod_annotations, podinfo

WRITTEN = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: ads, namespace: seldon, annotations: {on-metadata: "no"}}
spec:
  annotations: {seldon.io/engine-log-level: debug, seldon.io/engine-z: "1", who: spec, on-spec: "yes"}
  predictors:
  - name: main
    annotations: {who: predictor, version: "7"}
    svcOrchSpec: {env: [{name: LOG_LEVEL, value: WARN}]}
    traffic: 100
    graph:
      name: router
      type: ROUTER
      parameters: [{name: n, type: INT, value: "2"}]
      children:
      - {name: left, modelUri: "pvc://models/left", logger: {mode: all}}
      - {name: right, implementation: XGBOOST_SERVER, modelUri: "s3://bucket/right"}
    componentSpecs:
    - metadata: {annotations: {who: pod, on-pod: "yes"}}
      spec:
        containers:
        - {name: router, image: "router:1", env: [{name: MODEL_NAME, value: routers.Router}]}
        - {name: left, image: "left:1", env: [{name: MODEL_NAME, value: models.Left}]}
"""


def written():
    (deployment,) = load_documents(WRITTEN, "x")
    return deployment, deployment.spec.predictors[0]


def test_the_predictor_is_described_with_defaults_and_without_what_is_the_gateways():
    told = engine_predictor(*written())
    assert set(told) == {"name", "annotations", "labels", "graph", "componentSpecs", "svcOrchSpec"}
    assert told["labels"] == {"version": "main"}
    router = told["graph"]
    assert (router["type"], router["implementation"]) == ("ROUTER", "UNKNOWN_IMPLEMENTATION")
    assert router["parameters"] == [{"name": "n", "value": "2", "type": "INT"}]
    left, right = router["children"]
    assert (left["type"], left["modelUri"], left["logger"]) == ("MODEL", "pvc://models/left", {"mode": "all"})
    assert (right["type"], right["implementation"]) == ("MODEL", "XGBOOST_SERVER")
    assert left["endpoint"] == {
        "service_host": "localhost",
        "service_port": 9001,
        "httpPort": 9001,
        "grpcPort": 9501,
    }


def test_every_container_is_described_with_what_it_is_told_also_one_that_the_operator_made():
    (pod,) = engine_predictor(*written())["componentSpecs"]
    containers = {each["name"]: each for each in pod["spec"]["containers"]}
    assert list(containers) == ["router", "left", "right"]
    assert containers["right"]["image"] == "seldonio/xgboostserver:1.17.1"
    variables = {each["name"]: each["value"] for each in containers["left"]["env"]}
    assert next(iter(variables)) == "MODEL_NAME"
    assert (variables["PREDICTIVE_UNIT_ID"], variables["PREDICTOR_ID"]) == ("left", "main")


def test_annotations_of_the_spec_are_variables_where_the_orchestrators_own_do_not_say_otherwise():
    assert engine_variables(*written()) == {"LOG_LEVEL": "WARN", "Z": "1"}


def test_the_annotations_of_the_pod_are_a_file_as_kubernetes_writes_it():
    assert podinfo(pod_annotations(*written())) == (
        'on-pod="yes"\n'
        'on-spec="yes"\n'
        'seldon.io/engine-log-level="debug"\n'
        'seldon.io/engine-z="1"\n'
        'version="7"\n'
        'who="predictor"\n'
    )
    assert podinfo({"text": 'two\nlines, "quoted"'}) == 'text="two\\nlines, \\"quoted\\""\n'
