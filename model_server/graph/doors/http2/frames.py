"""Frames: how they are written, and how what arrives is cut into them. Source: RFC 9113, sections 3.4, 4 and 6."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from model_server.graph.doors.http2.errors import Broken, Code

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_FRAME_BYTES: Final = 16_384
"""That a peer may send in one frame: HTTP/2's smallest limit, and its default."""
HEAD_BYTES: Final = 9
_HEAD: Final = struct.Struct(">HBBBI")  # the length has 24 bits
_STREAM_ID: Final = 0x7FFF_FFFF
_U32: Final = struct.Struct(">I")

type Frame = tuple[int, int, int, bytes]
"""Type, flags, id of the stream, payload."""


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    n_bytes = len(payload)
    return _HEAD.pack(n_bytes >> 8, n_bytes & 0xFF, kind, flags, stream_id) + payload


def u32(number: int) -> bytes:
    return _U32.pack(number)


def read_u32(payload: bytes) -> int:
    number: int = _U32.unpack_from(payload)[0]
    return number


def unpadded(payload: bytes) -> bytes:
    """Of a frame with the flag PADDED. Errors: Broken."""
    if not payload or payload[0] >= len(payload):
        raise Broken(Code.PROTOCOL_ERROR, "a frame has more padding than it has bytes")
    return payload[1 : len(payload) - payload[0]]


class FrameReader:
    """What a client sends, from the preface on, however it is split."""

    def __init__(self) -> None:
        self._rest = b""
        self._preface: bytes = PREFACE

    @property
    def is_past_preface(self) -> bool:
        return not self._preface

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Whole frames. Errors: Broken, after which it is not fed again."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        begin, end = self._after_preface(data), len(data)
        while end - begin >= HEAD_BYTES:
            high, low, kind, flags, stream_id = _HEAD.unpack_from(data, begin)
            n_bytes = high << 8 | low
            if n_bytes > MAX_FRAME_BYTES:
                raise Broken(
                    Code.FRAME_SIZE_ERROR, f"a frame of {n_bytes:,} bytes; {MAX_FRAME_BYTES:,} are accepted here"
                )
            payload_at = begin + HEAD_BYTES
            if end - payload_at < n_bytes:
                break
            begin = payload_at + n_bytes
            yield kind, flags, stream_id & _STREAM_ID, data[payload_at:begin]
        self._rest = data[begin:]

    def _after_preface(self, data: bytes) -> int:
        """Where in the data the frames begin. Errors: Broken."""
        if not self._preface:
            return 0
        n_bytes = min(len(data), len(self._preface))
        if data[:n_bytes] != self._preface[:n_bytes]:
            raise Broken(Code.PROTOCOL_ERROR, "this is a gRPC port: HTTP/2 without TLS, from its preface on")
        self._preface = self._preface[n_bytes:]
        return n_bytes
