"""gRPC's own part of a call's bytes: what its fields mean, its messages, and how it ends. Pure.

Source: "gRPC over HTTP2" (PROTOCOL-HTTP2.md) and "Compression" of github.com/grpc/grpc; where those leave it open, and
in its words for what it refuses, as grpcio.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from model_server.graph.doors.http2.connection import MAX_FIELDS_BYTES
from model_server.graph.doors.http2.fields import Fields, literal
from model_server.graph.doors.http2.requests import request_head

CODES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""Each at the place that is its number."""
PREFIX_BYTES: Final = 5
"""Before a message: whether it is compressed, and its length."""

_STATUS_200: Final = b"\x88"  # HPACK's static table, entry 8
_GRPC: Final = b"application/grpc"
_ENCODINGS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_ANSWER: Final = (
    _STATUS_200 + literal(b"content-type", _GRPC) + literal(b"grpc-accept-encoding", b"identity, deflate, gzip")
)
_OF_THE_CALL: Final = {b"content-type", b"te", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding"}
"""What a call's metadata are not."""
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_ESCAPED: Final = re.compile(rb"[^\x20-\x24\x26-\x7e]")

END_OK: Final = literal(b"grpc-status", b"0")
"""The trailers of a call that went well."""


class Refused(Exception):
    """A call that ends before anybody is asked: with this code and these words."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class CallHead:
    """May be shared by calls that are alike."""

    method: str
    """Such as /seldon.protos.Seldon/Predict."""
    metadata: Mapping[str, str | bytes]
    """Of a key that comes twice, the last; bytes where its name ends with -bin, or where it is no text."""
    timeout_seconds: float | None
    encoding: str
    answer: bytes | None
    """What is to be answered without looking further, as a block of fields."""


def call_head(fields: Fields) -> CallHead:
    """Errors: StreamBroken where HTTP/2 has it that this is no request."""
    head = request_head(fields)
    own = {name: value for name, value in head.fields if name in _OF_THE_CALL}
    metadata = {}
    for name, value in head.fields:
        if name not in _OF_THE_CALL:
            metadata[name.decode()] = _metadata_value(name, value)
    answer, timeout_seconds = None, None
    if head.method != b"POST":
        answer = b"".join((literal(b":status", b"405"), literal(b"allow", b"POST")))
    elif not own.get(b"content-type", _GRPC).startswith(_GRPC):
        answer = literal(b":status", b"415")
    elif head.n_bytes > MAX_FIELDS_BYTES:
        answer = refusal(
            "RESOURCE_EXHAUSTED",
            f"received metadata size exceeds hard limit ({head.n_bytes} vs. {MAX_FIELDS_BYTES}); send less of it",
        )
    elif b"grpc-timeout" in own:
        timeout_seconds = _timeout_seconds(own[b"grpc-timeout"])
        if timeout_seconds is None:
            answer = refusal("INTERNAL", f"grpc-timeout is {own[b'grpc-timeout']!r}; such as 500m is what it may be")
    return CallHead(
        method=head.path.decode("latin-1"),
        metadata=metadata,
        timeout_seconds=timeout_seconds,
        encoding=own.get(b"grpc-encoding", b"identity").decode("latin-1"),
        answer=answer,
    )


def _metadata_value(name: bytes, value: bytes) -> str | bytes:
    if name.endswith(b"-bin"):
        try:
            return base64.b64decode(value + b"=" * (-len(value) % 4))
        except binascii.Error:
            return value
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        return value


def _timeout_seconds(text: bytes) -> float | None:
    """None where it is none."""
    matched = _TIMEOUT.fullmatch(text)
    return None if matched is None else int(matched[1]) * _SECONDS[matched[2]]


class MessageReader:
    """The messages of one call, from data that may be split anywhere."""

    __slots__ = ("_encoding", "_held", "_max_bytes")

    def __init__(self, encoding: str, max_bytes: int) -> None:
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._held: bytearray | None = None

    @property
    def held_bytes(self) -> int:
        """Of a message that is not complete."""
        return len(self._held or b"")

    def feed(self, data: bytes) -> list[bytes]:
        """Messages that are now complete. Errors: Refused."""
        if self._held:
            self._held += data
            if len(self._held) < PREFIX_BYTES or len(self._held) < PREFIX_BYTES + self._length(self._held, 0):
                return []
            data, self._held = bytes(self._held), None
        messages, begin = [], 0
        while len(data) - begin >= PREFIX_BYTES:
            end = begin + PREFIX_BYTES + self._length(data, begin)
            if end > len(data):
                break
            message = data[begin + PREFIX_BYTES : end]
            messages.append(self._plain(message) if data[begin] else message)
            begin = end
        if begin < len(data):
            self._held = bytearray(data[begin:])
        return messages

    def _length(self, data: bytes | bytearray, begin: int) -> int:
        """Errors: Refused."""
        if data[begin] > 1:
            raise Refused("INTERNAL", f"Bad GRPC frame type 0x{data[begin]:02x}")
        if data[begin] and self._encoding not in _ENCODINGS:
            if self._encoding == "identity":
                raise Refused("INTERNAL", "a message says that it is compressed, and grpc-encoding that none is")
            raise Refused("UNIMPLEMENTED", f'Compression algorithm "{self._encoding}" not supported.')
        n_bytes = int.from_bytes(data[begin + 1 : begin + PREFIX_BYTES])
        if n_bytes > self._max_bytes:
            raise _too_large(n_bytes, self._max_bytes)
        return n_bytes

    def _plain(self, compressed: bytes) -> bytes:
        """Errors: Refused."""
        inflate = zlib.decompressobj(_ENCODINGS[self._encoding])
        try:
            plain = inflate.decompress(compressed, self._max_bytes + 1)
        except zlib.error as error:
            raise Refused("INTERNAL", f"a message is no {self._encoding}: {error}") from error
        if len(plain) > self._max_bytes:
            raise _too_large(len(plain), self._max_bytes)
        if not inflate.eof:
            raise Refused("INTERNAL", f"a message's {self._encoding} is cut short")
        return plain


def _too_large(n_bytes: int, max_bytes: int) -> Refused:
    return Refused("RESOURCE_EXHAUSTED", f"SERVER: Received message larger than max ({n_bytes} vs. {max_bytes})")


def message(serialized: bytes) -> bytes:
    """As it travels."""
    return b"\x00" + len(serialized).to_bytes(4) + serialized


def beginning(metadata: tuple[bytes, bytes] | None = None) -> bytes:
    """The fields before an answer's first message."""
    return _ANSWER if metadata is None else _ANSWER + literal(*metadata)


def refusal(code: str, details: str) -> bytes:
    """The fields of an answer that has no message."""
    return _STATUS_200 + literal(b"content-type", _GRPC) + ending(code, details)


def ending(code: str, details: str) -> bytes:
    """The fields after an answer's last message."""
    return literal(b"grpc-status", b"%d" % CODES.index(code)) + literal(b"grpc-message", escaped(details))


def escaped(details: str) -> bytes:
    """As grpc-message has it: percent signs, control characters and whatever is not ASCII, by its bytes."""
    return _ESCAPED.sub(lambda each: b"%%%02X" % each[0][0], details.encode(errors="replace"))
