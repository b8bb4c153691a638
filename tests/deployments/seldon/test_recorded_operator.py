"""Against what Seldon Core's operator 1.17.1 did with 128 inputs: its verdict, its words, its defaults, its variables.

FORKCAST_SELDON_VECTORS names the folder with `operator/*.json`.
"""

import base64
import json
import os
from pathlib import Path

import pytest

from deployments.seldon import (
    InvalidDeployment,
    RefusedBy,
    SeldonDeployment,
    defaulted,
    engine_predictor,
    engine_variables,
    environment,
    load_documents,
    pod_annotations,
    webhook_message,
)
from deployments.seldon.environment import ForeignServer
from deployments.seldon.schema import parse

FOLDER = os.environ.get("FORKCAST_SELDON_VECTORS")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="FORKCAST_SELDON_VECTORS names no folder of recorded vectors")
VECTORS = {
    path.stem: json.loads(path.read_text()) for path in sorted(Path(FOLDER or "/nowhere").glob("operator/*.json"))
}
DECODED = [case for case, vector in VECTORS.items() if isinstance(parse(vector["input"]), SeldonDeployment)]
CREATING = [case for case in DECODED if (VECTORS[case]["creates"] or {}).get("deployments")]

WE_REFUSE_MORE = {
    "annotations-everywhere": "an annotation value holds =, so the executor ignores them all",
    "component-zero-is-foreign": "the operator creates nothing",
    "controller-id-label": "its label keeps the webhook from being asked; the traffic is wrong all the same",
    "duplicate-container-across-pods": "the operator creates nothing",
    "env-user-http-port": "the container loses its variables",
    "implementation-empty-string": "the operator creates nothing",
    "istio-retries-not-a-number": "the operator creates nothing",
    "timeout-not-a-number": "the operator creates nothing",
    "unknown-implementation-own-image": "the operator creates nothing",
    "v1alpha2-and-unknown-fields": "unknown fields are dropped in silence",
}

OTHER_DEFAULTS = {
    "traffic-100-0": "a traffic of 0 is left out of Go's JSON",
    "xgboost-server-no-uri": "an empty modelUri is left out of Go's JSON",
}

OTHER_ENVIRONMENT = {
    "env-user-http-port": "refused by us: it wipes the environment",
    "deployment-name-70": "the Deployment's name is a hash, and so not found by the test",
    "names-long": "the Deployment's name is a hash, and so not found by the test",
    "names-long-as-prefix": "the Deployment's name is a hash, and so not found by the test",
    "huggingface-no-uri": "MLServer's variables are not modelled",
    "tensorflow-server-tensorflow": "TensorFlow Serving's variables are not modelled",
    "triton-server": "Triton's variables are not modelled",
    "xgboost-server-v2": "MLServer's variables are not modelled",
}


def test_the_folder_holds_all_vectors():
    assert len(VECTORS) == 128


@pytest.mark.parametrize("case", VECTORS)
def test_admission_gives_the_same_verdict_in_the_same_words(case):
    vector = VECTORS[case]
    admission = vector["admission"]
    try:
        load_documents(json.dumps(vector["input"]), case)
        findings = []
    except InvalidDeployment as error:
        findings = list(error.findings)
    if case in WE_REFUSE_MORE:
        assert admission["allowed"]
        assert findings
    elif admission["refused_by"] == "webhook":
        assert webhook_message(vector["input"]["spec"].get("name"), findings) == admission["message"]
    elif admission["refused_by"] == "schema":
        (finding,) = findings
        assert finding.refused_by is RefusedBy.SCHEMA
        assert admission["message"].endswith(f" is invalid: {finding.path}: {finding.message}")
    else:
        assert admission["allowed"]
        assert findings == []


@pytest.mark.parametrize("case", DECODED)
def test_defaults_are_the_operators(case):
    theirs = parse(VECTORS[case]["defaulted"])
    assert (compared(defaulted(parse(VECTORS[case]["input"]))) == compared(theirs)) is (case not in OTHER_DEFAULTS)


@pytest.mark.parametrize("case", CREATING)
def test_every_container_has_the_operators_environment_in_its_order(case):
    vector = VECTORS[case]
    written = parse(vector["input"])
    if case in OTHER_ENVIRONMENT:
        with pytest.raises((ForeignServer, AssertionError, KeyError)):
            assert list(environments(written)) == list(recorded_environments(written, vector))
    else:
        assert list(environments(written)) == list(recorded_environments(written, vector))


OTHER_ENGINE = {
    "annotations-everywhere": "an annotation value holds =, which we refuse",
    "engine-separate-pod": "Seldon does not tell an engine of its own pod about annotations and environments; we do",
    "engine-separate-pod-foreign-zero": "as above",
    "engine-separate-pod-in-wrong-place": "as above",
    "engine-separate-pod-two-predictors": "as above",
    "env-user-http-port": "refused by us: it wipes the environment",
    "huggingface-no-uri": "MLServer's variables are not modelled",
    "ssl": "the certificates' folder is told to the container, and not to the engine about it",
    "tensorflow-server-tensorflow": "TensorFlow Serving's variables are not modelled",
    "triton-server": "Triton's variables are not modelled",
    "xgboost-server-v2": "MLServer's variables are not modelled",
}


@pytest.mark.parametrize("case", [case for case in CREATING if case not in OTHER_ENGINE])
def test_every_orchestrator_is_told_what_the_operators_is(case):
    vector = VECTORS[case]
    written = parse(vector["input"])
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


def environments(written):
    for predictor, _, container in containers(written):
        own = {variable.name: variable.value or "" for variable in container.env}
        yield container.name, list({**own, **environment(written, predictor, container)}.items())


def recorded_environments(written, vector):
    recorded = {
        (deployment["metadata"]["name"].split("-svc-orch")[0], container["name"]): container.get("env", [])
        for deployment in vector["creates"]["deployments"]
        for container in deployment["spec"]["template"]["spec"]["containers"]
    }
    for predictor, i, container in containers(written):
        pod = "-".join(c.name for c in predictor.component_specs[i].spec.containers)
        variables = recorded[f"{written.name}-{predictor.name}-{i}-{pod}", container.name]
        yield container.name, [(variable["name"], variable.get("value") or "") for variable in variables]


def compared(deployment):
    """Without what we leave to the operator: pull policies, messages, its volume, an explainer's container."""
    plain = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
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
    return plain
