"""The users' objects that run in this process, by the name of their node. Made once, before workers are forked."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from model_server.graph import duties
from model_server.graph.predictor import Node, Predictor
from model_server.graph.settings import Settings
from model_server.graph.wrapper import user_class
from model_server.graph.wrapper.identity import Identity


def make_all(settings: Settings) -> Mapping[str, Any]:
    """Errors: ComponentBroken, InvalidPredictor."""
    sys.path.append(os.getcwd())  # noqa: PTH109 -- as Seldon's wrapper finds classes
    if settings.predictor is None:
        name = os.environ.get("PREDICTIVE_UNIT_ID") or str(settings.class_name)
        made = user_class.load_user_class(str(settings.class_name))
        return {name: user_class.make(made, user_class.parse_parameters(list(settings.parameters)))}
    nodes = [node for node in settings.predictor.graph.walk() if node.endpoint is None and duties.has_component(node)]
    return {
        node.name: user_class.make(
            user_class.load_user_class(node.environment["MODEL_NAME"]),
            user_class.parse_parameters(list(node.parameters)),
        )
        for node in nodes
    }


def identity_of(node: Node, predictor: Predictor, deployment: str) -> Identity:
    """What the operator would tell the node's container of where it runs."""
    metadata = node.environment.get("MODEL_METADATA", "")
    return Identity(node.name, node.image, predictor.name, deployment, predictor.labels, metadata)
