"""What the peer tells of itself in SETTINGS frames. Source: RFC 9113, section 6.5."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from model_server.graph.doors.http2.errors import Broken, Code

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)
MAX_WINDOW: Final = 2**31 - 1
_ENTRY: Final = struct.Struct(">HI")


def written(settings: dict[int, int]) -> bytes:
    """The payload of a frame that tells them."""
    return b"".join(_ENTRY.pack(key, value) for key, value in settings.items())


def read(payload: bytes) -> Iterator[tuple[int, int]]:
    """Valid settings, in their order; those that nobody knows are among them. Errors: Broken."""
    if len(payload) % _ENTRY.size:
        raise Broken(Code.FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes; each takes {_ENTRY.size}")
    for key, value in _ENTRY.iter_unpack(payload):
        if key == INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
            raise Broken(Code.FLOW_CONTROL_ERROR, f"an initial window of {value:,} bytes; {MAX_WINDOW:,} is the limit")
        if (key == ENABLE_PUSH and value > 1) or (key == MAX_FRAME_SIZE and not 2**14 <= value < 2**24):
            raise Broken(Code.PROTOCOL_ERROR, f"setting {key} cannot be {value:,}")
        yield key, value
