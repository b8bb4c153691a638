"""A predictor's whole graph in the place of one container, with no executor before it (`seldon.io/no-engine`). Pure.

The variable GRAPH_SERVER_PREDICTOR describes the graph: YAML, and so JSON too, with what ENGINE_PREDICTOR would hold.
What Seldon's operator tells every container of its predictor completes it: name, labels, image and annotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from model_server.graph.errors import InvalidPredictor
from model_server.graph.predictor import Predictor, from_dict
from model_server.graph.wrapper.identity import Identity

VARIABLE: Final = "GRAPH_SERVER_PREDICTOR"
NAMESPACE_VARIABLE: Final = "GRAPH_SERVER_NAMESPACE"
"""The pod's namespace, which Seldon's operator tells the executor alone."""
REQUEST_LOG_MODE: Final = "forkcast/request-log"
REQUEST_LOG_URL: Final = "forkcast/request-log-url"
"""Annotations of the predictor: mode and address of its root's logger. The `logger` of its graph is for the executor
alone: nothing of it reaches a container.
"""


def predictor_of(text: str, environ: Mapping[str, str], annotations: Mapping[str, str]) -> Predictor:
    """`annotations`: the pod's. Errors: InvalidPredictor, ComponentBroken."""
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidPredictor(f"{VARIABLE} is neither YAML nor JSON: {error}") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("graph"), dict):
        raise InvalidPredictor(
            f"{VARIABLE} describes no graph; an object is accepted, with `graph` and with `componentSpecs` whose "
            "containers say the MODEL_NAME of each node"
        )
    identity = Identity.from_environ(environ)
    completed = {
        **tree,
        "name": identity.predictor or tree.get("name"),
        "labels": identity.labels or tree.get("labels"),
        "graph": _logged(tree["graph"], annotations),
        "componentSpecs": _imaged(tree.get("componentSpecs") or [], identity.image),
    }
    return from_dict(completed, VARIABLE, annotations)


def _logged(root: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    mode = annotations.get(REQUEST_LOG_MODE)
    if not mode or root.get("logger"):
        return dict(root)
    return {**root, "logger": {"mode": mode, "url": annotations.get(REQUEST_LOG_URL)}}


def _imaged(component_specs: Any, image: str) -> list[dict[str, Any]]:
    """All of it runs in the one container's image. Errors: InvalidPredictor."""
    try:
        containers = [each for spec in component_specs for each in spec["spec"]["containers"]]
        imaged = [{**each, "image": each.get("image") or image} for each in containers]
    except (TypeError, KeyError, AttributeError) as error:
        raise InvalidPredictor(f"{VARIABLE}: componentSpecs is a list of objects with spec.containers") from error
    return [{"spec": {"containers": imaged}}]
