"""The head of a request: which lists of fields are one. Pure. Source: RFC 9113, section 8."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from model_server.graph.doors.http2.errors import Code, StreamBroken
from model_server.graph.doors.http2.fields import Fields

_PSEUDO: Final = {b":method", b":scheme", b":path", b":authority"}
_REQUIRED: Final = _PSEUDO - {b":authority"}
_OF_HTTP_1: Final = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_NOT_IN_VALUES: Final = re.compile(rb"[\x00\r\n]")


@dataclass(frozen=True)
class RequestHead:
    method: bytes
    path: bytes
    fields: Fields
    """Without the pseudo-fields. Names are lower-case."""
    n_bytes: int
    """As HTTP/2 counts them for its limit: 32 beyond name and value for each."""


def request_head(fields: Fields) -> RequestHead:
    """Errors: StreamBroken where it is malformed."""
    pseudo: dict[bytes, bytes] = {}
    regular: Fields = []
    n_bytes = 0
    for name, value in fields:
        n_bytes += len(name) + len(value) + 32
        if name[:1] == b":":
            if name not in _PSEUDO or name in pseudo or regular:
                raise _malformed(f"{name!r} does not belong where it stands")
            pseudo[name] = value
        elif not _NAME.fullmatch(name) or name in _OF_HTTP_1 or (name == b"te" and value != b"trailers"):
            raise _malformed(f"no field may be {name!r} with {value!r}")
        elif _NOT_IN_VALUES.search(value):
            raise _malformed(f"the value of {name!r} holds a control character")
        else:
            regular.append((name, value))
    if not pseudo.keys() >= _REQUIRED or not pseudo[b":path"]:
        raise _malformed("a request has :method, :scheme and :path")
    return RequestHead(pseudo[b":method"], pseudo[b":path"], regular, n_bytes)


def _malformed(what: str) -> StreamBroken:
    return StreamBroken(Code.PROTOCOL_ERROR, what)
