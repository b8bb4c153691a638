"""Custom metrics, as a user's class tells them: {"key", "type", "value"} and, at will, "tags". Pure.

A metric that cannot be counted is the class's fault: HTTP 500, MICROSERVICE_BAD_METRIC, as Seldon's wrapper says it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
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
    """The metrics in the answer of a `_raw` method: COUNTER unless told otherwise, as protobuf leaves it out.

    One of an unknown type is logged and passed over, as Seldon's wrapper does. Errors: WrapperError.
    """
    if not isinstance(metrics, list) or not all(isinstance(metric, dict) for metric in metrics):
        raise _bad(metrics)
    completed = []
    for metric in metrics:
        kind = metric.get("type", "COUNTER")
        if kind in TYPES:
            completed.append({**metric, "type": kind})
        else:
            logger.error("the metric %s has the unknown type %s; it is not counted", metric.get("key"), kind)
    return checked(completed)


def labelled(metrics: Iterable[dict[str, Any]], method: str) -> list[dict[str, Any]]:
    """The metrics as Seldon's wrapper leaves them in an answer: where there are tags, with the method among them."""
    return [
        {**metric, "tags": {**_texts(metric["tags"]), "method": method}} if "tags" in metric else metric
        for metric in metrics
    ]


def _texts(tags: dict[Any, Any]) -> dict[str, str]:
    """Seldon's wrapper fails on a tag that is no text: over a metric, a request that was answered."""
    return {str(tag): str(text) for tag, text in tags.items()}


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
