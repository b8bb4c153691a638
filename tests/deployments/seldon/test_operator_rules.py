"""What admission lets pass and the operator, or the API server behind it, then fails on."""

import pytest

from deployments.seldon import RefusedBy, verdicts

GOOD = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: xgboost, namespace: seldon}
spec:
  annotations: {seldon.io/rest-timeout: "5000"}
  predictors:
  - name: champion
    annotations: {version: "1"}
    graph: {name: scorer, type: MODEL}
    componentSpecs:
    - metadata: {labels: {team: ads}}
      spec:
        containers:
        - {name: scorer, image: "forkcast/champion:1"}
        - {name: sidecar, image: "sidecar:1"}
"""


def found(text):
    (verdict,) = verdicts(text, "overlay.yaml")
    return verdict


def renamed(name):
    return GOOD.replace("name: scorer", f"name: {name}")


FAILING = {
    "too many connections": ("5000", '5000", seldon.io/ambassador-circuit-breakers-max-connections: "many'),
    "retries of Ambassador": ("5000", '5000", seldon.io/ambassador-retries: "few'),
    "a number beyond 64 bits": ("5000", "9223372036854775808"),
    "two headers": ("5000", '5000", seldon.io/ambassador-header: "a: 1, b: 2'),
    "a header whose value holds a colon": ("5000", '5000", seldon.io/ambassador-header: "referer: http://x'),
    "a pattern alone": ("5000", '5000", seldon.io/ambassador-regex-header: "a: .*'),
    "a pattern beside a bare header": (
        "5000",
        '5000", seldon.io/ambassador-header: a, seldon.io/ambassador-regex-header: "a: .*',
    ),
    "a predictor beginning with a capital": ("name: champion", "name: Champion"),
    "a predictor too long for a label": ("name: champion", f"name: {'c' * 64}"),
    "a deployment beginning with a digit": ("name: xgboost", "name: 1xgboost"),
    "a deployment with a dot": ("name: xgboost", "name: xg.boost"),
    "a service too long": ("version:", f"seldon.io/svc-name: {'s' * 64}, version:"),
    "a service with a capital": ("version:", "seldon.io/svc-name: S, version:"),
    "a pod's name by its metadata": ("metadata: {labels", "metadata: {name: A_b, labels"),
    "a label of a pod": ("team: ads", "team: a b"),
    "a label of a predictor": ("annotations: {version", "labels: {k: '-'}\n    annotations: {version"),
    "a sidecar that is no label": ("name: sidecar", "name: side_car"),
    "a sidecar too long": ("name: sidecar", f"name: {'s' * 64}"),
    "a container twice in a pod": ("name: sidecar", "name: scorer"),
    "a container without an image": (', image: "sidecar:1"', ""),
    "a server without an image for its protocol": (
        "type: MODEL}",
        "type: MODEL, implementation: HUGGINGFACE_SERVER}",
    ),
}


def test_the_same_without_the_fault_is_taken():
    assert found(GOOD).allowed
    assert found(GOOD).findings == ()


@pytest.mark.parametrize(("old", "new"), FAILING.values(), ids=FAILING)
def test_it_is_refused_as_the_operators_once_with_its_line_and_what_to_do(old, new):
    text = GOOD.replace(old, new, 1)
    if "HUGGINGFACE" in new:
        text = text.replace('- {name: scorer, image: "forkcast/champion:1"}', "- {name: scorer}")
    verdict = found(text)
    assert verdict.refused_by is RefusedBy.OPERATOR, verdict.findings
    (finding,) = [each for each in verdict.findings if each.refused_by is RefusedBy.OPERATOR]
    assert finding.advice
    assert finding.line > 1
    assert verdict.message == f"Seldon's operator fails on it: {finding.path}: {finding.message}; {finding.advice}."


@pytest.mark.parametrize(("length", "allowed"), [(48, True), (49, False)])
def test_a_nodes_container_has_48_characters_and_a_sidecar_63(length, allowed):
    assert found(renamed("c" * length)).allowed is allowed
    assert found(GOOD.replace("name: sidecar", f"name: {'s' * 63}")).allowed


def test_long_names_become_hashes_and_are_fine():
    assert found(GOOD.replace("xgboost", "x" * 60)).allowed
    assert found(GOOD.replace("name: champion", f"name: {'c' * 63}")).allowed


def test_a_certificate_needs_a_container_at_the_root():
    text = GOOD.replace("    graph: {name: scorer, type: MODEL}", "    ssl: {certSecretName: s}\n    graph: GRAPH")
    root = "{name: ab, implementation: RANDOM_ABTEST, children: [{name: scorer}, {name: sidecar}]}"
    (finding,) = found(text.replace("GRAPH", root)).findings
    assert (finding.refused_by, finding.path) == (RefusedBy.OPERATOR, "spec.predictors[0].ssl")
    assert "panic" in finding.advice
    assert found(text.replace("GRAPH", "{name: scorer}")).allowed


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (
            "name: sidecar",
            "name: seldon-container-engine",
            "spec.predictors[0].componentSpecs[0].spec.containers[1].name",
        ),
        ("type: MODEL}", "type: ROUTER, children: [{name: scorer}]}", "spec.predictors[0].graph.children[0].name"),
    ],
)
def test_what_a_cluster_runs_so_that_it_cannot_work_is_allowed_and_found(old, new, path):
    verdict = found(GOOD.replace(old, new))
    assert verdict.allowed
    assert verdict.message is None
    (finding,) = verdict.findings
    assert (finding.refused_by, finding.path) == (RefusedBy.FORKCAST, path)


def test_a_container_in_two_pods_is_found_though_the_orchestrator_has_its_place():
    second = "    - spec: {containers: [{name: sidecar, image: other}]}\n"
    (finding,) = found(GOOD + second).findings
    assert (finding.refused_by, finding.line) == (RefusedBy.FORKCAST, 16)
