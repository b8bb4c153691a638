"""Predictors whose whole graph is in one container, and of which Seldon sees one node (`components/fused`). Pure.

The container's variable GRAPH_SERVER_PREDICTOR describes the graph, and the graph server, with no executor before it
(`seldon.io/no-engine`), serves it. `unfolded` is the same deployment as it would be with one container a node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import yaml
from pydantic import ValidationError

from deployments.seldon import servers
from deployments.seldon.findings import Finding, Place, RefusedBy, Warned, written
from deployments.seldon.graph_rules import NO_ENGINE, has_engine
from deployments.seldon.model import Logger, Predictor, SeldonDeployment
from deployments.seldon.pods import Container

VARIABLE: Final = "GRAPH_SERVER_PREDICTOR"
OWN_VARIABLES: Final = (VARIABLE, "GRAPH_SERVER_NAMESPACE")
REQUEST_LOG_MODE: Final = "forkcast/request-log"
REQUEST_LOG_URL: Final = "forkcast/request-log-url"
"""Annotations of a predictor, for its `logger` is told to Seldon's executor alone."""


class _NotDescribed(ValueError):
    """What the variable holds is no graph."""


def is_fused(container: Container) -> bool:
    return any(variable.name == VARIABLE for variable in container.env)


def unfolded(deployment: SeldonDeployment) -> SeldonDeployment:
    """With the graphs that fused predictors describe, and a container for each of their nodes.

    A predictor that describes none stays as it is; `fused_findings` says what is wrong with it.
    """
    predictors = tuple(map(_unfolded, deployment.spec.predictors))
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"predictors": predictors})})


def fused_findings(deployment: SeldonDeployment) -> Iterator[Finding]:
    """What a cluster runs, and the graph server then refuses or nobody asks."""
    for i, predictor in enumerate(deployment.spec.predictors):
        for j, component in enumerate(predictor.component_specs):
            for k, container in enumerate(component.spec.containers):
                place: Place = ("spec", "predictors", i, "componentSpecs", j, "spec", "containers", k)
                for n, variable in enumerate(container.env):
                    if variable.name == VARIABLE:
                        yield from _of_variable(predictor, container, (*place, "env", n))


def engineless_differences(deployment: SeldonDeployment) -> Iterator[Warned]:
    """What is for Seldon's executor, where there is none."""
    for i, predictor in enumerate(deployment.spec.predictors):
        if has_engine(predictor):
            continue
        place: Place = ("spec", "predictors", i)
        if predictor.graph.logger is not None and REQUEST_LOG_MODE not in predictor.annotations:
            message = f"no event is posted: without an executor ({NO_ENGINE}) the logger of a graph reaches nobody"
            advice = f"annotate the predictor with {REQUEST_LOG_MODE}: all and {REQUEST_LOG_URL}, for a graph server"
            yield Warned(message, (*place, "graph", "logger"), advice)
        if predictor.svc_orch_spec.env:
            message = f"without an executor ({NO_ENGINE}) these variables reach nobody"
            yield Warned(message, (*place, "svcOrchSpec", "env"), "set them in the container, or remove them")


def _of_variable(predictor: Predictor, container: Container, place: Place) -> Iterator[Finding]:
    if has_engine(predictor):
        message = f"{VARIABLE} is for a predictor without Seldon's executor, which would ask for other paths"
        advice = f'annotate the predictor with {NO_ENGINE}: "true", or give each node a container of its own'
        yield Finding(written(place), message, place, advice, RefusedBy.FORKCAST)
        return
    try:
        inner = _described(predictor, container)
    except _NotDescribed as error:
        advice = "describe a graph as a predictor does: `graph`, and `componentSpecs` with the MODEL_NAME of each node"
        yield Finding(written(place), str(error), place, advice, RefusedBy.FORKCAST)
        return
    for unit in inner.graph.walk():
        own = inner.container(unit.name)
        is_own = unit.implementation in {None, servers.UNKNOWN_IMPLEMENTATION}
        if is_own and not any(each.name == "MODEL_NAME" for each in (own.env if own else ())):
            message = f"{VARIABLE}: node {unit.name} has no class"
            advice = f"give componentSpecs a container {unit.name} with the variable MODEL_NAME"
            yield Finding(written(place), message, place, advice, RefusedBy.FORKCAST)


def _unfolded(predictor: Predictor) -> Predictor:
    outer = predictor.container(predictor.graph.name)
    if outer is None or not is_fused(outer) or has_engine(predictor):
        return predictor
    try:
        inner = _described(predictor, outer)
    except _NotDescribed:
        return predictor
    names = dict.fromkeys([each.name for each in inner.containers()] + [unit.name for unit in inner.graph.walk()])
    containers = tuple(_container(name, inner, outer) for name in names)
    first, *others = predictor.component_specs
    spec = first.spec.model_copy(update={"containers": containers})
    return predictor.model_copy(
        update={
            "graph": inner.graph,
            "component_specs": (first.model_copy(update={"spec": spec}), *others),
            "svc_orch_spec": inner.svc_orch_spec,
            "annotations": {key: value for key, value in predictor.annotations.items() if key != NO_ENGINE},
        }
    )


def _container(name: str, inner: Predictor, outer: Container) -> Container:
    """As the one container is, but for a node's own name, class and variables. Its ports were the whole graph's."""
    described = inner.container(name)
    shared = [each for each in outer.env if each.name not in {*OWN_VARIABLES, "MODEL_NAME"}]
    own = described.env if described else ()
    names = {each.name for each in own}
    return outer.model_copy(
        update={
            "name": name,
            "image": (described.image if described else None) or outer.image,
            "env": (*(each for each in shared if each.name not in names), *own),
            "ports": (),
        }
    )


def _described(predictor: Predictor, container: Container) -> Predictor:
    """The predictor that the variable describes, its logger by the annotations. Errors: _NotDescribed."""
    text = next((each.value or "" for each in container.env if each.name == VARIABLE), "")
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _NotDescribed(f"{VARIABLE} is neither YAML nor JSON: {error}") from error
    if not isinstance(tree, dict):
        raise _NotDescribed(f"{VARIABLE} describes no predictor, but {type(tree).__name__}")
    try:
        inner = Predictor.model_validate_json(json.dumps({"name": predictor.name, **tree}, default=str))
    except ValidationError as error:
        found: list[Any] = error.errors(include_url=False)
        told = "; ".join(f"{written(each['loc'])}: {each['msg']}" for each in found)
        raise _NotDescribed(f"{VARIABLE} describes no predictor: {told}") from error
    mode = predictor.annotations.get(REQUEST_LOG_MODE)
    if not mode or inner.graph.logger is not None:
        return inner
    logger = Logger(mode=mode, url=predictor.annotations.get(REQUEST_LOG_URL))
    return inner.model_copy(update={"graph": inner.graph.model_copy(update={"logger": logger})})
