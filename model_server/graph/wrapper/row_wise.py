"""Many requests answered by one call of a component that declares itself row-wise; to each caller what it would have
got alone.

A user's class declares it in one of two ways:

`row_wise = True`, a class attribute: the answer of its plain `predict` (or `transform_input`, `transform_output`) to a
row depends on that row and the names alone, not on the rows beside it nor on `meta`. Arrays of two dimensions or more,
of like names, types and row shapes, are joined; the method is called once, without meta; what comes back is cut up.
`tags()`, `metrics()` and `class_names()` are asked for every answer, as ever. A method that insists on `meta` is not
joined.

`predict_many(messages)` (or `transform_input_many`, `transform_output_many`), beside the `_raw` method: it gets the
messages as they came, trees and protobuf mixed, and returns a list of as many answers, or exceptions in their stead:
what the `_raw` method would have returned or raised; trees that hold JSON, and that it does not change any more. Both
leave the messages unchanged, which others look at too.

`never_waits = True`, a class attribute beside either: these methods compute, and do nothing else. They wait for no
network, file or lock, take a few milliseconds for a hundred rows, and may be entered from several threads. So small
batches are answered in the event loop's own thread, where a class that hung would hang its whole worker.

Whatever goes wrong with the joint call (it raises; it returns something else than as many rows, or answers) each
request is then answered alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model_server.graph.errors import GraphError
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import json_payloads, proto_payloads
from model_server.graph.wrapper.calls import Wrapped
from model_server.graph.wrapper.failures import require_success
from model_server.graph.wrapper.payloads import Asked, Form
from model_server.graph.wrapper.rows import rows_of
from model_server.graph.wrapper.stock_types import Result, is_inherited, is_not_implemented
from model_server.graph.wrapper.user_object import TakesMeta

__all__ = ["answer_many", "has_many", "is_row_wise", "rows_of"]

logger = logging.getLogger(__name__)

JOINED_VERBS: Final = frozenset({Verb.PREDICT, Verb.TRANSFORM_INPUT, Verb.TRANSFORM_OUTPUT})


def is_row_wise(wrapped: Wrapped, verb: Verb) -> bool:
    """Whether its requests may be answered together at all."""
    return verb in JOINED_VERBS and (has_many(wrapped, verb) or _joins_arrays(wrapped, verb))


def answer_many(wrapped: Wrapped, verb: Verb, messages: Sequence[Any]) -> list[Any | GraphError]:
    """Of each message, a tree (REST) or protobuf (gRPC): its answer, or the error in its stead.

    For verbs that are row-wise; the messages stay as they are.
    """
    if len(messages) > 1 and is_row_wise(wrapped, verb):
        if has_many(wrapped, verb):
            return _by_many_method(wrapped, verb, messages)
        return _by_joined_arrays(wrapped, verb, messages)
    return [_alone(wrapped, verb, message) for message in messages]


def has_many(wrapped: Wrapped, verb: Verb) -> bool:
    return wrapped.user.has(f"{verb.method}_many")


def _joins_arrays(wrapped: Wrapped, verb: Verb) -> bool:
    instance, user = wrapped.user.instance, wrapped.user
    if getattr(instance, "row_wise", False) is not True or not user.has(verb.method):
        return False
    sees_messages = any(
        user.has(name) and not is_inherited(instance, name)
        for name in (f"{verb.method}_{suffix}" for suffix in ("raw", "rest", "grpc"))
    )
    return not sees_messages and user.takes_meta(verb.method) is not TakesMeta.MUST


def _alone(wrapped: Wrapped, verb: Verb, message: Any) -> Any | GraphError:
    if not has_many(wrapped, verb):
        message = _own(message)
    try:
        if _is_proto(message):
            return wrapped.answer_proto(verb, message)
        return wrapped.answer_tree(verb, message)
    except GraphError as error:
        return error


def _by_many_method(wrapped: Wrapped, verb: Verb, messages: Sequence[Any]) -> list[Any | GraphError]:
    try:
        answers = getattr(wrapped.user.instance, f"{verb.method}_many")(list(messages))
    except Exception:
        logger.exception("%s_many failed; every request is answered alone", verb.method)
        answers = None
    if not isinstance(answers, list) or len(answers) != len(messages):
        if answers is not None:
            logger.error("%s_many did not return a list of %d answers", verb.method, len(messages))
        return [_alone(wrapped, verb, message) for message in messages]
    metrics: list[dict[str, Any]] = []  # told together, once
    finished = [
        _finished(wrapped, verb, message, answer, metrics) for message, answer in zip(messages, answers, strict=True)
    ]
    wrapped.tell(metrics, verb.metric_label)
    return finished


def _finished(
    wrapped: Wrapped, verb: Verb, message: Any, answer: Any, metrics: list[dict[str, Any]]
) -> Any | GraphError:
    """What the caller gets of what a many-method returned for it; the metrics in that are added to `metrics`."""
    if isinstance(answer, Exception):
        if is_not_implemented(answer):
            return _alone(wrapped, verb, message)
        return wrapped.failures.told(answer, _path(verb, message))
    try:
        form = _form(message)
        answer, found = wrapped.harvested(verb.metric_label, answer, form)
        if found:
            metrics.extend(found)
        if verb is Verb.PREDICT and form is json_payloads:
            require_success(answer)
    except Exception as error:  # noqa: BLE001  (its own caller's, and nobody else's)
        return wrapped.failures.told(error, _path(verb, message))
    else:
        return answer


def _by_joined_arrays(wrapped: Wrapped, verb: Verb, messages: Sequence[Any]) -> list[Any | GraphError]:
    answers: list[Any | GraphError] = [None] * len(messages)
    groups: dict[Any, list[int]] = {}
    asked: dict[int, Asked] = {}
    for i, message in enumerate(messages):
        try:
            asked[i] = _form(message).extract(message)
        except Exception as error:  # noqa: BLE001  (as above)
            answers[i] = wrapped.failures.told(error, _path(verb, message))
        else:
            groups.setdefault(_likeness(asked[i]) or i, []).append(i)
    for members in groups.values():
        parts = _joined([asked[i] for i in members], wrapped, verb) if len(members) > 1 else None
        for place, i in enumerate(members):
            if parts is None:
                answers[i] = _alone(wrapped, verb, messages[i])
            else:
                answers[i] = _composed(wrapped, verb, messages[i], asked[i], parts[place])
    return answers


def _likeness(asked: Asked) -> tuple[Any, ...] | None:
    """Equal for those whose rows may stand in one array; None for what is answered alone.

    An array of one dimension is: it may be rows of one cell, or one row, and only its author knows. So is one without
    rows, which a method may refuse.
    """
    array = asked.features
    if not isinstance(array, np.ndarray) or array.ndim < 2 or len(array) == 0:
        return None
    names = None if asked.names is None else tuple(asked.names)
    if names is not None and not all(isinstance(name, str) for name in names):
        return None
    return names, array.dtype.str, array.shape[1:]


def _joined(asked: list[Asked], wrapped: Wrapped, verb: Verb) -> list[Any] | None:
    """Each request's part of what the method makes of the rows of all; None where it does not work out."""
    sizes = [len(one.features) for one in asked]
    names = asked[0].names
    try:
        result = wrapped.user.ask_without_meta(
            verb, np.concatenate([one.features for one in asked]), None if names is None else list(names)
        )
    except Exception as error:  # noqa: BLE001  (whose fault it is, shows when each is asked alone)
        logger.info("%s of %d requests at once failed (%s); each is answered alone", verb.method, len(asked), error)
        return None
    is_rows = isinstance(result, list) or (isinstance(result, np.ndarray) and result.ndim > 0)
    if not is_rows or len(result) != sum(sizes):
        return None
    ends = np.cumsum(sizes).tolist()
    return [result[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _composed(wrapped: Wrapped, verb: Verb, message: Any, asked: Asked, part: Any) -> Any | GraphError:
    try:
        return wrapped.compose(verb.metric_label, message, Result(part, metrics=[]), _form(message), meta=asked.meta)
    except Exception as error:  # noqa: BLE001  (its own caller's, and nobody else's)
        return wrapped.failures.told(error, _path(verb, message))


def _own(message: Any) -> Any:
    """The message, with copies of what a plain method gets of it and might change; arrays are made for it anyway."""
    if _is_proto(message):
        own = type(message)()
        own.CopyFrom(message)
        return own
    if not isinstance(message, dict):
        return message
    copied = {key: _copied(value) if key in {"meta", "jsonData"} else value for key, value in message.items()}
    data = message.get("data")
    if isinstance(data, dict) and isinstance(data.get("names"), list):
        copied["data"] = {**data, "names": [*data["names"]]}
    return copied


def _copied(tree: Any) -> Any:
    """Of a JSON tree, however deep it is."""
    top = [tree]
    unfinished: list[Any] = [top]
    while unfinished:
        copied = unfinished.pop()
        for place, value in list(copied.items() if isinstance(copied, dict) else enumerate(copied)):
            if isinstance(value, dict | list):
                copied[place] = value.copy()
                unfinished.append(copied[place])
    return top[0]


def _is_proto(message: Any) -> bool:
    return type(message) is not dict and hasattr(message, "DESCRIPTOR")


def _form(message: Any) -> Form:
    return proto_payloads if _is_proto(message) else json_payloads


def _path(verb: Verb, message: Any) -> str | None:
    return None if _is_proto(message) else verb.path
