"""Bodies of REST requests and answers, as Seldon's wrapper reads and writes them. Pure.

A request's JSON may stand in the body, in the field `json` of a form or of the query, or in the parts of a multipart
form. Whatever bytes come, the outcome is a tree or a WrapperError with a 4xx status.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from model_server.graph.errors import WRAPPER_INTERNAL_ERROR, WrapperError
from model_server.graph.wrapper import multipart
from model_server.graph.wrapper.json_depth import is_deeper_than

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
URLENCODED: Final = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS: Final = 1_000
"""Werkzeug's limit for the parts of a form."""
NOT_FOUND: Final = "Can't find JSON in data"
MAX_DEPTH: Final = 100
"""Of nested lists and objects: protobuf's own limit for JSON. Deeper ones end the recursions of who looks at them."""
_msgspec: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder(order="sorted")
TOO_DEEP: Final = f"the JSON is nested too deep; {MAX_DEPTH} levels are accepted"


def decode(body: bytes, content_type: str, query: str = "") -> Any:
    """The tree of a request. Errors: WrapperError, 400 where there is no JSON, 415 where none is announced."""
    if content_type == JSON and not query:
        return _some_tree(body)
    if MULTIPART in content_type:
        return _multipart_tree(body, content_type)
    if text := _form_text(body, content_type, query):
        return _tree(text, "the field json holds no JSON")
    _require_json(content_type)
    return _some_tree(body)


def _some_tree(body: bytes) -> Any:
    tree = _tree(body, NOT_FOUND)
    if tree is None:
        raise WrapperError(NOT_FOUND)
    return tree


def undecoded(body: bytes, content_type: str, query: str = "") -> Any:
    """What a class gets under PAYLOAD_PASSTHROUGH: the body as it came, the text of a field, or a form's tree."""
    if MULTIPART in content_type:
        return _multipart_tree(body, content_type)
    return _form_text(body, content_type, query) or body


def encode(tree: Any) -> bytes:
    """JSON as Seldon's wrapper writes it: NaN, times, decimals, UUIDs and dataclasses included, objects by their keys.

    The order is seen: by the next component, in a jsonData of many columns. Flask sorts.

    Errors: WrapperError, where a component answered with something that is no JSON.
    """
    try:
        return json.dumps(tree, separators=(",", ":"), sort_keys=True, default=_as_flask_writes).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise WrapperError(str(error), http_status=500, reason=WRAPPER_INTERNAL_ERROR) from error


def encode_json(tree: Any) -> bytes:
    """As `encode`, ten times as fast, of a tree that holds nothing but what JSON has: of other Python objects msgspec
    makes what it likes. Letters beyond ASCII stand as they are.

    Errors: WrapperError.
    """
    try:
        encoded = _encoder.encode(tree)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return encode(tree)  # half a surrogate pair; keys that are no text; NumPy's numbers
    return encode(tree) if b"null" in encoded else encoded  # it writes NaN so, too


def _require_json(content_type: str) -> None:
    mimetype = _mimetype(content_type)
    if mimetype == JSON or (mimetype.startswith("application/") and mimetype.endswith("+json")):
        return
    if mimetype == URLENCODED:
        raise WrapperError("the form has no field json")
    raise WrapperError(
        f"the Content-Type is {content_type[:100] or 'missing'}; application/json is expected", http_status=415
    )


def _mimetype(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _form_text(body: bytes, content_type: str, query: str) -> str:
    """The field json of a form, else of the query; "" where neither is there."""
    form = body if _mimetype(content_type) == URLENCODED else b""
    for fields in (form, query.encode(errors="replace")):
        if b"json" not in fields:
            continue
        try:
            pairs = parse_qsl(fields.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        except ValueError as error:
            raise WrapperError(f"the form cannot be read: {error}") from error
        if text := next((value for name, value in pairs if name == "json"), ""):
            return text
    return ""


def _tree(source: str | bytes, otherwise: str) -> Any:
    try:
        tree = _read(source)
    except RecursionError as error:
        raise WrapperError(TOO_DEEP) from error
    except ValueError as error:  # no JSON, no UTF-8, or an integer of more digits than Python reads
        raise WrapperError(otherwise) from error
    if is_deeper_than(MAX_DEPTH, source):
        raise WrapperError(TOO_DEEP)
    return tree


def _read(source: str | bytes) -> Any:
    """As `json.loads`, which is asked for whatever msgspec, three times as fast, does not take: NaN, half a surrogate
    pair, UTF-16, a byte order mark. What msgspec takes, it reads as json does.
    """
    try:
        return _msgspec.decode(source)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(source)


def _multipart_tree(body: bytes, content_type: str) -> dict[str, Any]:
    """Fields hold JSON, but for strData, which holds text; files hold text, but for binData, which holds bytes."""
    tree: dict[str, Any] = {}
    fields, files = multipart.read(body, content_type)
    for name, content in fields.items():
        text = content.decode(errors="replace")
        tree[name] = text if name == "strData" else _tree(text, f"the part {name[:60]} holds no JSON")
    for name, content in files.items():
        if name == "binData":
            tree[name] = base64.b64encode(content).decode()
            continue
        try:
            tree[name] = content.decode()
        except UnicodeDecodeError as error:
            raise WrapperError(f"the file {name[:60]} is not text in UTF-8; send bytes as binData") from error
    return tree


def _as_flask_writes(value: Any) -> Any:
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        return format_datetime(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC), usegmt=True)
    if isinstance(value, Decimal | UUID):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "__html__"):
        return str(value.__html__())
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
