"""The request contract in the form of Seldon's own testers, `contract.json`. Pure.

`seldon-core-microservice-tester` and `seldon-core-api-tester` draw each feature by itself, so the ranges here are such
that any draw is a plausible impression: no more views than starts, no last start after the impression.
Source of the form: Seldon Core, "Testing your model endpoints".
"""

from __future__ import annotations

from typing import Any, Final

from model_server.impressions import COLUMNS, Column, Kind

_COUNT_RANGES: Final = {
    "startCount": (200, 400),
    "startCount7d": (40, 80),
    "startCount1d": (10, 30),
    "viewCount": (50, 150),
    "clickCount": (5, 30),
    "installCount": (0, 5),
}
_TIMES: Final = {
    "timestamp": ["2019-01-21T09:00:14Z", "2019-01-22T17:30:00Z", "2019-01-26T23:59:59Z"],
    "lastStart": ["2019-01-20T10:15:00Z", "2019-01-21T08:59:34Z"],
}
_CATEGORIES: Final = {
    "campaignId": ["1001", "1002"],
    "platform": ["android", "ios"],
    "softwareVersion": ["8.1.0", "11.4.1"],
    "sourceGameId": ["2001", "2002"],
    "country": ["DE", "FI", "US"],
    "connectionType": ["cellular", "wifi"],
    "deviceType": ["SM-G950F", "iPhone8,1"],
}


def contract() -> dict[str, Any]:
    """Features in the order of the columns, and the one target."""
    return {
        "features": [_feature(column) for column in COLUMNS],
        "targets": [{"name": "prob_install", "dtype": "FLOAT", "ftype": "continuous", "range": [0, 1]}],
    }


def _feature(column: Column) -> dict[str, Any]:
    match column.kind:
        case Kind.IDENTIFIER:
            return _whole_number(column, (0, 10_000_000))
        case Kind.COUNT:
            return _whole_number(column, _COUNT_RANGES[column.name])
        case Kind.TIME:
            return _choice(column, _TIMES[column.name])
        case Kind.CATEGORY:
            return _choice(column, _CATEGORIES[column.name])


def _whole_number(column: Column, bounds: tuple[int, int]) -> dict[str, Any]:
    return {"name": column.name, "dtype": "INT", "ftype": "continuous", "range": list(bounds)}


def _choice(column: Column, values: list[str]) -> dict[str, Any]:
    return {"name": column.name, "dtype": "STRING", "ftype": "categorical", "values": values}
