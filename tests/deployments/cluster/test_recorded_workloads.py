"""What we expect of Seldon's operator is what it made of every recorded SeldonDeployment that it takes.

FORKCAST_SELDON_VECTORS names the folder of the recordings; .ci/run sets it where they lie beside the project.
"""

import copy
import json
import os
from pathlib import Path

import pytest
import yaml

from deployments.cluster.carried import AMBASSADOR_V1, autoscalers_missing, behind, gateway_behind
from deployments.cluster.wanted import workloads
from deployments.seldon import InvalidDeployment, load_documents

FOLDER = os.environ.get("FORKCAST_SELDON_VECTORS")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="FORKCAST_SELDON_VECTORS names no folder of recordings")


def cases():
    for path in sorted(Path(FOLDER or "", "operator").glob("*.json")) if FOLDER else ():
        vector = json.loads(path.read_text())
        controller = vector.get("controller") or {}
        if not vector.get("creates") or controller.get("error") or controller.get("panic"):
            continue
        try:
            (deployment,) = load_documents(json.dumps(vector["input"]), path.name)
        except InvalidDeployment:
            continue  # refused here and taken by a cluster, which then breaks on it
        yield pytest.param(vector, deployment, id=path.stem)


CASES = list(cases())


def live(vector, workload):
    (found,) = (each for each in vector["creates"]["deployments"] if workload.is_called(each["metadata"]["name"]))
    return found


def test_the_recordings_are_there():
    assert len(CASES) > 80


@pytest.mark.parametrize(("vector", "deployment"), CASES)
def test_every_deployment_of_the_operators_is_expected_by_its_name_and_no_other(vector, deployment):
    created = vector["creates"]["deployments"]
    expected = workloads(deployment)
    assert len(created) == len(expected)
    for workload in expected:
        if not workload.is_explainer:  # an explainer's are never compared
            assert workload.replicas in {None, live(vector, workload)["spec"].get("replicas")}


@pytest.mark.parametrize(("vector", "deployment"), CASES)
def test_what_the_operator_made_counts_as_carried_out(vector, deployment):
    for workload in workloads(deployment):
        assert behind(vector["input"]["spec"], workload, live(vector, workload)) == []
    created = vector["creates"]
    in_annotations = [
        {"metadata": {"annotations": {AMBASSADOR_V1: yaml.safe_dump_all(each)}}}
        for each in vector["ambassador_v1"].values()
    ]
    assert gateway_behind(deployment, {"VirtualService": created["virtual_services"]}) == []
    assert gateway_behind(deployment, {"Mapping": created["mappings"]}) == []
    assert gateway_behind(deployment, {"Service": in_annotations}) == []
    names = {each.name: each for each in workloads(deployment)}
    assert autoscalers_missing(deployment, names, {each["metadata"]["name"] for each in created["hpas"]}) == []


@pytest.mark.parametrize(("vector", "deployment"), CASES)
def test_a_variable_that_is_not_there_yet_counts_as_not_carried_out(vector, deployment):
    for workload in workloads(deployment):
        spec = copy.deepcopy(vector["input"]["spec"])
        components = spec["predictors"][workload.predictor_index].get("componentSpecs")
        if workload.component_index is None or not components:
            continue
        containers = (components[workload.component_index].get("spec") or {}).get("containers") or []
        for container in containers:
            container["env"] = [*(container.get("env") or []), {"name": "ADDED", "value": "1"}]
        if containers:
            (path, *_) = behind(spec, workload, live(vector, workload))
            place = f"spec.predictors[{workload.predictor_index}].componentSpecs[{workload.component_index}]"
            assert path.startswith(f"{place}.spec.containers[0].env")
