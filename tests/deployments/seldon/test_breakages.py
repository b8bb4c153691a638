"""What Seldon admits and then fails or breaks on is refused here, before anything starts."""

import pytest

from deployments.seldon import InvalidDeployment, RefusedBy, load_documents

GOOD = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata:
  name: xgboost
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: "x=1"
spec:
  annotations:
    seldon.io/rest-timeout: "5000"
  predictors:
  - name: champion
    annotations:
      version: "1"
    graph:
      name: classifier
      modelUri: pvc://models/champion
      parameters: [{name: n, value: "1", type: INT}]
    componentSpecs:
    - metadata: {annotations: {team: ads}}
      spec:
        containers:
        - name: classifier
          image: forkcast/champion:1
          env:
          - {name: MODEL_NAME, value: InstallModel}
          - {name: PREDICTIVE_UNIT_SERVICE_PORT, value: "9100"}
        - name: sidecar
          image: sidecar:1
          env: [{name: MLSERVER_HTTP_PORT, value: "1"}]
"""


def refused(text, by=RefusedBy.FORKCAST):
    with pytest.raises(InvalidDeployment) as caught:
        load_documents(text, "overlay.yaml")
    (finding,) = caught.value.findings
    assert finding.refused_by is by
    assert finding.advice
    return finding


def test_the_same_deployment_without_the_fault_is_accepted():
    """A sidecar's port, an "=" in an annotation of the metadata and a service port of one's own do no harm."""
    assert len(load_documents(GOOD, "overlay.yaml")) == 1


@pytest.mark.parametrize("value", ["10s", "5.0", "", " 5000", "5e3", "\u0665"])
def test_a_timeout_that_is_no_integer(value):
    finding = refused(GOOD.replace('timeout: "5000"', f'timeout: "{value}"'), RefusedBy.OPERATOR)
    assert (finding.line, finding.path) == (9, "spec.annotations.seldon.io/rest-timeout")
    assert f'"{value}"' in finding.message
    assert "milliseconds" in finding.message


@pytest.mark.parametrize(
    ("place", "line", "by"),
    [
        ("  annotations:\n    kubectl", 6, RefusedBy.OPERATOR),
        ("    annotations:\n      version", 13, RefusedBy.FORKCAST),
    ],
)
def test_a_timeout_that_is_no_integer_wherever_it_is_looked_up(place, line, by):
    head, key = place.rsplit("\n", 1)
    indent = key[: len(key) - len(key.lstrip())]
    finding = refused(GOOD.replace(place, f"{head}\n{indent}seldon.io/grpc-timeout: soon\n{key}"), by)
    assert finding.line == line


@pytest.mark.parametrize(
    ("written", "wrong", "path"),
    [
        ('version: "1"', "version: a=b", "spec.predictors[0].annotations.version"),
        ("team: ads", "team: '='", "spec.predictors[0].componentSpecs[0].metadata.annotations.team"),
        ("spec:\n  annotations:", "spec:\n  annotations:\n    note: x=y", "spec.annotations.note"),
    ],
)
def test_an_equals_sign_in_an_annotation_that_reaches_a_pod(written, wrong, path):
    finding = refused(GOOD.replace(written, wrong))
    assert finding.path == path
    assert "ignores every annotation" in finding.advice


@pytest.mark.parametrize(
    "variable",
    [
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT",
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT",
        "MLSERVER_HTTP_PORT",
        "MLSERVER_GRPC_PORT",
        "PREDICTIVE_UNIT_PARAMETERS",
        "MLSERVER_MODEL_URI",
    ],
)
def test_a_variable_of_the_operators_that_wipes_the_others(variable):
    finding = refused(GOOD.replace("PREDICTIVE_UNIT_SERVICE_PORT", variable))
    assert finding.line == 26
    assert "MODEL_NAME" in finding.advice


@pytest.mark.parametrize(
    ("variable", "field"), [("PREDICTIVE_UNIT_PARAMETERS", "parameters:"), ("MLSERVER_MODEL_URI", "modelUri:")]
)
def test_two_of_them_do_no_harm_where_the_node_has_nothing_to_say_there(variable, field):
    without = "\n".join(line for line in GOOD.splitlines() if field not in line)
    assert load_documents(without.replace("PREDICTIVE_UNIT_SERVICE_PORT", variable), "overlay.yaml")


def test_an_unknown_server_with_an_image_of_its_own():
    finding = refused(
        GOOD.replace("      modelUri", "      implementation: LIGHTGBM_SERVER\n      modelUri"), RefusedBy.OPERATOR
    )
    assert (finding.line, finding.path) == (16, "spec.predictors[0].graph.implementation")
    assert "XGBOOST_SERVER" in finding.advice


def test_no_graph_node_in_the_pod_where_the_orchestrator_goes():
    foreign = GOOD.replace(
        "    componentSpecs:", "    componentSpecs:\n    - spec: {containers: [{name: cache, image: i}]}"
    )
    finding = refused(foreign, RefusedBy.OPERATOR)
    assert (finding.line, finding.path) == (19, "spec.predictors[0].componentSpecs[0]")
    separate = foreign.replace("spec:\n  ann", 'spec:\n  annotations: {seldon.io/engine-separate-pod: "TRUE"}\n  x', 1)
    separate = separate.replace('  xotations:\n    seldon.io/rest-timeout: "5000"\n', "")
    assert load_documents(separate, "overlay.yaml")
    without = foreign.replace('version: "1"', 'seldon.io/no-engine: "true"')
    assert load_documents(without, "overlay.yaml"), "no orchestrator, no place for it"
