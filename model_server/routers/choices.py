"""A router's choice in Seldon's messages: written into the tags of a request, read back, told as a branch. Pure.

Seldon's executor throws away all of a router's answer but the number of the branch. So a router with the method
TRANSFORM_INPUT chooses there, and tags the request that goes on; asked for the route, it reads its own tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_server.metric_names import ARM_TAG, PROPENSITY_TAG
from model_server.seldon_messages import InvalidMessage, Meta, Metric, encode_meta, meta_to_dict, meta_to_proto, plain


@dataclass(frozen=True, slots=True)
class Choice:
    arm: str
    propensity: float
    """The probability that this arm would be chosen, before it was."""
    metrics: tuple[Metric, ...] = ()


def is_tree(message: Any) -> bool:
    """Whether it is a message in its JSON form, and not a protobuf. Errors: InvalidMessage, where it is neither."""
    if isinstance(message, Mapping):
        return True
    if not hasattr(message, "WhichOneof"):
        raise InvalidMessage(f"the body is {str(message)[:60]!r}; an object, a SeldonMessage, is expected")
    return False


def tag_of(message: Any, tag: str) -> Any:
    """The entry of `meta.tags`; None where there is none. Errors: InvalidMessage."""
    if is_tree(message):
        return _mapping(_mapping(message, "meta"), "tags", "meta.").get(tag)
    tags = message.meta.tags
    return plain(tags[tag]) if tag in tags else None


def tagged(message: Any, choice: Choice, request_path: Mapping[str, str]) -> Any:
    """The request with the choice in its tags, whatever was there before; the message itself stays as it is.

    The metrics of nodes before this one are left out, or Seldon's wrapper would count them again.
    Errors: InvalidMessage.
    """
    own = Meta(
        tags={ARM_TAG: choice.arm, PROPENSITY_TAG: choice.propensity},
        request_path=dict(request_path),
        metrics=choice.metrics,
    )
    if is_tree(message):
        meta = _mapping(message, "meta")
        written = meta_to_dict(own)
        kept = {key: value for key, value in meta.items() if key != "metrics"}
        for key in ("tags", "requestPath"):
            written[key] = {**_mapping(meta, key, "meta."), **written.get(key, {})}
        return {**message, "meta": {**kept, **written}}
    answer = type(message)()
    answer.CopyFrom(message)
    del answer.meta.metrics[:]
    meta_to_proto(own, answer.meta)
    return answer


def branch(like: Any, index: int, metrics: Sequence[Metric] = ()) -> Any:
    """The answer to a route call: [[index]]. Errors: InvalidMessage."""
    has_json_form = is_tree(like)
    answer = encode_meta(like, Meta(metrics=tuple(metrics)))
    if has_json_form:
        return {**answer, "data": {"names": [], "ndarray": [[index]]}}
    answer.data.ndarray.values.add().list_value.values.add().number_value = index
    return answer


def _mapping(owner: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
    """Null is the same as nothing. Errors: InvalidMessage."""
    value = owner.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidMessage(f"{prefix}{key} is {str(value)[:60]!r}; an object is expected")
    return value
