"""A SeldonMessage handed on with more in its meta: tags, an entry in the request path, metrics. Pure.

The payload is the very same. Metrics that came with the message are left out: whoever harvests metrics from an answer
would count those a second time. A meta that is no object means nothing to anybody and becomes one, since Seldon's
wrapper fails on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model_server.seldon_messages import Metric


@dataclass(slots=True)
class Added:
    """What joins a message; the own entry wins over one of the same name."""

    tags: Mapping[str, Sequence[float]] = field(default_factory=dict)
    request_path: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[Metric] = ()


def passed_on(message: Any, added: Added) -> Any:
    """A new message of the same form; what is no SeldonMessage at all is handed back as it is."""
    if type(message) is dict or isinstance(message, Mapping):
        return _passed_on_dict(message, added)
    if hasattr(message, "DESCRIPTOR") and hasattr(message, "meta"):
        return _passed_on_proto(message, added)
    return message


def _passed_on_dict(message: Mapping[str, Any], added: Added) -> dict[str, Any]:
    given = message.get("meta")
    meta: dict[str, Any] = {**given} if given and isinstance(given, Mapping) else {}
    meta.pop("metrics", None)
    for key, own in (("tags", added.tags), ("requestPath", added.request_path)):
        if own:
            carried = meta.get(key)
            meta[key] = {**carried, **own} if carried and isinstance(carried, Mapping) else {**own}
    if added.metrics:
        meta["metrics"] = [
            {"type": "COUNTER", "key": metric.key, "value": metric.value, "tags": {**metric.tags}}
            for metric in added.metrics
        ]
    passed = {**message}
    if meta or isinstance(given, Mapping):
        passed["meta"] = meta
    else:
        passed.pop("meta", None)
    return passed


def _passed_on_proto(message: Any, added: Added) -> Any:
    passed = type(message)()
    passed.CopyFrom(message)
    meta = passed.meta
    del meta.metrics[:]
    for name, numbers in added.tags.items():
        tag = meta.tags[name]
        tag.Clear()
        tag.list_value.SetInParent()
        for number in numbers:
            tag.list_value.values.add().number_value = number
    meta.requestPath.update(added.request_path)
    for metric in added.metrics:
        meta.metrics.add(key=metric.key, value=metric.value, tags=metric.tags)  # type 0 is COUNTER
    return passed
