"""An answer, and whether it is one: a probability for each row, and who gave it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from model_server.metric_names import ARM_TAG, PREDICTOR_TAG
from traffic_sim.results import UNKNOWN_PREDICTOR

MAX_REASON_LENGTH: Final = 120


class Malformed(ValueError):
    """Not a probability for each row; the text says what it is instead. Never leaves the transports."""


class Scores(NamedTuple):
    """What a good answer says: one probability per row of the request, in its order."""

    values: tuple[float, ...]
    predictor: str = UNKNOWN_PREDICTOR
    """Who answered: the arm that a router in the graph chose, where it says so, else the predictor."""


def scores_of(values: Sequence[Any], n_rows: int, predictor: str) -> Scores:
    """Checked scores of [n] or [n][1] values. Errors: Malformed."""
    if len(values) != n_rows:
        raise Malformed(f"{len(values)} values for {n_rows} rows")
    if values and isinstance(values[0], list):
        if any(not isinstance(value, list) or len(value) != 1 for value in values):
            raise Malformed("more than one value a row")
        values = [value[0] for value in values]
    for value in values:
        # A bool is an int to Python, and no probability; NaN fails both comparisons.
        if type(value) not in {float, int} or not 0.0 <= value <= 1.0:
            raise Malformed(f"{_shown(value)} is no probability")
    return Scores(tuple(map(float, values)), predictor)


class _Tags(msgspec.Struct, frozen=True):
    arm: str = msgspec.field(default="", name=ARM_TAG)
    predictor: str = msgspec.field(default="", name=PREDICTOR_TAG)


class _Meta(msgspec.Struct, frozen=True):
    tags: _Tags = _Tags()


class _Data(msgspec.Struct, frozen=True):
    ndarray: list[float]


class _Usual(msgspec.Struct, frozen=True):
    """An answer as nearly all are; read in a fifth of the time that any answer takes."""

    data: _Data
    meta: _Meta = _Meta()


_read_usual: Final = msgspec.json.Decoder(_Usual).decode


def from_json(body: bytes, n_rows: int) -> Scores:
    """The scores in a REST answer. Errors: Malformed."""
    try:
        usual = _read_usual(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _from_any_json(body, n_rows)
    values = usual.data.ndarray
    if not values or len(values) != n_rows or not (min(values) >= 0.0 and max(values) <= 1.0):
        return _from_any_json(body, n_rows)  # which says what is wrong
    tags = usual.meta.tags
    return Scores(tuple(values), tags.arm or tags.predictor or UNKNOWN_PREDICTOR)


def _from_any_json(body: bytes, n_rows: int) -> Scores:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise Malformed("not JSON") from error
    return from_message(message, n_rows)


def from_message(message: Any, n_rows: int) -> Scores:
    """The scores in a SeldonMessage in its JSON form. Errors: Malformed."""
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, dict):
        raise Malformed("no data")
    values = data.get("ndarray")
    if values is None and isinstance(data.get("tensor"), dict):
        values = data["tensor"].get("values")
        if data["tensor"].get("shape") not in ([n_rows], [n_rows, 1]):
            raise Malformed(f"tensor of shape {_shown(data['tensor'].get('shape'))} for {n_rows} rows")
    if not isinstance(values, list):
        raise Malformed("neither data.ndarray nor data.tensor")
    return scores_of(values, n_rows, _predictor(message))


def reason_of(body: bytes) -> str:
    """Why a target refused, in a few words: Seldon's `status.info`, else the text itself."""
    text = body[:10_000].decode(errors="replace")
    try:
        status = json.loads(text)["status"]
        text = str(status.get("info") or status.get("reason"))
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    return shortened(text)


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_REASON_LENGTH else f"{line[: MAX_REASON_LENGTH - 3]}..."


def _predictor(message: dict[str, Any]) -> str:
    meta = message.get("meta")
    tags = meta.get("tags") if isinstance(meta, dict) else None
    return who_answered(tags if isinstance(tags, dict) else {})


def who_answered(tags: Mapping[str, Any]) -> str:
    told = (tags.get(tag) for tag in (ARM_TAG, PREDICTOR_TAG))
    return next((name for name in told if isinstance(name, str) and name), UNKNOWN_PREDICTOR)


def _shown(value: Any) -> str:
    text = "NaN" if isinstance(value, float) and math.isnan(value) else json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."
