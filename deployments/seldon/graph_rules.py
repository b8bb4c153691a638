"""The webhook's rules of each predictor and of its graph, parents before children. Pure.

Seldon writes a child's path in a way of its own: spec.predictors[0].graph[1] is the second child of the root.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deployments.seldon import servers
from deployments.seldon.findings import Finding, Place, invalid
from deployments.seldon.model import DeploymentSpec, Predictor, Unit

UNKNOWN_TYPE: Final = "UNKNOWN_TYPE"
NO_ENGINE: Final = "seldon.io/no-engine"


def has_engine(predictor: Predictor) -> bool:
    """Whether Seldon's operator adds its executor; admission goes by the annotation's presence."""
    return predictor.annotations.get(NO_ENGINE, "").lower() != "true"


def predictors_and_graphs(spec: DeploymentSpec) -> Iterator[Finding]:
    seen: set[str] = set()
    for i, predictor in enumerate(spec.predictors):
        place: Place = ("spec", "predictors", i)
        path = f"spec.predictors[{i}]"
        if NO_ENGINE in predictor.annotations and predictor.graph.children:
            message = "Running without engine only valid for single element graphs"
            advice = f"remove the annotation {NO_ENGINE}; its presence counts, whatever its value"
            yield invalid(path, predictor.name, message, (*place, "annotations", NO_ENGINE), advice)
        if predictor.name in seen:
            yield invalid(path, predictor.name, "Duplicate predictor name", (*place, "name"))
        seen.add(predictor.name)
        yield from _unit(predictor.graph, predictor, spec, f"{path}.graph", (*place, "graph"))


def _unit(unit: Unit, predictor: Predictor, spec: DeploymentSpec, path: str, place: Place) -> Iterator[Finding]:
    if unit.implementation in {None, servers.UNKNOWN_IMPLEMENTATION}:
        yield from _own_container(unit, predictor, path, place)
    elif servers.is_prepackaged(unit.implementation):
        yield from _prepackaged(unit, predictor, spec.protocol, path, place)
    if unit.logger is not None and not unit.logger.mode:
        advice = "set logger.mode to all, request or response"
        yield invalid(path, "", "No logger mode specified", (*place, "logger"), advice)
    for i, child in enumerate(unit.children):
        yield from _unit(child, predictor, spec, f"{path}[{i}]", (*place, "children", i))


def _own_container(unit: Unit, predictor: Predictor, path: str, place: Place) -> Iterator[Finding]:
    if predictor.container(unit.name) is None:
        names = ", ".join(container.name for container in predictor.containers()) or "none"
        advice = (
            f'a graph node runs in the container of its name: rename the node, or add a container "{unit.name}" to a '
            f'componentSpec (containers of predictor "{predictor.name}": {names}), or name a prepackaged server as '
            f"its implementation ({', '.join(servers.IMAGES)})"
        )
        yield invalid(path, unit.name, "Can't find container for Predictive Unit", (*place, "name"), advice)
    if unit.type == UNKNOWN_TYPE and not unit.methods:
        message = (
            "Predictive Unit has no implementation methods defined. "
            "Change to a known type or add what methods it defines"
        )
        advice = "types: MODEL, ROUTER, COMBINER, TRANSFORMER, OUTPUT_TRANSFORMER"
        yield invalid(path, unit.name, message, (*place, "type"), advice)


def _prepackaged(unit: Unit, predictor: Predictor, protocol: str | None, path: str, place: Place) -> Iterator[Finding]:
    implementation = unit.implementation or ""
    if not unit.model_uri and implementation not in servers.WITHOUT_MODEL_URI:
        message = "Predictive unit modelUri required when using standalone servers"
        advice = "set modelUri to where the model is stored, such as pvc://CLAIM/PATH or s3://BUCKET/PATH"
        yield invalid(path, unit.name, message, place, advice)
    if protocol == servers.TENSORFLOW and implementation in servers.WITHOUT_TENSORFLOW_PROTOCOL:
        message = f"Prepackaged server does not handle tensorflow protocol {implementation}"
        yield invalid(path, unit.name, message, (*place, "implementation"), "set spec.protocol to seldon or v2")
    container = predictor.container(unit.name)
    if implementation not in servers.IMAGES and (container is None or not container.image):
        advice = f"known: {', '.join(servers.IMAGES)}"
        message = f"No entry in predictors map for {implementation}"
        yield invalid(path, unit.name, message, (*place, "implementation"), advice)
