"""seldon_core's own classes, where a user's class has imported them. Nothing here imports seldon_core."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """What a user's method returned: the payload, and what goes with it."""

    data: Any
    tags: Any = None
    metrics: Any = ()


def result_of(returned: Any) -> Result:
    """A SeldonResponse taken apart; anything else is a payload alone."""
    response = _user_model("SeldonResponse")
    if response is not None and isinstance(returned, response):
        return Result(returned.data, returned.tags, returned.metrics)
    return Result(returned, metrics=[])


def is_not_implemented(error: BaseException) -> bool:
    """Whether a SeldonComponent says that it lacks the method."""
    return _is_instance(error, _user_model("SeldonNotImplementedError"))


def is_inherited(instance: object, method: str) -> bool:
    """Whether a method is SeldonComponent's own, which only says that there is none."""
    own = getattr(type(instance), method, None)
    return own is not None and own is getattr(_user_model("SeldonComponent"), method, None)


def microservice_exception() -> type[Exception] | None:
    """SeldonMicroserviceException: what a user's class raises to choose its status."""
    found: type[Exception] | None = getattr(
        sys.modules.get("seldon_core.flask_utils"), "SeldonMicroserviceException", None
    )
    return found


def is_microservice_exception(error: BaseException) -> bool:
    return _is_instance(error, microservice_exception())


def _user_model(name: str) -> Any:
    return getattr(sys.modules.get("seldon_core.user_model"), name, None)


def _is_instance(error: BaseException, kind: Any) -> bool:
    return kind is not None and isinstance(error, kind)
