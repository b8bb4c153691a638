"""A predictor whose whole graph is in one container: what becomes of it, and what is said of one that cannot serve."""

import pytest

from deployments.seldon import load_documents, model_uri, unfolded, verdicts

INNER = """
              graph:
                name: detector
                type: TRANSFORMER
                children: [{name: model, parameters: [{name: p, value: /m/x, type: STRING}]}]
              componentSpecs:
              - spec:
                  containers:
                  - {name: model, env: [{name: MODEL_NAME, value: a.Model}, {name: B, value: "2"}]}
                  - {name: detector, image: "own:2", env: [{name: MODEL_NAME, value: a.Detector}]}
"""
WRITTEN = f"""\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {{name: ads, namespace: seldon}}
spec:
  annotations: {{seldon.io/rest-timeout: "5000"}}
  predictors:
  - name: main
    replicas: 2
    annotations: {{seldon.io/no-engine: "true", version: "7"}}
    graph: {{name: model, type: MODEL}}
    componentSpecs:
    - spec:
        securityContext: {{runAsUser: 8888}}
        volumes: [{{name: v, persistentVolumeClaim: {{claimName: models}}}}]
        containers:
        - name: model
          image: one:1
          ports: [{{name: http, containerPort: 8000}}]
          volumeMounts: [{{name: v, mountPath: /m, subPath: a}}]
          env:
          - {{name: B, value: "1"}}
          - {{name: C, value: "3"}}
          - name: GRAPH_SERVER_PREDICTOR
            value: |{INNER.rstrip()}
          - {{name: GRAPH_SERVER_NAMESPACE, valueFrom: {{fieldRef: {{fieldPath: metadata.namespace}}}}}}
"""


def main_of(text):
    (deployment,) = load_documents(text, "x")
    return unfolded(deployment).spec.predictors[0]


def variables(container):
    return {each.name: each.value for each in container.env}


def test_it_becomes_a_graph_with_a_container_for_each_node():
    main = main_of(WRITTEN)
    assert [(unit.name, unit.type) for unit in main.graph.walk()] == [("detector", "TRANSFORMER"), ("model", None)]
    assert main.annotations == {"version": "7"}
    assert main.replicas == 2
    model, detector = main.containers()
    assert (model.name, model.image, variables(model)) == (
        "model",
        "one:1",
        {"MODEL_NAME": "a.Model", "B": "2", "C": "3"},
    )
    assert (detector.name, detector.image) == ("detector", "own:2")
    assert variables(detector) == {"MODEL_NAME": "a.Detector", "B": "1", "C": "3"}
    assert model.ports == detector.ports == ()
    assert model_uri(main.graph.children[0], main) == "pvc://models/a/x"


def test_its_root_has_the_logger_that_the_annotations_say():
    assert main_of(WRITTEN).graph.logger is None
    told = 'version: "7", forkcast/request-log: response, forkcast/request-log-url: "http://c:1"'
    logger = main_of(WRITTEN.replace('version: "7"', told)).graph.logger
    assert (logger.mode, logger.url) == ("response", "http://c:1")


def test_a_predictor_that_is_not_fused_stays_as_it_is():
    (deployment,) = load_documents(WRITTEN.replace("GRAPH_SERVER_PREDICTOR", "ANOTHER"), "x")
    assert unfolded(deployment) == deployment


def findings(text):
    (verdict,) = verdicts(text, "x")
    assert verdict.allowed, "a cluster takes it"
    lines = text.splitlines()
    for finding in verdict.findings:
        assert finding.advice
        assert "GRAPH_SERVER_PREDICTOR" in lines[finding.line - 1]
    return [finding.message for finding in verdict.findings]


def test_a_description_that_can_be_served_is_fine():
    assert findings(WRITTEN) == []


@pytest.mark.parametrize(
    ("seen", "instead", "message"),
    [
        ('seldon.io/no-engine: "true"', 'other: "true"', "is for a predictor without Seldon's executor"),
        ("type: TRANSFORMER", "type: [", "is neither YAML nor JSON"),
        ("                name: detector\n", "", "describes no predictor: graph.name: Field required"),
        ("type: TRANSFORMER", "tpye: TRANSFORMER", "graph.tpye: Extra inputs are not permitted"),
        ("MODEL_NAME, value: a.Model", "MODEL, value: a.Model", "node model has no class"),
        ("{name: detector, image", "{name: detectors, image", "node detector has no class"),
    ],
)
def test_what_the_graph_server_would_not_serve_is_told_beforehand(seen, instead, message):
    assert seen in WRITTEN
    (found,) = findings(WRITTEN.replace(seen, instead))
    assert message in found


@pytest.mark.parametrize("text", ["", "[]", "5", "x"])
def test_a_description_of_nothing_is_told(text):
    start = WRITTEN.index("value: |")
    end = WRITTEN.index("          - {name: GRAPH_SERVER_NAMESPACE")
    (found,) = findings(f'{WRITTEN[:start]}value: "{text}"\n{WRITTEN[end:]}')
    assert "describes no predictor, but " in found


def warnings(text):
    (verdict,) = verdicts(text, "x")
    return [(each.path, each.message) for each in verdict.warnings]


def test_what_is_for_the_executor_alone_is_warned_of_where_there_is_none():
    assert warnings(WRITTEN) == []
    logged = WRITTEN.replace("graph: {name: model, type: MODEL}", "graph: {name: model, logger: {mode: all}}")
    ((path, message),) = warnings(logged)
    assert path == "spec.predictors[0].graph.logger"
    assert message.startswith("no event is posted")
    assert warnings(logged.replace('version: "7"', 'version: "7", forkcast/request-log: all')) == []
    orchestrated = WRITTEN.replace(
        "    replicas: 2\n", "    replicas: 2\n    svcOrchSpec: {env: [{name: A, value: b}]}\n"
    )
    ((path, _),) = warnings(orchestrated)
    assert path == "spec.predictors[0].svcOrchSpec.env"
    assert warnings(orchestrated.replace('seldon.io/no-engine: "true", ', "").replace("PREDICTOR", "X")) == []
