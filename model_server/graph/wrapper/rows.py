"""How many rows a message holds, at a glance: for limits and for the size of batches. Pure."""

from __future__ import annotations

from typing import Any


def rows_of(message: Any) -> int:
    """How many rows a message holds, at a glance: at least 1, and never more than there are. Never an exception."""
    if type(message) is dict:
        return max(_tree_rows(message), 1)
    return max(_proto_rows(message), 1) if hasattr(message, "DESCRIPTOR") else 1


def _tree_rows(tree: dict[str, Any]) -> int:
    data = tree.get("data")
    if type(data) is dict and type(ndarray := data.get("ndarray")) is list and "tensor" not in data:
        return len(ndarray)  # as most are
    if not isinstance(data, dict):
        records = tree.get("jsonData")
        return len(records) if isinstance(records, list) else 1
    tensor, ndarray = data.get("tensor"), data.get("ndarray")
    if isinstance(tensor, dict):
        shape, values = tensor.get("shape"), tensor.get("values")
        if isinstance(shape, list) and shape and isinstance(shape[0], int) and isinstance(values, list):
            return min(shape[0], len(values))
        return 1
    return len(ndarray) if isinstance(ndarray, list) else 1


def _proto_rows(message: Any) -> int:
    kind = message.WhichOneof("data_oneof") if message.DESCRIPTOR.name == "SeldonMessage" else None
    if kind == "jsonData":
        return len(message.jsonData.list_value.values)
    if kind != "data":
        return 1
    data = message.data
    if data.WhichOneof("data_oneof") == "tensor":
        return min(data.tensor.shape[0], len(data.tensor.values)) if data.tensor.shape else 1
    return len(data.ndarray.values)
