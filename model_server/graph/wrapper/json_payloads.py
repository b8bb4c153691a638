"""Messages as JSON trees, as in REST: a request -> what a user's method gets; its result -> an answer. Pure.

A `Form` (see `payloads`). Source of the rules: Seldon's wrapper; the kind of an answer mirrors that of the request.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.graph.errors import MessageRefused, WrapperError
from model_server.graph.wrapper import custom_metrics
from model_server.graph.wrapper.payloads import Asked, Own, Told, components_fault, meta_of, shown

MAX_TEXT_ARRAY_BYTES: Final = 256 * 1024 * 1024
"""numpy gives every cell of an array with texts the room of the longest: one long text and many cells, sent in a
megabyte, would take all of a machine's memory."""
_BYTES_PER_CHARACTER: Final = 4
_META_KINDS: Final = (("tags", dict, "an object"), ("requestPath", dict, "an object"), ("metrics", list, "a list"))
_TEXT_ARRAY_KINDS: Final = frozenset({str, int, float, bool, list})


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
    array = np.array(data) if isinstance(data, list) else data
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
        return _converted(tensor["values"], tensor["shape"])
    if "ndarray" in data:
        if not isinstance(data["ndarray"], list):
            raise MessageRefused(f"data.ndarray is {shown(data['ndarray'])}; a list is expected")
        return _converted(data["ndarray"])
    if "tftensor" in data:
        raise MessageRefused("data.tftensor needs TensorFlow, which is not here; send data.tensor or data.ndarray")
    return np.array([])


def _converted(values: list[Any], shape: Any = None) -> NDArray[Any]:
    _refuse_costly_texts(values)
    try:
        array = np.array(values)
        return array if shape is None else array.reshape(shape)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MessageRefused(str(error)) from error


def _refuse_costly_texts(values: list[Any]) -> None:
    n_cells, longest = 0, 0
    layer: Iterable[Any] = values
    while True:
        cells = list(layer)
        n_cells += len(cells)
        kinds = set(map(type, cells))
        if not kinds <= _TEXT_ARRAY_KINDS:
            return  # numpy will keep pointers
        if str in kinds:
            longest = max(longest, *(len(cell) for cell in cells if type(cell) is str))
        if list not in kinds:
            break
        layer = itertools.chain.from_iterable(cell for cell in cells if type(cell) is list)
    needed = n_cells * longest * _BYTES_PER_CHARACTER
    if needed > MAX_TEXT_ARRAY_BYTES:
        raise WrapperError(
            f"{n_cells:,} cells, the longest of {longest:,} characters, are {needed:,} bytes as an array; at most "
            f"{MAX_TEXT_ARRAY_BYTES:,} are accepted: send long texts as jsonData",
            http_status=413,
        )
