"""Which branch was chosen: read from a router's answer, told in an answer's `meta.routing`, read from feedback. Pure.

Branches: N is child N, -1 is all children, -2 is none: the message comes back as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from model_server.graph.errors import GraphError, NoSuchBranch
from model_server.graph.messages import GrpcMessage, Message, RestMessage
from model_server.graph.protos import ours

ALL: Final = -1
NONE: Final = -2
_SHOWN_CHARACTERS: Final = 120


def branch_of(answer: Message, router: str, n_children: int) -> int:
    """The branch in a router's answer. Errors: NoSuchBranch, for which Seldon's executor breaks the connection."""
    try:
        number = _first_number(answer)
    except GraphError:  # it cannot be read
        number = None
    accepted = f"0 to {n_children - 1}, -1 for all and -2 for none are accepted"
    if number is None or not math.isfinite(number) or number != int(number):
        seen = answer.body if isinstance(answer, RestMessage) else answer.serialized
        raise NoSuchBranch(
            f"router {router} did not answer with the number of a branch but with "
            f"{seen[:_SHOWN_CHARACTERS].decode(errors='replace')!r}; {accepted}"
        )
    branch = int(number)
    if not NONE <= branch < n_children:
        raise NoSuchBranch(f"router {router} chose branch {branch} of {n_children}; {accepted}")
    return branch


def _first_number(answer: Message) -> float | None:
    """The first cell of its data: an ndarray, flat or nested, or a tensor; over REST also a bare array."""
    if isinstance(answer, GrpcMessage):
        data = answer.shared_proto(ours().SeldonMessage).data
        if data.WhichOneof("data_oneof") == "tensor":
            return data.tensor.values[0] if data.tensor.values else None
        values = data.ndarray.values
        while values and values[0].WhichOneof("kind") == "list_value":
            values = values[0].list_value.values
        return values[0].number_value if values and values[0].WhichOneof("kind") == "number_value" else None
    tree = answer.shared_tree()
    if isinstance(tree, Mapping):
        data = tree.get("data")
        data = data if isinstance(data, Mapping) else {}
        tensor = data.get("tensor")
        tree = tensor.get("values") if isinstance(tensor, Mapping) else data.get("ndarray")
    while isinstance(tree, list) and tree:
        tree = tree[0]
    try:
        return float(tree) if isinstance(tree, int | float) and not isinstance(tree, bool) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def with_routing(answer: Message, routing: Mapping[str, int]) -> Message:
    """The answer with these entries in its `meta.routing`.

    The answer itself where it has no meta, as Seldon has it, or cannot be read: no answer is lost over its routing.
    """
    try:
        return _routed(answer, routing)
    except GraphError:
        return answer


def _routed(answer: Message, routing: Mapping[str, int]) -> Message:
    """Errors: GraphError."""
    if isinstance(answer, GrpcMessage):
        if not answer.shared_proto(ours().SeldonMessage).HasField("meta"):
            return answer
        proto = answer.proto(ours().SeldonMessage)
        proto.meta.routing.clear()
        proto.meta.routing.update(routing)
        return GrpcMessage.of_proto(proto)
    tree = answer.shared_tree()
    if not isinstance(tree, Mapping) or not isinstance(tree.get("meta"), Mapping):
        return answer
    return RestMessage.of_tree({**tree, "meta": {**tree["meta"], "routing": dict(routing)}})


def of_feedback(feedback: Message) -> dict[str, int]:
    """What feedback says of the way that its response came: node -> branch. Nothing where it cannot be read."""
    try:
        if isinstance(feedback, GrpcMessage):
            return dict(feedback.shared_proto(ours().Feedback).response.meta.routing)
        tree = feedback.shared_tree()
    except GraphError:
        return {}  # the component will say what is wrong with it
    for key in ("response", "meta", "routing"):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return {str(node): int(branch) for node, branch in _items(tree) if _is_whole(branch)}


def _items(tree: Any) -> list[tuple[Any, Any]]:
    return list(tree.items()) if isinstance(tree, Mapping) else []


def _is_whole(branch: Any) -> bool:
    if isinstance(branch, float):
        return math.isfinite(branch) and branch % 1 == 0
    return isinstance(branch, int) and not isinstance(branch, bool)
