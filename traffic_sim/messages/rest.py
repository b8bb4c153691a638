"""Seldon's REST messages as bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from model_server.impressions import NAMES
from model_server.metric_names import USER_TAG

_DATA: Final = b'"data":{"names":' + json.dumps(NAMES, separators=(",", ":")).encode() + b',"ndarray":'


def prediction(rows: Sequence[Sequence[Any]], user: str | None = None) -> bytes:
    """The body that asks for a score of each row. Shapes: rows [n][16], columns in the order of NAMES.

    `user`: whom the request is about, told in its tags.
    """
    meta = b"" if user is None else b'"meta":%b,' % _compact({"tags": {USER_TAG: user}})
    return b"{%b%b%b}}" % (meta, _DATA, _compact(rows))


def feedback(request: bytes, response: bytes, reward: int, request_id: str = "") -> bytes:
    """The body that says what came of an answer.

    Both messages stand in it as they went and came, `meta.tags` and `meta.routing` included, so whoever reads the
    feedback sees who answered: byte for byte, but that `request_id` is put into the response's `meta.puid` if it has
    none. Seldon tells the id in a header, which a component that learns from feedback does not get to see.
    """
    return b'{"request":%b,"response":%b,"reward":%d}' % (request, identified(response.strip(), request_id), reward)


def identified(response: bytes, request_id: str) -> bytes:
    """The answer with this id in its `meta.puid`, unless it has one, or no id is known."""
    if not request_id:
        return response
    message = json.loads(response)
    meta = message.get("meta") or {}
    return response if meta.get("puid") else _compact({**message, "meta": {**meta, "puid": request_id}}, allow_nan=True)


def _compact(tree: Any, *, allow_nan: bool = False) -> bytes:
    return json.dumps(tree, separators=(",", ":"), allow_nan=allow_nan).encode()
