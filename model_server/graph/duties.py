"""What a node's type, methods and implementation ask of it. Pure; the executor's own rules, told in one place."""

from __future__ import annotations

from model_server.graph.errors import InvalidPredictor
from model_server.graph.predictor import Node
from model_server.graph.verbs import Verb


def on_the_way_in(node: Node) -> Verb | None:
    """What its component is asked before its children are. A transformer that is called a MODEL too is no model."""
    if node.type == "TRANSFORMER" or "TRANSFORM_INPUT" in node.methods:
        return Verb.TRANSFORM_INPUT
    return Verb.PREDICT if node.type == "MODEL" else None


def on_the_way_out(node: Node) -> Verb | None:
    """What its component is asked once its children have answered."""
    if node.type == "OUTPUT_TRANSFORMER" or "TRANSFORM_OUTPUT" in node.methods:
        return Verb.TRANSFORM_OUTPUT
    return None


def aggregates(node: Node) -> bool:
    return node.type == "COMBINER" or "AGGREGATE" in node.methods


def asks_for_a_route(node: Node) -> bool:
    """Whether its component chooses the branch."""
    return not node.is_random_abtest and (node.type == "ROUTER" or "ROUTE" in node.methods)


def chooses(node: Node) -> bool:
    """Whether not all of its children get each request."""
    return bool(node.children) and (node.is_random_abtest or asks_for_a_route(node))


def takes_feedback(node: Node) -> bool:
    return not node.is_random_abtest and (node.type in {"MODEL", "ROUTER"} or "SEND_FEEDBACK" in node.methods)


def has_component(node: Node) -> bool:
    """Whether anything answers for it: not for what the server does itself, nor for what asks nothing."""
    return (
        on_the_way_in(node) is not None
        or on_the_way_out(node) is not None
        or aggregates(node)
        or asks_for_a_route(node)
        or takes_feedback(node)
    )


def share_of_first_branch(node: Node) -> float:
    """Of a RANDOM_ABTEST: its parameter ratioA, 0.5 by default. Errors: InvalidPredictor."""
    for parameter in node.parameters:
        if parameter.get("name") == "ratioA":
            value = str(parameter.get("value"))
            try:
                ratio = float(value)
            except ValueError:
                ratio = -1.0
            if not 0 <= ratio <= 1:
                raise InvalidPredictor(f"node {node.name}: ratioA is {value}; a number from 0 to 1 is accepted")
            return ratio
    return 0.5
