"""Custom metrics, as a user's class tells them: {"key", "type", "value"} and, at will, "tags". Pure.

A metric of `metrics()` or a SeldonResponse that cannot be counted is the class's fault: HTTP 500,
MICROSERVICE_BAD_METRIC, as Seldon's wrapper says it.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from model_server.graph.errors import WrapperError

logger = logging.getLogger(__name__)

BAD_METRIC: Final = "MICROSERVICE_BAD_METRIC"
TYPES: Final = frozenset({"COUNTER", "GAUGE", "TIMER"})


def checked(metrics: Any) -> list[dict[str, Any]]:
    """The metrics of `metrics()` or of a SeldonResponse, as they are. Errors: WrapperError."""
    if not isinstance(metrics, list) or not all(map(_is_metric, metrics)):
        raise _bad(metrics)
    return metrics


def complete(metrics: Any) -> list[dict[str, Any]]:
    """Those metrics in the answer of a `_raw` method that can be counted; COUNTER unless told otherwise.

    The others are logged and passed over, as Seldon's wrapper does where the type is unknown: some classes hand back
    the metrics that came with the request.
    """
    completed = []
    for metric in metrics if isinstance(metrics, list) else [metrics]:
        if type(metric) is dict and _is_plain(metric):
            completed.append(metric)
            continue
        candidate = {"type": "COUNTER", **metric} if isinstance(metric, dict) else metric
        if _is_metric(candidate):
            completed.append(candidate)
        else:
            logger.error("a metric with key, type and value was expected; %.200r is not counted", metric)
    return completed


def labelled(metrics: Any, method: str) -> Any:
    """The metrics as Seldon's wrapper leaves them in an answer: where there are tags, with the method among them."""
    if not isinstance(metrics, list):
        return metrics
    return [
        {**metric, "tags": {**_texts(metric["tags"]), "method": method}}
        if isinstance(metric, dict) and isinstance(metric.get("tags"), dict)
        else metric
        for metric in metrics
    ]


def _texts(tags: dict[Any, Any]) -> dict[str, str]:
    """Seldon's wrapper fails on a tag that is no text: over a metric, a request that was answered."""
    return {str(tag): str(text) for tag, text in tags.items()}


def _is_plain(metric: dict[str, Any]) -> bool:
    """As most are; whether others are metrics, too, takes a closer look."""
    return (
        metric.get("type") in TYPES
        and type(metric.get("key")) is str
        and type(metric.get("value")) in {int, float}
        and type(metric.get("tags")) is dict
    )


def _is_metric(metric: Any) -> bool:
    if not isinstance(metric, dict) or metric.get("type") not in TYPES or not isinstance(metric.get("key"), str):
        return False
    if not isinstance(metric.get("tags", {}), dict):
        return False
    try:
        metric["value"] + 1
    except (KeyError, TypeError):
        return False
    return True


def _bad(metrics: Any) -> WrapperError:
    told = json.dumps(metrics, default=str, skipkeys=True)
    return WrapperError(f"Bad metric created during request: {told}", http_status=500, reason=BAD_METRIC)
