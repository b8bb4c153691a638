"""What a cluster takes and runs, but not so that it works: refused here, before anything starts. Pure.

These findings are ours. Measured on Seldon Core 1.17.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from deployments.seldon.findings import Finding, Place, RefusedBy, go_quoted, written
from deployments.seldon.fused import fused_findings
from deployments.seldon.model import Predictor, SeldonDeployment, Unit
from deployments.seldon.operator_rules import GATEWAY_NUMBERS, is_go_integer, looked_up
from deployments.seldon.pods import Container

ENGINE_CONTAINER: Final = "seldon-container-engine"
POD_NUMBERS: Final[Mapping[str, str]] = {
    "seldon.io/rest-timeout": "milliseconds",
    "seldon.io/grpc-timeout": "milliseconds",
    "seldon.io/grpc-max-message-size": "bytes",
}
"""Annotations that the orchestrator reads as a whole number in its pod, with their units."""

PORT_VARIABLES: Final = (
    "PREDICTIVE_UNIT_HTTP_SERVICE_PORT",
    "PREDICTIVE_UNIT_GRPC_SERVICE_PORT",
    "MLSERVER_HTTP_PORT",
    "MLSERVER_GRPC_PORT",
)


def breakages(deployment: SeldonDeployment) -> Iterator[Finding]:
    yield from _numbers(deployment)
    for i, predictor in enumerate(deployment.spec.predictors):
        place: Place = ("spec", "predictors", i)
        yield from _wiped_environments(predictor, place)
        yield from _containers(predictor, place)
        yield from _repeated_nodes(predictor.graph, (*place, "graph"), set())
    yield from fused_findings(deployment)


def annotations_of_pods(deployment: SeldonDeployment) -> Iterator[tuple[Mapping[str, str], Place]]:
    """Those that reach a pod, and where they stand; those of the metadata never do."""
    yield deployment.spec.annotations, ("spec", "annotations")
    for i, predictor in enumerate(deployment.spec.predictors):
        place: Place = ("spec", "predictors", i)
        yield predictor.annotations, (*place, "annotations")
        for j, component in enumerate(predictor.component_specs):
            yield component.metadata.annotations, (*place, "componentSpecs", j, "metadata", "annotations")


def _numbers(deployment: SeldonDeployment) -> Iterator[Finding]:
    metadata: tuple[Mapping[str, str], Place] = (deployment.metadata.annotations, ("metadata", "annotations"))
    for texts, place in (metadata, *annotations_of_pods(deployment)):
        for key, unit in {**GATEWAY_NUMBERS, **POD_NUMBERS}.items():
            here = (*place, key)
            found = looked_up(deployment, key)
            if key in GATEWAY_NUMBERS and found is not None and found[1] == here:
                continue  # the operator fails on it
            if key in texts and not is_go_integer(texts[key]):
                advice = 'a cluster ignores it or fails on it; write digits alone, in quotes, such as "5000"'
                yield _ours(here, f"{go_quoted(texts[key])} is no whole number of {unit}", advice)


def _wiped_environments(predictor: Predictor, place: Place) -> Iterator[Finding]:
    units = {unit.name: unit for unit in reversed(list(predictor.graph.walk()))}
    for j, component in enumerate(predictor.component_specs):
        for k, container in enumerate(component.spec.containers):
            unit = units.get(container.name)
            if unit is not None:
                here = (*place, "componentSpecs", j, "spec", "containers", k, "env")
                yield from _wiped_environment(unit, container, here)


def _wiped_environment(unit: Unit, container: Container, place: Place) -> Iterator[Finding]:
    wiping = {*PORT_VARIABLES}
    if unit.parameters:
        wiping.add("PREDICTIVE_UNIT_PARAMETERS")
    if unit.model_uri:
        wiping.add("MLSERVER_MODEL_URI")
    for i, variable in enumerate(container.env):
        if variable.name in wiping:
            message = f"{variable.name} is the operator's to set"
            others = ", ".join(other.name for other in container.env if other.name not in wiping) or "none"
            advice = f"set here, it wipes the container's other variables ({others}); remove it"
            yield _ours((*place, i, "name"), message, advice)


def _containers(predictor: Predictor, place: Place) -> Iterator[Finding]:
    pods: dict[str, int] = {}
    for j, component in enumerate(predictor.component_specs):
        for k, container in enumerate(component.spec.containers):
            here = (*place, "componentSpecs", j, "spec", "containers", k, "name")
            if container.name == ENGINE_CONTAINER:
                message = f"{ENGINE_CONTAINER} is the name of Seldon's own orchestrator"
                advice = "Seldon then adds none, and the predictor's Service finds no pod; rename the container"
                yield _ours(here, message, advice)
            if pods.setdefault(container.name, j) != j:
                message = f"a container called {container.name} stands in componentSpecs[{pods[container.name]}] too"
                yield _ours(here, message, "a graph node has one container, and one Service of that name; rename one")


def _repeated_nodes(unit: Unit, place: Place, seen: set[str]) -> Iterator[Finding]:
    if unit.name in seen:
        message = f"another node of the graph is called {unit.name}"
        yield _ours((*place, "name"), message, "Seldon gives this one no address, and so cannot reach it; rename it")
    seen.add(unit.name)
    for i, child in enumerate(unit.children):
        yield from _repeated_nodes(child, (*place, "children", i), seen)


def _ours(place: Place, message: str, advice: str) -> Finding:
    return Finding(written(place), message, place, advice, RefusedBy.FORKCAST)
