"""Seldon's wire messages, as dicts (REST) or protobuf (gRPC) -> what was asked; answers -> the same form back. Pure.

The protobuf side never imports Seldon's generated classes: two definitions of `seldon.protos` in one process collide,
and any message that has the fields will do. Source of the fields: Seldon Core's `proto/prediction.proto`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from model_server.errors import CallersFault

ACCEPTED: Final = (
    "data.ndarray with data.names, jsonData with a record or a list of records, or data.tensor with ready features"
)


class InvalidMessage(CallersFault):
    """The request is no SeldonMessage that this model takes."""


# Made for every request, and never changed: frozen, they would take three times as long to make.
@dataclass(slots=True)
class Table:
    """Rows of cells and the names of their columns: `data.ndarray`."""

    rows: Any
    names: list[str]


@dataclass(slots=True)
class Records:
    """`jsonData`: one record or a list of them."""

    records: Any


@dataclass(frozen=True)
class Tensor:
    """`data.tensor`: numbers in row-major order, and their shape."""

    values: NDArray[np.float64]
    shape: tuple[int, ...]
    names: list[str]


@dataclass(slots=True)
class Metric:
    """A custom metric that Seldon's wrapper harvests from `meta.metrics`."""

    key: str
    value: float
    """Never 0 in protobuf: its JSON leaves a zero out, and Seldon's wrapper then misses the value."""
    tags: dict[str, str]
    type: Literal["COUNTER", "GAUGE"] = "COUNTER"


@dataclass(slots=True)
class Meta:
    """What accompanies an answer. Seldon's rule: the input's meta is carried on, the own entries win."""

    puid: str = ""
    tags: dict[str, Any] = field(default_factory=dict)
    request_path: dict[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()


@dataclass(slots=True)
class Request:
    payload: Table | Records | Tensor
    meta: Meta


def decode(message: Any) -> Request:
    """What a SeldonMessage asks. Errors: InvalidMessage."""
    if type(message) is dict or isinstance(message, Mapping):
        return _decode_dict(message)
    if hasattr(message, "WhichOneof"):
        return _decode_proto(message)
    raise InvalidMessage(f"the body is a JSON {_json_type(message)}, not an object; send {ACCEPTED}")


_KINDS: Final = ("data", "jsonData", "strData", "binData", "customData")
_ARRAYS: Final = ("tensor", "ndarray", "tftensor")
_NO_META: Final = Meta()
_USUAL: Final = frozenset({"data", "meta"})
_TABULAR: Final = frozenset({"names", "ndarray"})


def _decode_dict(message: Mapping[str, Any]) -> Request:
    data = message.get("data")
    if type(data) is dict and message.keys() <= _USUAL and data.keys() <= _TABULAR:
        names, meta = data.get("names"), message.get("meta")
        if type(names) is list and set(map(type, names)) == {str} and "ndarray" in data:
            decoded_meta = _meta_of_dict(meta) if meta and isinstance(meta, Mapping) else _NO_META
            return Request(Table(data["ndarray"], names), decoded_meta)
    kinds = [kind for kind in _KINDS if kind in message]
    if len(kinds) != 1 or kinds[0] in {"strData", "binData", "customData"}:
        seen = " and ".join(kinds) or ("the keys " + ", ".join(map(str, message)) if message else "an empty object")
        raise InvalidMessage(f"the request holds {seen[:200]}; send {ACCEPTED}")
    meta = message.get("meta")
    decoded_meta = _meta_of_dict(meta) if meta and isinstance(meta, Mapping) else _NO_META
    if kinds[0] == "jsonData":
        return Request(Records(message["jsonData"]), decoded_meta)
    data = message["data"]
    if not isinstance(data, Mapping):
        raise InvalidMessage(f"data is a JSON {_json_type(data)}, not an object; send {ACCEPTED}")
    names = data.get("names") or []
    if not isinstance(names, list) or not set(map(type, names)) <= {str}:
        raise InvalidMessage("data.names is a list of column names, each a text")
    match [kind for kind in _ARRAYS if kind in data]:
        case ["ndarray"]:
            return Request(Table(data["ndarray"], names), decoded_meta)
        case ["tensor"]:
            return Request(_tensor_of_dict(data["tensor"], names), decoded_meta)
        case kinds_of_data:
            seen = " and ".join(kinds_of_data) or "neither"
            raise InvalidMessage(f"data holds {seen}; one of ndarray and tensor is expected")


def _tensor_of_dict(tensor: Any, names: list[str]) -> Tensor:
    if not isinstance(tensor, Mapping) or not all(isinstance(tensor.get(k, []), list) for k in ("shape", "values")):
        raise InvalidMessage('data.tensor is an object such as {"shape": [1, 56], "values": [...]}')
    shape, values = tensor.get("shape", []), tensor.get("values", [])
    if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape):
        raise InvalidMessage(f"data.tensor.shape is a list of whole numbers, not {json.dumps(shape)[:60]}")
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidMessage(f"data.tensor.values[{i}] is {json.dumps(value)[:60]}; a number is expected")
    try:
        numbers = np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise InvalidMessage("data.tensor.values holds a whole number beyond any float64") from error
    return _tensor(numbers, shape, names)


def _tensor(values: NDArray[np.float64], shape: list[int], names: list[str]) -> Tensor:
    if math.prod(shape) != len(values) or not shape:
        raise InvalidMessage(
            f"data.tensor has {len(values)} values for the shape {shape}; shape [n, features] is expected"
        )
    return Tensor(values, tuple(shape), names)


def _meta_of_dict(meta: Mapping[str, Any]) -> Meta:
    puid, tags, request_path = meta.get("puid"), meta.get("tags"), meta.get("requestPath")
    return Meta(
        puid if isinstance(puid, str) else "",
        tags if isinstance(tags, dict) else {},
        request_path if isinstance(request_path, dict) else {},
    )


def _decode_proto(message: Any) -> Request:
    meta = Meta(
        message.meta.puid,
        {key: plain(value) for key, value in message.meta.tags.items()},
        dict(message.meta.requestPath),
    )
    kind = message.WhichOneof("data_oneof")
    if kind == "jsonData":
        return Request(Records(plain(message.jsonData)), meta)
    if kind == "data":
        names = list(message.data.names)
        match message.data.WhichOneof("data_oneof"):
            case "ndarray":
                return Request(Table([plain(row) for row in message.data.ndarray.values], names), meta)
            case "tensor":
                tensor = message.data.tensor
                return Request(_tensor(np.array(tensor.values, dtype=np.float64), list(tensor.shape), names), meta)
            case other:
                raise InvalidMessage(f"data holds {other or 'neither'}; one of ndarray and tensor is expected")
    raise InvalidMessage(f"the request holds {kind or 'no data'}; send {ACCEPTED}")


def plain(value: Any) -> Any:
    """A protobuf Value as Python's own: None, bool, float, str, list or dict."""
    match value.WhichOneof("kind"):
        case "number_value":
            return value.number_value
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [plain(item) for item in value.list_value.values]
        case "struct_value":
            return {key: plain(item) for key, item in value.struct_value.fields.items()}
        case _:
            return None


def encode(like: Any, probabilities: NDArray[np.float32], asked: Request, own: Meta) -> Any:
    """The answer in the form of the request: dict for dict, the same protobuf class for protobuf.

    Seldon's rule for the payload: an ndarray is answered by an ndarray, everything else by a tensor of shape [n].
    """
    values = probabilities.tolist()
    meta = _merged(asked.meta, own)
    is_ndarray = isinstance(asked.payload, Table)
    if type(like) is dict or isinstance(like, Mapping):
        data = {"ndarray": values} if is_ndarray else {"tensor": {"shape": [len(values)], "values": values}}
        return {"data": {"names": [], **data}, "meta": meta_to_dict(meta)}
    answer = type(like)()
    if is_ndarray:
        answer.data.ndarray.extend(values)
    else:
        answer.data.tensor.shape.append(len(values))
        answer.data.tensor.values.extend(values)
    meta_to_proto(meta, answer.meta)
    return answer


def numbers_in(answer: Any) -> list[float]:
    """Those of an answer's data, as `encode` writes them; none of what is in any other form."""
    if isinstance(answer, Mapping):
        data = answer.get("data")
        data = data if isinstance(data, Mapping) else {}
        tensor = data.get("tensor")
        values = data.get("ndarray") or (tensor.get("values") if isinstance(tensor, Mapping) else None)
        values = values if isinstance(values, list) else []
    elif answer.data.WhichOneof("data_oneof") == "ndarray":
        values = [value.number_value for value in answer.data.ndarray.values]
    else:
        values = list(answer.data.tensor.values)
    return [value for value in values if type(value) is float and math.isfinite(value)]


def encode_meta(like: Any, own: Meta) -> Any:
    """An answer without data, such as feedback gets."""
    if isinstance(like, Mapping):
        return {"meta": meta_to_dict(own)}
    answer = type(like)()
    meta_to_proto(own, answer.meta)
    return answer


def _merged(carried: Meta, own: Meta) -> Meta:
    return Meta(
        carried.puid,
        {**carried.tags, **own.tags},
        {**carried.request_path, **own.request_path},
        own.metrics,
    )


def meta_to_dict(meta: Meta) -> dict[str, Any]:
    """In its JSON form, without what is empty."""
    written: dict[str, Any] = {"tags": meta.tags, "requestPath": meta.request_path}
    if meta.puid:
        written["puid"] = meta.puid
    if meta.metrics:
        written["metrics"] = [
            {"type": metric.type, "key": metric.key, "value": metric.value, "tags": dict(metric.tags)}
            for metric in meta.metrics
        ]
    return {key: value for key, value in written.items() if value}


def meta_to_proto(meta: Meta, written: Any) -> None:
    """Add to the protobuf `written` what `meta` holds; its own entries win."""
    written.SetInParent()
    if meta.puid:
        written.puid = meta.puid
    for key, value in meta.tags.items():
        _fill(written.tags[key], value)
    written.requestPath.update(meta.request_path)
    for metric in meta.metrics:
        written.metrics.add(key=metric.key, type=metric.type, value=metric.value, tags=metric.tags)


def _fill(target: Any, value: Any) -> None:
    """Python's own value into a protobuf Value."""
    match value:
        case None:
            target.null_value = 0
        case bool():
            target.bool_value = value
        case int() | float():
            target.number_value = value
        case str():
            target.string_value = value
        case dict():
            for key, item in value.items():
                _fill(target.struct_value.fields[key], item)
        case _:
            target.list_value.SetInParent()
            for item in value:
                _fill(target.list_value.values.add(), item)


def _json_type(value: Any) -> str:
    names = {list: "list", str: "text", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
