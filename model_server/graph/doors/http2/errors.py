"""What a peer does wrong, and how HTTP/2 numbers it. Source: RFC 9113, section 7."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    ENHANCE_YOUR_CALM = 0xB


class Broken(Exception):
    """Ends the connection."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class StreamBroken(Exception):
    """Ends one stream; the others do not notice."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
