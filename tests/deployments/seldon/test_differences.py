"""What a cluster takes and does otherwise than one may think is warned of, with its place and what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.seldon import between_deployments, documents, verdicts

QUIET = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata:
  name: xgboost
  namespace: seldon
spec:
  annotations:
    seldon.io/rest-timeout: "5000"
    seldon.io/grpc-timeout: "5000"
  predictors:
  - name: champion
    replicas: 1
    annotations: {version: "1"}
    traffic: 100
    graph:
      name: detector
      type: TRANSFORMER
      parameters: [{name: threshold, value: "0.5", type: FLOAT}, {name: live, value: "true", type: BOOL}]
      children:
      - {name: classifier, type: MODEL, logger: {mode: all}}
    componentSpecs:
    - spec:
        securityContext: {runAsUser: 8888}
        containers:
        - {name: detector, image: "forkcast/detector:1"}
        - {name: classifier, image: "forkcast/champion:1"}
"""

SECOND = """
  - name: challenger
    replicas: 1
    traffic: TRAFFIC
    graph: {name: classifier, type: MODEL}
    componentSpecs:
    - spec:
        containers:
        - {name: classifier, image: "forkcast/challenger:1"}
"""


def two(first, second, extra=""):
    text = QUIET.replace("traffic: 100", f"traffic: {first}")
    return text + SECOND.replace("TRAFFIC", f"{second}{extra}").lstrip("\n")


def warned(text):
    (verdict,) = verdicts(text, "overlay.yaml")
    assert verdict.findings == ()
    assert verdict.allowed
    assert verdict.message is None
    assert all(each.advice and each.line for each in verdict.warnings)
    return [(each.path, each.message) for each in verdict.warnings]


def test_a_deployment_of_which_nothing_is_to_be_said_is_warned_of_nothing():
    assert warned(QUIET) == []


REST = '    seldon.io/rest-timeout: "5000"\n'
GRPC = '    seldon.io/grpc-timeout: "5000"\n'
SPEC = "spec:\n  annotations:\n"
POD = "    - spec:\n        securityContext: {runAsUser: 8888}\n"

ONE_WARNING = {
    "no timeout": (QUIET.replace(REST + GRPC, "    a: b\n"), "spec.annotations", "after 3 s, Istio never does"),
    "a timeout of the metadata alone": (
        QUIET.replace(GRPC, "").replace(REST, "    a: b\n").replace("spec:", f"  annotations:\n{REST}spec:", 1),
        "metadata.annotations.seldon.io/rest-timeout",
        "not the pod",
    ),
    "another timeout for gRPC": (
        QUIET.replace(GRPC, '    seldon.io/grpc-timeout: "1"\n'),
        "spec.annotations.seldon.io/grpc-timeout",
        "Ambassador v2 takes seldon.io/rest-timeout for gRPC too",
    ),
    "a header rule": (
        QUIET.replace(SPEC, f"{SPEC}    seldon.io/ambassador-header: 'location: london'\n"),
        "spec.annotations.seldon.io/ambassador-header",
        "Istio does without them",
    ),
    "feedback of two predictors": (two(50, 50), "spec.predictors[1].traffic", "feedback is split by weight"),
    "100 and 0 in this order": (two(100, 0), "spec.predictors[1].traffic", "Ambassador v1 leaves a weight of 0 out"),
    "more than all": (QUIET.replace("traffic: 100", "traffic: 250"), "spec.predictors[0].traffic", "no percentage"),
    "a shadow of nothing": (
        two(100, 0, "\n    shadow: true"),
        "spec.predictors[1].shadow",
        "of every request from Istio, and of none from Ambassador v2",
    ),
    "a certificate": (
        QUIET.replace("    traffic: 100", "    traffic: 100\n    ssl: {certSecretName: tls}"),
        "spec.predictors[0].ssl",
        "TLSContext",
    ),
    "several hosts": (
        QUIET.replace(SPEC, f"{SPEC}    seldon.io/istio-host: a.example,b.example\n"),
        "spec.annotations.seldon.io/istio-host",
        "one host",
    ),
    "another operator": (
        QUIET.replace("  namespace: seldon", "  labels: {seldon.io/controller-id: a}"),
        "metadata.labels.seldon.io/controller-id",
        "another operator",
    ),
    "an annotation with an equals sign": (
        QUIET.replace('version: "1"', "note: a=b"),
        "spec.predictors[0].annotations.note",
        'holds "="',
    ),
    "an orchestrator of its own": (
        QUIET.replace(SPEC, f'{SPEC}    seldon.io/engine-separate-pod: "true"\n'),
        "spec.annotations.seldon.io/engine-separate-pod",
        "is told no annotations",
    ),
    "the same said elsewhere": (
        QUIET.replace('version: "1"', 'seldon.io/engine-separate-pod: "true"'),
        "spec.predictors[0].annotations.seldon.io/engine-separate-pod",
        "nowhere else",
    ),
    "no engine said of the spec": (
        QUIET.replace(SPEC, f'{SPEC}    seldon.io/no-engine: "true"\n'),
        "spec.annotations.seldon.io/no-engine",
        "does nothing",
    ),
    "replicas of an orchestrator within the pod": (
        QUIET.replace("    traffic: 100", "    traffic: 100\n    svcOrchSpec: {replicas: 2}"),
        "spec.predictors[0].svcOrchSpec.replicas",
        "not here",
    ),
    "an explainer": (
        QUIET.replace("    traffic: 100", "    traffic: 100\n    explainer: {type: AnchorTabular}"),
        "spec.predictors[0].explainer",
        "port 0",
    ),
    "an orchestrator without limits": (
        QUIET.replace("    traffic: 100", "    traffic: 100\n    svcOrchSpec: {resources: {requests: {cpu: 10m}}}"),
        "spec.predictors[0].svcOrchSpec.resources",
        "its limits included",
    ),
    "replicas left out": (
        QUIET.replace("    replicas: 1\n", ""),
        "spec.predictors[0]",
        "without replicas, Seldon's operator writes a Deployment that has changed once again and again",
    ),
    "no replicas": (
        QUIET.replace("    replicas: 1\n", "").replace("  predictors:", "  replicas: 0\n  predictors:"),
        "spec.replicas",
        "never become ready",
    ),
    "no replicas of the predictor": (
        QUIET.replace("  predictors:", "  replicas: 3\n  predictors:").replace("replicas: 1", "replicas: 0"),
        "spec.predictors[0].replicas",
        "never become ready",
    ),
    "KEDA": (
        QUIET.replace(POD, f"    - kedaSpec: {{triggers: []}}\n{POD.replace('- spec', '  spec')}"),
        "spec.predictors[0].componentSpecs[0].kedaSpec",
        "where KEDA is off",
    ),
    "a version of the pod": (
        QUIET.replace(POD, f"    - metadata: {{labels: {{version: x}}}}\n{POD.replace('- spec', '  spec')}"),
        "spec.predictors[0].componentSpecs[0].metadata.labels.version",
        "Istio then finds no pod",
    ),
    "a security context without a user": (
        QUIET.replace("runAsUser: 8888", "runAsNonRoot: true"),
        "spec.predictors[0].componentSpecs[0].spec.securityContext",
        "its user 8888 included",
    ),
    "a type that is none": (QUIET.replace("TRANSFORMER", "MODLE"), "spec.predictors[0].graph.type", "no type"),
    "a mode that is none": (
        QUIET.replace("mode: all", "mode: some"),
        "spec.predictors[0].graph.children[0].logger.mode",
        "nothing is logged",
    ),
    "a parameter of another type": (
        QUIET.replace('"0.5"', "half"),
        "spec.predictors[0].graph.parameters[0].value",
        '"half" is no FLOAT',
    ),
    "a parameter of no type": (
        QUIET.replace("BOOL", "BOOLEAN"),
        "spec.predictors[0].graph.parameters[1].value",
        "is no BOOLEAN",
    ),
}


@pytest.mark.parametrize(("text", "path", "message"), ONE_WARNING.values(), ids=ONE_WARNING)
def test_one_thing_is_warned_of_once_where_it_stands(text, path, message):
    ((seen, told),) = warned(text)
    assert seen == path
    assert message in told


@pytest.mark.parametrize(("first", "second"), [(0, 100), (100, 100)])
def test_the_last_one_with_all_the_traffic_is_as_meant_everywhere(first, second):
    shadow = "" if first == 0 else "\n    shadow: true"
    assert warned(two(first, second, shadow)) == []


def test_a_timeout_of_a_predictor_reaches_the_pod_alone():
    text = QUIET.replace(REST + GRPC, "    a: b\n").replace('version: "1"', 'seldon.io/rest-timeout: "1"')
    assert [path for path, _ in warned(text)] == [
        "spec.predictors[0].annotations.seldon.io/rest-timeout",
        "spec.annotations",
    ]


def test_a_bare_header_means_another_thing_to_each_version_of_ambassador():
    paths = warned(QUIET.replace(SPEC, f"{SPEC}    seldon.io/ambassador-header: x-beta\n"))
    assert any("under v1" in each.advice for each in verdicts_of_header().warnings)
    assert len(paths) == 2


def verdicts_of_header():
    return verdicts(QUIET.replace(SPEC, f"{SPEC}    seldon.io/ambassador-header: x-beta\n"), "x")[0]


def test_two_budgets_cover_the_same_pods():
    budget = two(0, 100).replace("    - spec:", "    - pdbSpec: {maxUnavailable: 1}\n      spec:")
    ((path, message),) = warned(budget)
    assert path == "spec.predictors[1].componentSpecs[0].pdbSpec"
    assert "none under two" in message


def test_one_name_in_two_namespaces_is_warned_of_for_both_and_in_one_for_none():
    here, there = (verdicts(text, "x")[0].deployment for text in (QUIET, QUIET.replace("namespace: seldon", "a: b")))
    assert [deployment.namespace for deployment, _ in between_deployments([here, there])] == ["seldon", "default"]
    assert list(between_deployments([here, here])) == []


(GOOD,) = documents(QUIET, "x")
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3), st.just([]), st.just({})
)


def places(content, here=()):
    yield here
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for step, inner in pairs:
        yield from places(inner, (*here, step))


def changed(content, place, value):
    if not place:
        return value
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[place[0]] = changed(content[place[0]], place[1:], value)
    return copy


@given(st.sampled_from([place for place in places(GOOD.content) if place and place[0] != "kind"]), ANYTHING)
def test_whatever_stands_anywhere_there_is_a_verdict(place, value):
    import json

    found = verdicts(json.dumps(changed(GOOD.content, place, value)), "x")
    for verdict in found:
        assert (verdict.deployment is None) <= (verdict.refused_by == "schema")
        assert (verdict.message is None) is verdict.allowed
        assert all(each.line == 1 for each in (*verdict.findings, *verdict.warnings))
