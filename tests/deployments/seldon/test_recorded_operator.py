"""Against what Seldon Core's operator 1.17.1 did with 128 inputs: its verdict, its words, its defaults, its variables.

FORKCAST_SELDON_VECTORS names the folder with `operator/*.json`.
"""

import base64
import json
import os
from pathlib import Path

import pytest

from deployments.seldon import (
    RefusedBy,
    container_ports,
    defaulted,
    engine_predictor,
    engine_variables,
    pod_annotations,
    variables,
    verdicts,
)
from deployments.seldon.names import pod_name
from deployments.seldon.schema import parse

FOLDER = os.environ.get("FORKCAST_SELDON_VECTORS")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="FORKCAST_SELDON_VECTORS names no folder of recorded vectors")
VECTORS = {
    path.stem: json.loads(path.read_text()) for path in sorted(Path(FOLDER or "/nowhere").glob("operator/*.json"))
}
DECODED = [case for case, vector in VECTORS.items() if parse(vector["input"]).deployment is not None]
CREATING = [case for case in DECODED if (VECTORS[case]["creates"] or {}).get("deployments")]

OF_THE_OPERATORS_ENVIRONMENT = {
    "ambassador-single-namespace": "its names are refused because of the operator's AMBASSADOR_SINGLE_NAMESPACE alone",
}

RUNS_BUT_DOES_NOT_WORK = {
    "controller-id-label": "its label keeps the webhook from being asked; the traffic is wrong all the same",
    "duplicate-container-across-pods": "beside what the operator fails on",
    "duplicate-node-names": "the second node has no endpoint",
    "env-user-http-port": "the container loses its variables",
    "user-engine-container": "the predictor's Service selects nothing",
    "v1alpha2-and-unknown-fields": "unknown fields are dropped in silence",
}


def test_the_folder_holds_all_vectors():
    assert len(VECTORS) == 128


@pytest.mark.parametrize("case", VECTORS)
def test_the_verdict_is_a_clusters_in_its_words(case):
    vector = VECTORS[case]
    (verdict,) = verdicts(json.dumps(vector["input"]), case)
    assert verdict.refused_by == refused_by(case, vector)
    assert verdict.allowed is (verdict.refused_by is None)
    if vector["admission"]["refused_by"]:
        assert verdict.message == vector["admission"]["message"]
    elif verdict.allowed:
        assert verdict.message is None
    else:
        assert verdict.message.startswith("Seldon's operator fails on it: ")
    if vector["admission"]["allowed"]:
        ours = [finding for finding in verdict.findings if finding.refused_by is RefusedBy.FORKCAST]
        assert bool(ours) is (case in RUNS_BUT_DOES_NOT_WORK)


def refused_by(case, vector):
    admission, controller = vector["admission"], vector.get("controller") or {}
    if admission["refused_by"] or case in OF_THE_OPERATORS_ENVIRONMENT:
        return admission["refused_by"]
    fails = controller.get("error") or controller.get("panic") or vector.get("api_server_would_refuse")
    return "operator" if fails else None


@pytest.mark.parametrize("case", VECTORS)
def test_what_a_cluster_drops_is_found(case):
    (verdict,) = verdicts(json.dumps(VECTORS[case]["input"]), case)
    dropped = [finding.path for finding in verdict.findings if finding.message.startswith("unknown field")]
    assert sorted(dropped) == VECTORS[case].get("pruned", [])


@pytest.mark.parametrize("case", DECODED)
def test_defaults_are_the_operators(case):
    theirs = parse(VECTORS[case]["defaulted"]).deployment
    assert compared(defaulted(parse(VECTORS[case]["input"]).deployment)) == compared(theirs)


@pytest.mark.parametrize("case", CREATING)
def test_every_container_has_the_operators_environment_in_its_order(case):
    ours, theirs = list(containers_and_recorded(case)), []
    for _, _, _, recorded in ours:
        theirs.append([(variable["name"], variable.get("value") or "") for variable in recorded.get("env", [])])
    assert theirs
    assert [list(variables(*where).items()) for *where, _ in ours] == theirs


@pytest.mark.parametrize("case", CREATING)
def test_every_container_has_the_operators_ports_in_their_order(case):
    ours = list(containers_and_recorded(case))
    theirs = [[(port["name"], port["containerPort"]) for port in recorded.get("ports", [])] for *_, recorded in ours]
    assert [list(container_ports(*where).items()) for *where, _ in ours] == theirs


@pytest.mark.parametrize("case", CREATING)
def test_every_container_is_the_operators_and_none_is_missing(case):
    """But for the orchestrator, what the operator puts beside TensorFlow's server, and explainers."""
    ours = sorted(recorded["name"] for *_, recorded in containers_and_recorded(case))
    theirs = sorted(
        container["name"]
        for deployment in VECTORS[case]["creates"]["deployments"]
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if (container["name"] != "seldon-container-engine" or case == "user-engine-container")
        and not deployment["metadata"]["name"].endswith("-explainer")
    )
    assert ours == theirs


OTHER_ENGINE = {
    "engine-separate-pod": "Seldon does not tell an engine of its own pod about annotations and environments; we do",
    "engine-separate-pod-foreign-zero": "as above",
    "engine-separate-pod-in-wrong-place": "as above",
    "engine-separate-pod-two-predictors": "as above",
    "tensorflow-server-tensorflow": "the operator finds the image after its defaults, and the engine is told of it",
    "ssl": "the certificates' folder is told to the container, and not to the engine about it",
}


@pytest.mark.parametrize("case", [case for case in CREATING if case not in OTHER_ENGINE])
def test_every_orchestrator_is_told_what_the_operators_is(case):
    vector = VECTORS[case]
    written = parse(vector["input"]).deployment
    engines = [
        (deployment["spec"]["template"]["metadata"]["annotations"], container)
        for deployment in vector["creates"]["deployments"]
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == "seldon-container-engine" and "env" in container
    ]
    for annotations, engine in engines:
        predictor = written.predictor(engine["args"][engine["args"].index("--predictor") + 1])
        variables = {}
        for each in engine["env"]:
            variables[each["name"]] = each.get("value", "")
        told = json.loads(base64.b64decode(variables.pop("ENGINE_PREDICTOR")))
        assert projected(engine_predictor(written, predictor)) == projected(told)
        ours = {"REQUEST_LOGGER_DEFAULT_ENDPOINT": "http://default-broker"} | engine_variables(written, predictor)
        assert ours == {key: value for key, value in variables.items() if key != "SELDON_CERT_MOUNT_PATH"}
        assert pod_annotations(written, predictor).items() <= annotations.items()


def projected(predictor):
    """What we describe of a predictor, nothings left out."""
    plain = {key: predictor.get(key) for key in ("name", "annotations", "labels", "graph")}
    plain["env"] = predictor.get("svcOrchSpec", {}).get("env")
    plain["containers"] = [
        {"name": each["name"], "image": each.get("image"), "env": with_texts(each.get("env") or [])}
        for component in predictor["componentSpecs"]
        for each in component["spec"]["containers"]
        if each["name"] not in {"seldon-container-engine", "tfserving"}
    ]
    return without_nothings(plain)


def with_texts(env):
    return [{"name": each["name"], "value": each.get("value") or "-"} for each in env]


def without_nothings(tree):
    if isinstance(tree, dict):
        found = {key: without_nothings(value) for key, value in tree.items()}
        return {key: value for key, value in found.items() if value not in ({}, [], None, "")}
    return [without_nothings(each) for each in tree] if isinstance(tree, list) else tree


def containers(written):
    for predictor in defaulted(written).spec.predictors:
        for i, component in enumerate(predictor.component_specs):
            for container in component.spec.containers:
                yield predictor, i, container


def containers_and_recorded(case):
    """Deployment, predictor and container of each that we know of, and what the operator created of it."""
    vector = VECTORS[case]
    written = parse(vector["input"]).deployment
    created = {each["metadata"]["name"]: each for each in vector["creates"]["deployments"]}
    as_prefix = vector.get("operator_env", {}).get("DEPLOYMENT_NAME_AS_PREFIX") == "true"
    for predictor, i, container in containers(written):
        name = pod_name(written.name, predictor.name, i, predictor.component_specs[i], as_prefix=as_prefix)
        pod = created[name]["spec"]["template"]["spec"]
        yield written, predictor, container, next(each for each in pod["containers"] if each["name"] == container.name)


def compared(deployment):
    """Without what we leave to the operator: pull policies, messages, its volume, an explainer's container."""
    plain = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
    plain.pop("apiVersion")  # the API server rewrites it
    for predictor in plain["spec"]["predictors"]:
        predictor.get("explainer", {}).pop("containerSpec", None)
        for component in predictor["componentSpecs"]:
            for container in component["spec"]["containers"]:
                for key in ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"):
                    container.pop(key, None)
                for port in container["ports"]:
                    port.pop("protocol", None)
                mounts = [m for m in container.pop("volumeMounts", []) if m["name"] != "seldon-podinfo"]
                container["volumeMounts"] = mounts
    return without_zeros(plain)


def without_zeros(tree):
    """As Go writes it: a number 0, an empty text, list or map of a field that may be absent is left out."""
    if isinstance(tree, dict):
        found = {key: without_zeros(value) for key, value in tree.items()}
        return {
            key: value
            for key, value in found.items()
            if value not in ({}, [], "") and value is not False and value != 0
        }
    return [without_zeros(each) for each in tree] if isinstance(tree, list) else tree
