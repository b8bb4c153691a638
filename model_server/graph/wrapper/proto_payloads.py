"""Messages as protobuf, as in gRPC: a request -> what a user's method gets; its result -> an answer. Pure.

A `Form` (see `payloads`). The classes of the messages are the request's own, ours or seldon_core's: see `protos`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from google.protobuf import any_pb2, json_format
from numpy.typing import NDArray

from model_server.graph.errors import MessageRefused, WrapperError
from model_server.graph.wrapper import arrays, custom_metrics
from model_server.graph.wrapper.payloads import Asked, Own, Told, components_fault, meta_of, shown

_BYTES_PER_DOUBLE = 8
MAX_META_BYTES: Final = 1024 * 1024
"""It goes through protobuf's JSON, there and back, at 10 us for each of the 100,000 tags that a megabyte may hold."""


def extract(request: Any) -> Asked:
    match request.WhichOneof("data_oneof"):
        case "data":
            features: Any = array_of(request.data)
        case "binData":
            features = request.binData
        case "strData":
            features = request.strData
        case "jsonData":
            features = plain(request.jsonData)
        case "customData":
            # of protobuf's own class, whichever pool the request's comes from, so that isinstance holds
            features = any_pb2.Any.FromString(request.customData.SerializeToString())
        case _:
            raise MessageRefused("Unknown data in SeldonMessage")
    return Asked(features, request.data.names, _meta_of(request))


def _meta_of(request: Any) -> dict[str, Any]:
    if (n_bytes := request.meta.ByteSize()) > MAX_META_BYTES:
        raise WrapperError(
            f"meta is {n_bytes:,} bytes; at most {MAX_META_BYTES:,} are accepted: send data as data", http_status=413
        )
    try:
        meta: dict[str, Any] = json_format.MessageToDict(request.meta)
    except (ValueError, json_format.SerializeToJsonError) as error:
        raise MessageRefused(f"meta: {error}") from error
    return meta


def messages_of(request: Any) -> Sequence[Any]:
    if not request.seldonMessages:
        raise MessageRefused("there are no messages to aggregate")
    messages: Sequence[Any] = request.seldonMessages
    return messages


def construct(request: Any, told: Told, own: Own) -> Any:
    answer = type(request)()
    _fill_meta(answer.meta, meta_of(told, request.meta.puid, own))
    data = told.result.data
    if isinstance(data, np.ndarray | list):
        array = arrays.array_of_result(data) if isinstance(data, list) else data
        if array is None:  # ragged, say; Seldon's wrapper fails
            answer.data.ndarray.SetInParent()
            _extend(answer.data.ndarray, data)
        else:
            _fill_data(answer.data, request, array, own)
    elif isinstance(data, str):
        answer.strData = data
    elif isinstance(data, dict):
        json_format.ParseDict(data, answer.jsonData)
    elif isinstance(data, bytes | bytearray):
        answer.binData = bytes(data)
    elif isinstance(data, any_pb2.Any):
        answer.customData.ParseFromString(data.SerializeToString())
    else:
        raise components_fault(f"Unknown data type returned as payload:{shown(data)}")
    return answer


def harvest(answer: Any, method: str, *, keeps_metrics: bool) -> tuple[Any, list[dict[str, Any]]]:
    del method  # only the trees of REST share their tags with the metrics
    require_message(answer)
    if not answer.meta.metrics:
        return answer, []
    found = [json_format.MessageToDict(metric) for metric in answer.meta.metrics]
    # Protobuf leaves a zero out, and JSON has no word for what is no number.
    metrics = custom_metrics.complete([{**metric, "value": float(metric.get("value", 0))} for metric in found])
    if not keeps_metrics:
        del answer.meta.metrics[:]
    return answer, metrics


def require_message(answer: Any) -> None:
    """Errors: TypeError, where a user's class answered gRPC with something else."""
    if getattr(getattr(answer, "DESCRIPTOR", None), "name", None) != "SeldonMessage":
        raise TypeError(f"the component answered with {type(answer).__name__}; over gRPC a SeldonMessage is expected")


def array_of(data: Any) -> NDArray[Any]:
    """The array of a DefaultData; float64[0] where it holds none. Errors: WrapperError."""
    match data.WhichOneof("data_oneof"):
        case "tensor":
            return _tensor_array(data.tensor)
        case "ndarray":
            return arrays.array_of([plain(value) for value in data.ndarray.values])
        case "tftensor":
            raise MessageRefused("data.tftensor needs TensorFlow, which is not here; send data.tensor or data.ndarray")
        case _:
            return np.array([])


def plain(value: Any) -> Any:
    """A google.protobuf.Value as Python's own. Errors: WrapperError for NaN and infinity, which JSON cannot tell."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            if not math.isfinite(number):
                raise MessageRefused(
                    f"{number} in a google.protobuf.Value, which holds finite numbers; send data.tensor"
                )
            return number
        case "string_value":
            return value.string_value
        case "list_value":
            return [plain(item) for item in value.list_value.values]
        case "struct_value":
            return {key: plain(item) for key, item in value.struct_value.fields.items()}
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _tensor_array(tensor: Any) -> NDArray[np.float64]:
    shape = list(tensor.shape)
    if not shape:
        raise MessageRefused("data.tensor has no shape; one such as [1, 2] is expected")
    return arrays.reshaped(_doubles(tensor), shape)


def _doubles(tensor: Any) -> NDArray[np.float64]:
    """The values of a Tensor, float64[n]. Read one by one they take 50 ns each; from the serialized form, almost none.

    The packed doubles are its end, after their tag and their length, unless unknown fields follow.
    """
    n_bytes = len(tensor.values) * _BYTES_PER_DOUBLE
    serialized = tensor.SerializeToString()
    head = b"\x12" + _varint(n_bytes)
    start = len(serialized) - n_bytes
    if serialized[max(start - len(head), 0) : start] == head:
        return np.frombuffer(serialized, dtype="<f8", offset=start).copy()  # a copy, since users write into it
    return np.fromiter(tensor.values, dtype=np.float64)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _fill_meta(target: Any, meta: dict[str, Any]) -> None:
    """What nearly every answer has without protobuf's JSON, which takes ten times as long."""
    target.SetInParent()
    target.puid = meta.pop("puid", "")
    target.requestPath.update(meta.pop("requestPath", {}))
    if meta:
        json_format.ParseDict(meta, target)


def _fill_data(data: Any, request: Any, array: NDArray[Any], own: Own) -> None:
    names = own.class_names(array)
    if names is not None:
        data.names.extend(names)
    is_numeric = np.issubdtype(array.dtype, np.number)
    mirrors_tensor = request.data.WhichOneof("data_oneof") == "tensor"
    if is_numeric and (request.WhichOneof("data_oneof") != "data" or mirrors_tensor):
        data.tensor.shape.extend(array.shape)
        data.tensor.values.extend(array.ravel().tolist())
    else:
        data.ndarray.SetInParent()
        _extend(data.ndarray, array.tolist() if array.ndim else array)


def _extend(list_value: Any, items: Any) -> None:
    """ListValue's own extend, at three times its speed for rows of numbers."""
    add = list_value.values.add
    for item in items:
        kind = type(item)
        if kind is float or kind is int:
            add().number_value = item
        elif kind is list:
            nested = add().list_value
            nested.SetInParent()
            _extend(nested, item)
        else:
            list_value.append(item)
