"""What feedback teaches a router: which arm earned how much, in how many trials. Pure.

A reward lies between 0 and 1. Where `truth` holds numbers, there is one for each row of the request; else `reward` is
the one reward of the whole request, and 0 where it is not said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_server.metric_names import ARM_TAG
from model_server.routers.choices import is_tree
from model_server.routers.errors import InvalidFeedback
from model_server.seldon_messages import plain


@dataclass(frozen=True, slots=True)
class Lesson:
    arm: str | None
    """None where the feedback names none: nothing is learnt."""
    rewards: tuple[float, ...]
    """Of each trial, 0 to 1."""
    request_id: str
    """`meta.puid` of the response, or of the request; "" where neither has one."""


def lesson_of(feedback: Any, router: str, arms: Sequence[str]) -> Lesson:
    """`router`: the node's name, "" where nobody knows it. `arms`: in the order of the children.

    Errors: InvalidFeedback; InvalidMessage.
    """
    told = _of_tree(feedback) if is_tree(feedback) else _of_proto(feedback)
    return Lesson(_arm(told, router, arms), _rewards(told), told.request_id)


@dataclass(frozen=True, slots=True)
class _Told:
    """The parts of a Feedback message that count here, whatever its form."""

    reward: Any
    routing: Mapping[str, Any]
    arm: Any
    request_id: str
    truth: Any
    """Numbers, [n] or [n][1]; None where there are none."""
    n_rows: int | None
    """Of the response, else of the request."""


def _arm(told: _Told, router: str, arms: Sequence[str]) -> str | None:
    tagged = told.arm if told.arm in arms else None  # else it is another router's
    branch = told.routing.get(router) if router else None
    if branch is None:
        return tagged
    if isinstance(branch, bool) or not isinstance(branch, int | float) or branch not in range(len(arms)):
        raise InvalidFeedback(
            f"response.meta.routing says {str(branch)[:20]} for {router}, whose arms are 0 to {len(arms) - 1}: "
            f"{', '.join(arms)}; send back the response as it came"
        )
    routed = arms[int(branch)]
    if tagged is not None and tagged != routed:
        raise InvalidFeedback(
            f"response.meta.routing says that {router} chose {routed}, response.meta.tags.{ARM_TAG} that it was "
            f"{tagged}; send back the response as it came"
        )
    return routed


def _rewards(told: _Told) -> tuple[float, ...]:
    if told.truth is None:
        return (_reward(told.reward, "the reward"),)
    rows = [cell[0] if isinstance(cell, list) and len(cell) == 1 else cell for cell in told.truth]
    if told.n_rows is not None and len(rows) != told.n_rows:
        raise InvalidFeedback(f"truth holds {len(rows)} rewards for {told.n_rows} rows; one for each row is expected")
    return tuple(_reward(value, f"truth, row {i},") for i, value in enumerate(rows))


def _reward(value: Any, what: str) -> float:
    # A bool is a number to Python, and NaN fails both comparisons.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
        raise InvalidFeedback(f"{what} is {str(value)[:60]!r}; a number from 0 to 1 is expected")
    return float(value)


def _of_tree(feedback: Mapping[str, Any]) -> _Told:
    response, request, truth = (_mapping(feedback, part) for part in ("response", "request", "truth"))
    meta = _mapping(response, "meta")
    rows = [_rows_of_tree(message) for message in (response, request, truth)]
    ids = [_mapping(message, "meta").get("puid") for message in (response, request)]
    return _Told(
        feedback.get("reward", 0.0),
        _mapping(meta, "routing"),
        _mapping(meta, "tags").get(ARM_TAG),
        next((text for text in ids if isinstance(text, str) and text), ""),
        rows[2] or None,
        next((len(found) for found in rows[:2] if found is not None), None),
    )


def _mapping(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = owner.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise InvalidFeedback(f"{key} is {str(value)[:60]!r}; an object is expected")
    return value or {}


def _rows_of_tree(message: Mapping[str, Any]) -> list[Any] | None:
    data = message.get("data")
    data = data if isinstance(data, Mapping) else {}
    if isinstance(data.get("ndarray"), list):
        return list(data["ndarray"])
    tensor = data.get("tensor")
    if not isinstance(tensor, Mapping):
        return None
    shape, values = tensor.get("shape"), tensor.get("values")
    return _rows_of_tensor(shape if isinstance(shape, list) else [], values if isinstance(values, list) else [])


def _of_proto(feedback: Any) -> _Told:
    response, request, truth = feedback.response, feedback.request, feedback.truth
    tags = response.meta.tags
    rows = [_rows_of_proto(message) for message in (response, request)]
    return _Told(
        feedback.reward,
        response.meta.routing,
        plain(tags[ARM_TAG]) if ARM_TAG in tags else None,
        response.meta.puid or request.meta.puid,
        _rows_of_proto(truth) or None,
        next((len(found) for found in rows if found is not None), None),
    )


def _rows_of_proto(message: Any) -> Sequence[Any] | None:
    kind = message.data.WhichOneof("data_oneof") if message.WhichOneof("data_oneof") == "data" else None
    if kind == "ndarray":
        return [plain(value) for value in message.data.ndarray.values]
    if kind == "tensor":
        return _rows_of_tensor(list(message.data.tensor.shape), list(message.data.tensor.values))
    return None


def _rows_of_tensor(shape: list[Any], values: list[Any]) -> list[Any]:
    """The numbers of a column; of more columns a list for each row, which is no reward."""
    n_rows = shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else len(values)
    width = len(values) // n_rows if n_rows and len(values) % n_rows == 0 else 1
    if width == 1:
        return values
    return [values[start : start + width] for start in range(0, len(values), width)]
