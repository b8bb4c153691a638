"""What Seldon's admission lets pass and Seldon then breaks on: refused here, before anything starts. Pure.

These findings are ours; a cluster takes the object and then creates nothing, or runs it without what it says.
Measured on Seldon Core 1.17.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from deployments.seldon import servers
from deployments.seldon.defaults import SEPARATE_ENGINE, defaulted, has_separate_engine
from deployments.seldon.findings import Finding, Place, RefusedBy, go_quoted, written
from deployments.seldon.graph_rules import NO_ENGINE
from deployments.seldon.model import Predictor, SeldonDeployment, Unit
from deployments.seldon.pods import Container

WHOLE_NUMBERS: Final[Mapping[str, str]] = {
    "seldon.io/rest-timeout": "milliseconds",
    "seldon.io/grpc-timeout": "milliseconds",
    "seldon.io/grpc-max-message-size": "bytes",
    "seldon.io/istio-retries": "attempts",
    "seldon.io/istio-retries-timeout": "seconds",
}
"""Annotations that Seldon reads as a whole number, with their units."""

PORT_VARIABLES: Final = (
    "PREDICTIVE_UNIT_HTTP_SERVICE_PORT",
    "PREDICTIVE_UNIT_GRPC_SERVICE_PORT",
    "MLSERVER_HTTP_PORT",
    "MLSERVER_GRPC_PORT",
)


def breakages(deployment: SeldonDeployment) -> Iterator[Finding]:
    spec = deployment.spec
    yield from _numbers(deployment.metadata.annotations, ("metadata", "annotations"))
    # Those of the metadata never reach a pod, so only the others may not hold "=".
    for texts, place in _annotations_of_pods(deployment):
        yield from _numbers(texts, place)
        yield from _equals_signs(texts, place)
    for i, predictor in enumerate(spec.predictors):
        yield from _wiped_environments(predictor, ("spec", "predictors", i))
        yield from _unknown_servers(predictor.graph, predictor, ("spec", "predictors", i, "graph"))


def _annotations_of_pods(deployment: SeldonDeployment) -> Iterator[tuple[Mapping[str, str], Place]]:
    yield deployment.spec.annotations, ("spec", "annotations")
    for i, predictor in enumerate(deployment.spec.predictors):
        place: Place = ("spec", "predictors", i)
        yield predictor.annotations, (*place, "annotations")
        for j, component in enumerate(predictor.component_specs):
            yield component.metadata.annotations, (*place, "componentSpecs", j, "metadata", "annotations")


def _numbers(texts: Mapping[str, str], place: Place) -> Iterator[Finding]:
    for key, unit in WHOLE_NUMBERS.items():
        value = texts.get(key)
        if value is not None and not re.fullmatch(r"[+-]?[0-9]+", value):
            message = f"{go_quoted(value)} is no whole number of {unit}"
            advice = 'Seldon admits it and then fails on it; write digits alone, in quotes, such as "5000"'
            yield _ours((*place, key), message, advice)


def _equals_signs(texts: Mapping[str, str], place: Place) -> Iterator[Finding]:
    for key, value in texts.items():
        if "=" in value:
            message = f'{go_quoted(value)} holds "="'
            advice = "Seldon's executor then ignores every annotation, timeouts included; write it without"
            yield _ours((*place, key), message, advice)


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


def _unknown_servers(unit: Unit, predictor: Predictor, place: Place) -> Iterator[Finding]:
    container = predictor.container(unit.name)
    # Without an image of its own it is Seldon's finding already.
    has_image = container is not None and container.image
    if servers.is_prepackaged(unit.implementation) and unit.implementation not in servers.IMAGES and has_image:
        message = f"{go_quoted(unit.implementation or '')} is no prepackaged server"
        advice = f"Seldon admits it and then creates nothing; known: {', '.join(servers.IMAGES)}"
        yield _ours((*place, "implementation"), message, advice)
    for i, child in enumerate(unit.children):
        yield from _unknown_servers(child, predictor, (*place, "children", i))


def engines_without_place(deployment: SeldonDeployment) -> Iterator[Finding]:
    if has_separate_engine(deployment):
        return
    for i, predictor in enumerate(defaulted(deployment).spec.predictors):
        if predictor.annotations.get(NO_ENGINE, "").lower() == "true":
            continue  # none is to be placed
        hosts = {unit.endpoint.service_host for unit in predictor.graph.walk() if unit.endpoint is not None}
        if "localhost" not in hosts:
            message = "no graph node runs in the first componentSpec, where Seldon puts its orchestrator"
            advice = (
                "Seldon admits it and then creates nothing; put the container of a graph node there, or set the "
                f'annotation {SEPARATE_ENGINE} of the spec to "true"'
            )
            yield _ours(("spec", "predictors", i, "componentSpecs", 0), message, advice)


def _ours(place: Place, message: str, advice: str) -> Finding:
    return Finding(written(place), message, place, advice, RefusedBy.FORKCAST)
