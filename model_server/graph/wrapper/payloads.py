"""What the two forms of a message, JSON and protobuf, have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from model_server.graph.errors import WrapperError
from model_server.graph.wrapper.stock_types import Result

MAX_SHOWN_CHARACTERS: Final = 200
"""Of the input in an error's text: what was a megabyte there must not be one in an answer."""


@dataclass(frozen=True)
class Asked:
    """A request, as a user's method gets it. `meta` is None where the request has none.

    The method may change `meta`; Seldon makes the answer's from what is there afterwards.
    """

    features: Any
    names: Any
    meta: dict[str, Any] | None


class Own(Protocol):
    """What a component adds to its answers."""

    @property
    def path(self) -> Mapping[str, str]: ...

    def tags(self) -> Any: ...

    def class_names(self, array: Any) -> Any: ...


@dataclass(frozen=True)
class Told:
    """What goes into an answer: a method's result, the meta that is carried on, and all further metrics."""

    result: Result
    meta: Mapping[str, Any] | None
    metrics: Sequence[Any]


class Form(Protocol):
    """What a form of messages can do; the modules `json_payloads` and `proto_payloads` each are one."""

    def extract(self, request: Any) -> Asked:
        """Errors: WrapperError with 400, where the request is not what Seldon's wrapper takes."""
        ...

    def messages_of(self, request: Any) -> Sequence[Any]:
        """The messages to be aggregated, at least one. Errors: WrapperError with 400."""
        ...

    def construct(self, request: Any, told: Told, own: Own) -> Any:
        """The answer to a request. Errors: WrapperError, and whatever the component's own methods raise."""
        ...

    def harvest(self, answer: Any, method: str, *, keeps_metrics: bool) -> tuple[Any, list[dict[str, Any]]]:
        """The answer of a `_raw` method, and the metrics in it."""
        ...


def meta_of(told: Told, puid: Any, own: Own) -> dict[str, Any]:
    """An answer's meta: tags and metrics carried on and added to, the own path before that of the request."""
    carried = told.meta or {}
    tags = dict(carried.get("tags") or {})
    for added in (own.tags(), told.result.tags):
        if added:
            tags.update(added)
    meta = {
        "tags": tags,
        "metrics": [*(carried.get("metrics") or ()), *told.metrics],
        "puid": puid,
        "requestPath": {**own.path, **(carried.get("requestPath") or {})},
    }
    return {key: value for key, value in meta.items() if value}


def merged(metas: Sequence[Mapping[str, Any] | None]) -> tuple[dict[str, Any], list[Any]]:
    """Of the messages to be aggregated: the meta that is carried on, and the metrics."""
    tags: dict[str, Any] = {}
    path: dict[str, str] = {}
    metrics: list[Any] = []
    for meta in metas:
        if meta:
            tags.update(meta.get("tags") or {})
            path.update(meta.get("requestPath") or {})
            metrics.extend(meta.get("metrics") or ())
    return {"tags": tags, "requestPath": path}, metrics


def components_fault(message: str) -> WrapperError:
    """What Seldon's wrapper tells with HTTP 400 although no caller can mend it; over gRPC it is no INVALID_ARGUMENT."""
    return WrapperError(message, code="UNKNOWN")


def shown(value: Any) -> str:
    try:
        text = str(value)
    except (RecursionError, ValueError):
        text = type(value).__name__
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}..."
