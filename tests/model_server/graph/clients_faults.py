"""What is wrong with a message, a tree or protobuf, so that whoever sent it can mend it. Knows nothing of our code."""

from __future__ import annotations

import math

import numpy as np


def meta_of(tree):
    meta = tree.get("meta") if isinstance(tree, dict) else None
    return meta if isinstance(meta, dict) else {}


def has_null_meta(tree):
    if not isinstance(tree, dict):
        return False
    nulls = [meta_of(tree).get(key, 0) is None for key in ("tags", "requestPath", "metrics")]
    return any(nulls) or ("meta" in tree and tree["meta"] is None)


def has_odd_meta(tree):
    if not isinstance(tree, dict) or tree.get("meta") is None:
        return False
    if not isinstance(tree["meta"], dict):
        return True
    kinds = {"tags": dict, "requestPath": dict, "metrics": list}
    return any(not isinstance(meta_of(tree).get(key), kind | None) for key, kind in kinds.items())


def has_odd_metrics(tree):
    return bool(meta_of(tree).get("metrics"))


def has_odd_payload(tree):
    """Whether the payload is none by Seldon's own rules, or numpy makes no array of it."""
    if not isinstance(tree, dict) or not {"data", "jsonData", "strData", "binData"} & tree.keys():
        return True
    if "data" not in tree:
        return not {"jsonData", "strData"} & tree.keys()  # of binData, base64 decides
    data = tree["data"]
    if not isinstance(data, dict) or not isinstance(data.get("names"), list | None):
        return True
    tensor = data.get("tensor")
    if "tensor" in data and (not isinstance(tensor, dict) or not isinstance(tensor.get("values"), list)):
        return True
    if "tensor" not in data and ("tftensor" in data or not isinstance(data.get("ndarray", []), list)):
        return True
    try:
        if "tensor" in data:
            np.array(tensor["values"]).reshape(tensor["shape"])
            return tensor["shape"] is None
        np.array(data.get("ndarray", []))
    except (TypeError, ValueError, KeyError, OverflowError):
        return True
    return False


def numbers_of(value):
    match value.WhichOneof("kind"):
        case "number_value":
            yield value.number_value
        case "list_value":
            for item in value.list_value.values:
                yield from numbers_of(item)
        case "struct_value":
            for item in value.struct_value.fields.values():
                yield from numbers_of(item)


def has_odd_tensor(message):
    tensor = message.data.tensor
    return message.data.WhichOneof("data_oneof") == "tensor" and (
        math.prod(tensor.shape) != len(tensor.values) or not tensor.shape or min(tensor.shape) < 0
    )


def has_odd_values(message):
    values = [message.jsonData, *message.data.ndarray.values]
    return any(not math.isfinite(number) for value in values for number in numbers_of(value))


def is_ragged(message):
    try:
        np.array([_shape(value) for value in message.data.ndarray.values])
    except ValueError:
        return True
    return False


def _shape(value):
    return [_shape(item) for item in value.list_value.values] if value.HasField("list_value") else 0
