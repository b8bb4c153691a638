"""Where our wrapper answers otherwise than Seldon's, on purpose: the one list of it, with the reasons.

Whatever differs and stands not here is a mistake. `docs/compatibility.md` tells users.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clients_faults import (
    has_null_meta,
    has_odd_meta,
    has_odd_metrics,
    has_odd_payload,
    has_odd_tensor,
    has_odd_values,
    is_ragged,
)
from stock_oracle import Outcome

BAD_INPUT = "never a 500 that is the caller's to mend: 400 with a Seldon status object, over gRPC INVALID_ARGUMENT"
READABLE = "an error has a text that helps whoever gets it"
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


def is_refused(case, *, statuses=(400,)):
    return case.ours.status in statuses and case.ours.body["status"]["reason"] == "MICROSERVICE_BAD_DATA"


def has_same_text(case):
    """Where Seldon tells numpy's own words, so do we."""
    return case.stock.info == case.ours.info


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
        lambda case: has_null_meta(case.request) and case.stock.status == 500 and case.ours.status == 200,
    ),
    Difference(
        "a raw answer whose meta, or the metrics in it, are of the wrong form: passed on, or 500 MICROSERVICE_BAD_METRIC; "
        "in Seldon 500",
        BAD_INPUT + ": it may be the caller's, handed back",
        lambda case: (
            case.kind.__name__ == "Raw"
            and (has_odd_meta(case.request) or has_odd_metrics(case.request))
            and case.stock.status == 500
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
        "a metric whose tags are no texts, or in a raw answer one without a key: 500 MICROSERVICE_BAD_METRIC with the "
        "metric; in Seldon 500 with a word out of Python",
        READABLE,
        lambda case: (
            case.stock.status == case.ours.status == 500
            and case.kind.__name__ in {"TagsOfNumbers", "RawWithABadMetric"}
            and case.ours.body["status"]["reason"] == "MICROSERVICE_BAD_METRIC"
        ),
    ),
]


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
            has_odd_tensor(case.request) and (is_invalid(case) or min(case.request.data.tensor.shape, default=0) == -1)
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
        lambda case: case.stock.body.endswith("output array is read-only") and case.ours.status == "OK",
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
        "a counter of zero in a raw answer is a counter of zero; in Seldon UNKNOWN, since protobuf's JSON leaves it out",
        SANE,
        lambda case: case.kind.__name__ == "RawWithAZeroMetric" and case.ours.status == "OK",
    ),
    Difference(
        "a metric whose tags are no texts, or in a raw answer one without a key, is told; in Seldon a word out of Python",
        READABLE,
        lambda case: case.kind.__name__ in {"TagsOfNumbers", "Raw"} and "Bad metric created" in case.ours.body,
    ),
]
