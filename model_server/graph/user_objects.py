"""The users' objects of the nodes that run in this process: which, of what class, and where each thinks it is.

On a cluster a node's class has a container of its own, whose environment says who it is. Here many share a process; so
while one is made, and while it loads, the process has its container's environment. A class that must know it later, as
requests come, keeps what it needs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from model_server import storage
from model_server.graph import duties
from model_server.graph.errors import InvalidPredictor
from model_server.graph.predictor import XGBOOST_SERVER, Node, Predictor
from model_server.graph.settings import Settings
from model_server.graph.wrapper import user_class
from model_server.graph.wrapper.identity import Identity
from model_server.graph.wrapper.user_class import load_user_class, make, parse_parameters

MODEL_NAME: Final = "MODEL_NAME"
"""A container's variable with its Python class: the convention of Seldon's own images."""
_FAMILIES: Final = ("PREDICTIVE_UNIT_", "PREDICTOR_", "MLSERVER_")
_OPERATORS_OWN: Final = frozenset({MODEL_NAME, "SELDON_DEPLOYMENT_ID", "SELDON_EXECUTOR_ENABLED"})


class UserObjects(Mapping[str, Any]):
    """By the name of their node; each to be loaded in the environment that it was made in."""

    def __init__(self, made: Mapping[str, Any], variables: Mapping[str, Mapping[str, str]]) -> None:
        """`variables`: of each container, by the same names; without them the process's own environment is meant."""
        self._made = made
        self._variables = variables

    def __getitem__(self, name: str) -> Any:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def load(self) -> None:
        """Call `load()` of each: once a process, before its first request. Errors: ComponentBroken."""
        for name, user_object in self._made.items():
            with environment(self._variables[name]) if name in self._variables else nullcontext():
                user_class.load(user_object)


def make_all(settings: Settings) -> UserObjects:
    """Every object that this process serves: of a graph those that run here, or the one of the class that is served.

    Classes are found in the current folder too, as by Seldon's wrapper.
    Errors: InvalidPredictor, before anything is made or fetched; ComponentBroken, and those of `storage`.
    """
    sys.path.append(str(Path.cwd()))
    predictor = settings.predictor
    if predictor is None:
        class_name = settings.class_name or ""
        user_object = make(load_user_class(class_name), parse_parameters(settings.parameters))
        return UserObjects({os.environ.get("PREDICTIVE_UNIT_ID") or class_name: user_object}, {})
    here = [node for node in predictor.graph.walk() if runs_here(node)]
    for node in here:
        require_made(node)
    cache = storage.default_cache()
    folders = {node.name: _model_folder(node, settings.volumes, cache) for node in here}
    variables = {node.name: variables_of(node, predictor, settings.deployment, folders[node.name]) for node in here}
    made = {node.name: _made(node, variables[node.name], folders[node.name]) for node in here}
    return UserObjects(made, variables)


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
    folder = _model_folder(node, volumes, cache)
    return _made(node, variables_of(node, predictor, deployment, folder), folder)


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


def _model_folder(node: Node, volumes: Path | None, cache: Path) -> Path | None:
    return storage.local_folder(node.model_uri, volumes=volumes, cache=cache) if node.model_uri else None


def _made(node: Node, variables: Mapping[str, str], folder: Path | None) -> Any:
    with environment(variables):
        return make(_class_of(node), parse_parameters(_parameters(node, folder)))


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
