"""Seldon's REST messages as bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from model_server.impressions import NAMES

_PREFIX: Final = b'{"data":{"names":' + json.dumps(NAMES, separators=(",", ":")).encode() + b',"ndarray":'


def prediction(rows: Sequence[Sequence[Any]]) -> bytes:
    """The body that asks for a score of each row. Shapes: rows [n][16], columns in the order of NAMES."""
    return _PREFIX + json.dumps(rows, separators=(",", ":"), allow_nan=False).encode() + b"}}"


def feedback(request: bytes, response: bytes, reward: int) -> bytes:
    """The body that says what came of an answer.

    Both messages stand in it byte for byte as they went and came, `meta.tags` included: nothing is parsed again, and
    whoever reads the feedback sees who answered.
    """
    return b'{"request":%b,"response":%b,"reward":%d}' % (request, response.strip(), reward)
