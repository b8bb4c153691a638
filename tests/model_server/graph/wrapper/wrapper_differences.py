"""Where our wrapper answers otherwise than Seldon's, on purpose: the one list of it, with the reasons.

Whatever differs and stands not here is a mistake. `docs/compatibility.md` tells users.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from stock_oracle import Outcome

BAD_INPUT = "never a 500 that is the caller's to mend: 400 with a Seldon status object, over gRPC INVALID_ARGUMENT"
READABLE = "an error has a text that helps whoever gets it"
NO_ARRAY = BAD_INPUT + ": it may be the caller's, handed back; and JSON and protobuf can tell it"
SANE = "what plainly was meant works"


@dataclass(frozen=True)
class Case:
    kind: type
    request: Any
    stock: Outcome
    ours: Outcome


@dataclass(frozen=True)
class Difference:
    what: str
    why: str
    holds: Callable[[Case], bool]


def explains(case: Case, differences: list[Difference]) -> bool:
    return case.stock == case.ours or any(difference.holds(case) for difference in differences)


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


def hands_messages_on(kind):
    return kind.__name__ in {"Raw", "RawWithABadMetric", "RawWithAZeroMetric"}


def has_odd_payload(tree):
    """Whether the payload is none by Seldon's own rules, or numpy makes no array of it."""
    if not isinstance(tree, dict) or not {"data", "jsonData", "strData"} & tree.keys():
        return True  # of binData, base64 decides
    return "data" in tree and has_odd_data(tree["data"])


def has_odd_data(data):
    if not isinstance(data, dict) or not isinstance(data.get("names"), list | None):
        return True
    is_tensor, tensor = "tensor" in data, data.get("tensor")
    if is_tensor and (not isinstance(tensor, dict) or tensor.get("shape") is None):
        return True
    values = tensor.get("values") if is_tensor else data.get("ndarray", [])
    if not isinstance(values, list) or ("tftensor" in data and "ndarray" not in data):
        return True
    try:
        np.array(values).reshape(tensor["shape"] if is_tensor else -1)
    except (TypeError, ValueError, OverflowError):
        return True
    return False


def is_refused(case, *, statuses=(400,)):
    return case.ours.status in statuses and case.ours.body["status"]["reason"] == "MICROSERVICE_BAD_DATA"


OVER_REST = [
    Difference(
        "a payload of the wrong form: 400; in Seldon 500, or the class called with what was no array",
        BAD_INPUT,
        lambda case: has_odd_payload(case.request) and is_refused(case),
    ),
    Difference(
        "meta of the wrong form: 400; in Seldon 500 or passed on",
        BAD_INPUT,
        lambda case: has_odd_meta(case.request) and is_refused(case),
    ),
    Difference(
        "null for meta, or in it for tags, requestPath or metrics, is the same as absent; in Seldon 500",
        SANE + ": protobuf's JSON says so",
        lambda case: has_null_meta(case.request) and "'NoneType' object " in case.stock.info,
    ),
    Difference(
        "a raw answer whose meta, or the metrics in it, are of the wrong form: it goes out as it is, what cannot "
        "be counted is logged; in Seldon 500",
        BAD_INPUT + ": it may be the caller's, handed back",
        lambda case: hands_messages_on(case.kind) and (case.stock.status, case.ours.status) == (500, 200),
    ),
    Difference(
        "an answer to predict whose status.code is no status of an answer: 500; Seldon sends it, and its caller breaks",
        SANE,
        lambda case: (
            case.kind.__name__ == "RawWithStatus" and not 200 <= case.stock.status < 600 and case.ours.status == 500
        ),
    ),
    Difference(
        "a list in an answer that makes no array, ragged say, goes out as it is, without names; in Seldon 500",
        NO_ARRAY,
        lambda case: (
            "setting an array element with a sequence" in case.stock.info
            and (case.stock.status, case.ours.status) == (500, 200)
            and not case.ours.body["data"]["names"]
        ),
    ),
    Difference(
        "the input in an error's text is cut at 200 characters",
        READABLE,
        lambda case: (
            case.stock.status == case.ours.status
            and len(case.stock.info) > 200
            and case.ours.info.endswith("...")
            and case.stock.info.startswith(case.ours.info[:-3])
        ),
    ),
    Difference(
        "a tag of a metric that is no text is made one; in Seldon 500",
        SANE,
        lambda case: (
            case.kind.__name__ == "TagsOfNumbers"
            and (case.stock.status, case.ours.status) == (500, 200)
            and case.ours.body["meta"]["metrics"][-1]["tags"] == {"n": "1", "method": case.ours.metrics[0][0]}
        ),
    ),
]


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


def is_invalid(case):
    return case.ours.status == "INVALID_ARGUMENT" and case.ours.body


OVER_GRPC = [
    Difference(
        "no payload at all: INVALID_ARGUMENT; in Seldon UNKNOWN without a text",
        BAD_INPUT,
        lambda case: case.request.WhichOneof("data_oneof") is None and is_invalid(case),
    ),
    Difference(
        "a tensor whose shape does not fit its values: INVALID_ARGUMENT; Seldon drops values, or reads bytes of the "
        "shape as numbers",
        "never a wrong number",
        lambda case: (
            has_odd_tensor(case.request) and (is_invalid(case) or min(case.request.data.tensor.shape, default=0) < 0)
        ),
    ),
    Difference(
        "NaN and infinity in data.ndarray or jsonData: INVALID_ARGUMENT; in Seldon UNKNOWN",
        BAD_INPUT,
        lambda case: has_odd_values(case.request) and case.stock.status == "UNKNOWN" and is_invalid(case),
    ),
    Difference(
        "ragged rows: INVALID_ARGUMENT with numpy's words; in Seldon UNKNOWN with the same",
        BAD_INPUT,
        lambda case: is_ragged(case.request) and is_invalid(case) and case.stock.body.endswith(case.ours.body),
    ),
    Difference(
        "a list in an answer that makes no array, ragged say, goes out as it is; in Seldon UNKNOWN",
        NO_ARRAY,
        lambda case: (
            "setting an array element with a sequence" in case.stock.body
            and (case.stock.status, case.ours.status) == ("UNKNOWN", "OK")
        ),
    ),
    Difference(
        "a SeldonMicroserviceException, the wrapper's own included, has its text; in Seldon none, and UNKNOWN even if "
        "its status is 4xx",
        READABLE,
        lambda case: (
            case.stock.body == "Exception calling application: "
            and case.ours.status in {"UNKNOWN", "INVALID_ARGUMENT"}
            and len(case.ours.body) > len("Exception calling application: ") * (case.ours.status == "UNKNOWN")
        ),
    ),
    Difference(
        "the array of a tensor may be written into, as over REST; in Seldon it is read-only",
        SANE,
        lambda case: case.stock.body.endswith("assignment destination is read-only") and case.ours.status == "OK",
    ),
    Difference(
        "a bytearray is answered as binData, as over REST; in Seldon UNKNOWN",
        SANE,
        lambda case: "bytearray found" in case.stock.body and case.ours.status == "OK",
    ),
    Difference(
        "a payload of no known kind is told as over REST; in Seldon with a word out of Python",
        READABLE,
        lambda case: (
            "can only concatenate str" in case.stock.body
            and case.ours.body.startswith("Exception calling application: Unknown data type returned as payload:")
        ),
    ),
    Difference(
        "an answer that is no message: UNKNOWN with what was expected; in Seldon UNKNOWN or INTERNAL",
        READABLE,
        lambda case: (
            "'dict' object has no attribute" in case.stock.body
            and case.ours.body.endswith("over gRPC a SeldonMessage is expected")
        ),
    ),
    Difference(
        "a counter of zero in a raw answer is one, and a metric without a key is logged; in Seldon UNKNOWN, since "
        "protobuf's JSON leaves both out",
        SANE,
        lambda case: hands_messages_on(case.kind) and (case.stock.status, case.ours.status) == ("UNKNOWN", "OK"),
    ),
    Difference(
        "a tag of a metric that is no text is made one; in Seldon UNKNOWN",
        SANE,
        lambda case: (
            case.kind.__name__ == "TagsOfNumbers" and (case.stock.status, case.ours.status) == ("UNKNOWN", "OK")
        ),
    ),
]
