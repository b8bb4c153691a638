"""The users' objects of the nodes that run in this process: which, of what class, and where each thinks it is.

On a cluster a node's class has a container of its own, whose environment says who it is. Here many share a process; so
while one is made, and only then, the process has its container's environment. Classes that must know later keep it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from model_server import storage
from model_server.graph import duties
from model_server.graph.errors import InvalidPredictor
from model_server.graph.predictor import XGBOOST_SERVER, Node, Predictor
from model_server.graph.settings import Settings
from model_server.graph.wrapper.identity import Identity
from model_server.graph.wrapper.user_class import load_user_class, make, parse_parameters

MODEL_NAME: Final = "MODEL_NAME"
"""A container's variable with its Python class: the convention of Seldon's own images."""
_FAMILIES: Final = ("PREDICTIVE_UNIT_", "PREDICTOR_", "MLSERVER_")
_OPERATORS_OWN: Final = frozenset({MODEL_NAME, "SELDON_DEPLOYMENT_ID", "SELDON_EXECUTOR_ENABLED"})


def make_all(settings: Settings) -> dict[str, Any]:
    """Every object that this process serves, by the name of its node; or by its class's name where that is all.

    Errors: InvalidPredictor, before anything is made or fetched; ComponentBroken, and those of `storage`.
    """
    predictor = settings.predictor
    if predictor is None:
        name = settings.class_name or ""
        return {name: make(load_user_class(name), parse_parameters(settings.parameters))}
    here = [node for node in predictor.graph.walk() if runs_here(node)]
    for node in here:
        require_made(node)
    cache = storage.default_cache()
    return {
        node.name: user_object_of(node, predictor, settings.deployment, volumes=settings.volumes, cache=cache)
        for node in here
    }


def runs_here(node: Node) -> bool:
    """Whether its component is an object in this process, rather than a program that listens elsewhere."""
    return node.endpoint is None and duties.has_component(node)


def require_made(node: Node) -> None:
    """Errors: InvalidPredictor, where it is not said of what class a node is."""
    if node.environment.get(MODEL_NAME):
        return
    if node.implementation == XGBOOST_SERVER:
        if not node.model_uri:
            raise InvalidPredictor(
                f"node {node.name} is an {XGBOOST_SERVER} without a modelUri; say where its model is"
            )
    elif node.is_prepackaged:
        raise InvalidPredictor(
            f"node {node.name} is a prepackaged {node.implementation}; {XGBOOST_SERVER} is the one that runs here, "
            f"besides your own classes (env {MODEL_NAME} of its container) and what runs elsewhere (endpoint)"
        )
    else:
        raise InvalidPredictor(
            f"node {node.name} has neither an endpoint nor a class: give its container the env {MODEL_NAME} (such as "
            "model_server.install_model.InstallModel), or the node an endpoint with service_host and ports"
        )


def user_object_of(node: Node, predictor: Predictor, deployment: str, *, volumes: Path | None, cache: Path) -> Any:
    """The object of a node that runs here, made under its container's environment, its model fetched if need be.

    Errors: InvalidPredictor, ComponentBroken, and those of `storage`.
    """
    require_made(node)
    folder = storage.local_folder(node.model_uri, volumes=volumes, cache=cache) if node.model_uri else None
    with environment(variables_of(node, predictor, deployment, folder)):
        return make(_class_of(node), parse_parameters(_parameters(node, folder)))


def identity_of(node: Node, predictor: Predictor, deployment: str) -> Identity:
    """Errors: ComponentBroken."""
    return Identity.from_environ(variables_of(node, predictor, deployment, None))


def variables_of(node: Node, predictor: Predictor, deployment: str, folder: Path | None) -> dict[str, str]:
    """A container's own variables and, over them, what Seldon's operator adds; ports left out, for it has none.

    `folder`: of its model. Source: Seldon's operator 1.17.1, recorded.
    """
    parameters = _parameters(node, folder)
    return {
        **node.environment,
        **({"PREDICTIVE_UNIT_PARAMETERS": _json(parameters)} if parameters else {}),
        **({"MLSERVER_MODEL_URI": str(folder)} if folder else {}),
        "PREDICTIVE_UNIT_ID": node.name,
        "MLSERVER_MODEL_NAME": node.name,
        "PREDICTIVE_UNIT_IMAGE": node.image,
        "PREDICTOR_ID": predictor.name,
        "PREDICTOR_LABELS": _json(dict(sorted({"version": predictor.name, **predictor.labels}.items()))),
        "SELDON_DEPLOYMENT_ID": deployment,
        "SELDON_EXECUTOR_ENABLED": "true",
    }


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The process has a container's environment: these variables, and none of its own of the operator's kind.

    Whatever else is set meanwhile stays. Not for several threads at once: a process has one environment.
    """
    own = {name for name in os.environ if name.startswith(_FAMILIES) or name in _OPERATORS_OWN}
    before = {name: os.environ.get(name) for name in own | variables.keys()}
    try:
        for name in own:
            del os.environ[name]
        os.environ.update(variables)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _class_of(node: Node) -> Callable[..., Any]:
    """Errors: ComponentBroken."""
    if name := node.environment.get(MODEL_NAME):
        return load_user_class(name)
    from model_server.xgboost_server import XGBoostServer  # noqa: PLC0415  (XGBoost takes its time)

    return XGBoostServer


def _parameters(node: Node, folder: Path | None) -> list[dict[str, Any]]:
    """As the operator writes them: to a prepackaged server it tells the model's folder, too."""
    parameters = [{key: each.get(key) for key in ("name", "value", "type")} for each in node.parameters]
    if node.is_prepackaged and folder is not None:
        parameters.append({"name": "model_uri", "value": str(folder), "type": "STRING"})
    return parameters


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
