"""What of a client's headers or metadata goes on to a component, and what does not. Pure.

All of it goes on, as from the executor, save what belongs to one connection, what describes a body that may not be this
one, and what would break the call. A mapping that holds a name several times (a multidict) is sent as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from model_server.graph.messages import Context, RestMessage

PUID: Final = "seldon-puid"
_OF_ONE_CONNECTION: Final = {
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""RFC 9110, section 7.6.1; `expect` would have the client wait for a 100 that a component need not send."""
_OF_THE_BODY: Final = {"content-length", "content-type", "content-encoding"}
_OURS: Final = {PUID, "accept-encoding"}
_NOT_FORWARDED: Final = _OF_ONE_CONNECTION | _OF_THE_BODY | _OURS
_REST_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REST_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")

_RESERVED_METADATA: Final = {"content-type", "host", "te", "user-agent", PUID}
_METADATA_NAME: Final = re.compile(r"[0-9a-z_.-]+")
_METADATA_VALUE: Final = re.compile(r"[\x20-\x7e]*")


def rest_headers(context: Context, message: RestMessage | None) -> list[tuple[str, str]]:
    """For a call over HTTP; without a message, a GET.

    Answers are asked for uncompressed, whatever the client takes: the next node, or a combiner, has to read them.
    """
    named_by_connection = {
        name.strip().lower()
        for key, value in context.headers.items()
        if key == "connection"
        for name in value.split(",")
    }
    left_out = _NOT_FORWARDED | named_by_connection
    headers = list(_sendable((key, value) for key, value in context.headers.items() if key not in left_out))
    headers.extend(_sendable([(PUID, context.puid)]))
    headers.append(("accept-encoding", "identity"))
    if message is not None and message.content_type:
        headers.append(("content-type", message.content_type))
    if message is not None and message.content_encoding:
        headers.append(("content-encoding", message.content_encoding))
    return headers


def grpc_metadata(context: Context) -> list[tuple[str, str | bytes]]:
    """For a call over gRPC. Binary entries (`-bin`) go on if they are bytes; gRPC's own stay behind."""
    metadata: list[tuple[str, str | bytes]] = [
        (key, value)
        for key, value in context.headers.items()
        if key not in _RESERVED_METADATA and not key.startswith("grpc-") and _is_metadata(key, value)
    ]
    if _is_metadata(PUID, context.puid):
        metadata.append((PUID, context.puid))
    return metadata


def _sendable(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Names and values that HTTP can carry. Errors: none; what it cannot carry is left out."""
    for name, value in headers:
        if _REST_NAME.fullmatch(name) and _REST_VALUE.fullmatch(value):
            try:
                # Doors read header bytes as Latin-1, aiohttp writes UTF-8: so the same bytes go out.
                yield name, value if value.isascii() else value.encode("latin-1").decode()
            except UnicodeError:
                continue


def _is_metadata(key: str, value: object) -> bool:
    if not _METADATA_NAME.fullmatch(key):
        return False
    if key.endswith("-bin"):
        return isinstance(value, bytes)
    return isinstance(value, str) and _METADATA_VALUE.fullmatch(value) is not None
