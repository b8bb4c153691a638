"""Messages as JSON trees, as in REST: a request -> what a user's method gets; its result -> an answer. Pure.

A `Form` (see `payloads`). Source of the rules: Seldon's wrapper; the kind of an answer mirrors that of the request.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.graph.errors import MessageRefused, WrapperError
from model_server.graph.wrapper import arrays, custom_metrics
from model_server.graph.wrapper.payloads import Asked, Own, Told, components_fault, meta_of, shown

_META_KINDS: Final = (("tags", dict, "an object"), ("requestPath", dict, "an object"), ("metrics", list, "a list"))


def extract(request: Any) -> Asked:
    if not isinstance(request, dict):
        raise WrapperError(f"Invalid request data type: {shown(request)}")
    meta = _meta(request)
    if "data" in request:
        data = request["data"]
        if not isinstance(data, dict):
            raise MessageRefused(f"data is {shown(data)}; an object with names and an ndarray or a tensor is expected")
        names = data.get("names", [])
        if names is not None and not isinstance(names, list):
            raise MessageRefused(f"data.names is {shown(names)}; a list of column names is expected")
        return Asked(_array(data), names, meta)
    if "jsonData" in request:
        return Asked(request["jsonData"], [], meta)
    if "strData" in request:
        return Asked(request["strData"], [], meta)
    if "binData" in request:
        try:
            return Asked(base64.b64decode(request["binData"]), [], meta)
        except (TypeError, ValueError) as error:
            raise MessageRefused(f"binData is no base64: {error}") from error
    raise WrapperError(f"Invalid request data type: {shown(request)}")


def messages_of(request: Any) -> Sequence[Any]:
    messages = request.get("seldonMessages") if isinstance(request, dict) else request
    if not isinstance(messages, list):
        raise WrapperError(f"Invalid request data type: {shown(request)}")
    if not messages:
        raise WrapperError("there are no messages to aggregate")
    return messages


def construct(request: Mapping[str, Any], told: Told, own: Own) -> dict[str, Any]:
    payload = _payload(request, told.result.data, own)
    puid = (request.get("meta") or {}).get("puid")
    return {**payload, "meta": meta_of(told, puid, own)}


def harvest(answer: Any, method: str, *, keeps_metrics: bool) -> tuple[Any, list[dict[str, Any]]]:
    meta = answer.get("meta") if isinstance(answer, dict) else None
    if not isinstance(meta, dict) or not meta.get("metrics"):
        return answer, []
    found = meta["metrics"]
    metrics = custom_metrics.complete(found)
    kept = {key: value for key, value in meta.items() if key != "metrics"}
    if keeps_metrics:
        kept["metrics"] = custom_metrics.labelled(found, method)
    return {**answer, "meta": kept}, metrics


def _payload(request: Mapping[str, Any], data: Any, own: Own) -> dict[str, Any]:
    if isinstance(data, dict):
        return {"jsonData": data}
    if isinstance(data, bytes | bytearray):
        return {"binData": base64.b64encode(data).decode()}
    if isinstance(data, str):
        return {"strData": data}
    if not isinstance(data, np.ndarray | list):
        raise components_fault(f"Unknown data type returned as payload (must be list or np array):{shown(data)}")
    array = arrays.array_of_result(data) if isinstance(data, list) else data
    if array is None:  # ragged, say; Seldon's wrapper fails
        return {"data": {"ndarray": data, "names": []}}
    if np.issubdtype(array.dtype, np.number) and ("data" not in request or "tensor" in request["data"]):
        payload: dict[str, Any] = {"tensor": {"values": array.ravel().tolist(), "shape": list(array.shape)}}
    else:
        payload = {"ndarray": data if isinstance(data, list) else data.tolist()}
    return {"data": {**payload, "names": own.class_names(array)}}


def _meta(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Null, as in protobuf's JSON, is the same as absent."""
    meta = request.get("meta")
    if meta is None:
        return None
    if not isinstance(meta, dict):
        raise MessageRefused(f"meta is {shown(meta)}; an object is expected")
    for key, kind, accepted in _META_KINDS:
        value = meta.get(key)
        if value is not None and not isinstance(value, kind):
            raise MessageRefused(f"meta.{key} is {shown(value)}; {accepted} is expected")
    return meta


def _array(data: Mapping[str, Any]) -> NDArray[Any]:
    if "tensor" in data:
        tensor = data["tensor"]
        if not isinstance(tensor, dict) or not isinstance(tensor.get("values"), list) or tensor.get("shape") is None:
            raise MessageRefused('data.tensor is an object such as {"shape": [1, 2], "values": [3, 4]}')
        return arrays.reshaped(arrays.array_of(tensor["values"]), tensor["shape"])
    if "ndarray" in data:
        if not isinstance(data["ndarray"], list):
            raise MessageRefused(f"data.ndarray is {shown(data['ndarray'])}; a list is expected")
        return arrays.array_of(data["ndarray"])
    if "tftensor" in data:
        raise MessageRefused("data.tftensor needs TensorFlow, which is not here; send data.tensor or data.ndarray")
    return np.array([])
