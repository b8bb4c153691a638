"""A message of the graph as a CloudEvent, in the form in which Seldon's request logger posts it. Pure.

Binary content mode: the message is the body as it is, what is known of it stands in headers. Source: CloudEvents 1.0,
HTTP protocol binding; the names after `ce-` are those of Seldon's executor.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

from model_server.graph.messages import GrpcMessage, Message
from model_server.graph.walk import Told

PROTOBUF: Final = "application/protobuf"
_TYPES: Final = {
    Told.REQUEST: "io.seldon.serving.inference.request",
    Told.RESPONSE: "io.seldon.serving.inference.response",
    Told.FEEDBACK: "io.seldon.serving.feedback",
}
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F)) + " "


class NotPlain(ValueError):
    """A body is not what its Content-Encoding says, or is too large once unpacked."""


@dataclass(frozen=True)
class Source:
    """Who tells: the same for all events of a server."""

    deployment: str
    namespace: str
    predictor: str
    port: int
    """Of the server's HTTP door."""

    def attributes(self) -> dict[str, str]:
        return {
            "ce-specversion": "1.0",
            "ce-source": f"http://:{self.port}/",  # without a host, as the executor has it
            "ce-inferenceservicename": _value(self.deployment),
            "ce-namespace": _value(self.namespace),
            "ce-endpoint": _value(self.predictor),
            "ce-protocol": "seldon",
        }


@dataclass(frozen=True)
class Event:
    told: Told
    node_name: str
    puid: str
    body: bytes
    content_type: str
    content_encoding: str
    time: datetime
    """With its zone, UTC."""

    @classmethod
    def of(cls, told: Told, node_name: str, puid: str, message: Message, time: datetime) -> Event:
        """Errors: WrapperError where the message is a tree that is no JSON."""
        if isinstance(message, GrpcMessage):
            return cls(told, node_name, puid, message.serialized, PROTOBUF, "", time)
        return cls(told, node_name, puid, message.body, message.content_type, message.content_encoding, time)

    def headers(self, source: Mapping[str, str], entropy: bytes) -> list[tuple[str, str]]:
        """All but the encoding. `entropy`: uint8[40], of which the event's id and its traceparent are made."""
        headers = {
            **source,
            "ce-id": str(UUID(bytes=entropy[:16], version=4)),
            "ce-time": self.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "ce-type": _TYPES[self.told],
            "ce-modelid": _value(self.node_name),
            "ce-requestid": _value(self.puid),
            "ce-traceparent": f"00-{entropy[16:32].hex()}-{entropy[32:40].hex()}-00",
        }
        if self.content_type:
            headers["content-type"] = _value(self.content_type)
        return list(headers.items())


def unpacked(body: bytes, max_bytes: int) -> bytes:
    """What was compressed with gzip, in one member or several. Errors: NotPlain; no more than `max_bytes` are held."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            plain = file.read(max_bytes + 1)
    except EOFError as error:
        raise NotPlain(f"the body ends in the midst of its gzip, after {len(body)} bytes") from error
    except (OSError, zlib.error) as error:
        raise NotPlain(f"the body is no gzip, as its Content-Encoding says: {error}") from error
    if len(plain) > max_bytes:
        raise NotPlain(f"the body is larger than {max_bytes} bytes once unpacked, which is as much as is told")
    return plain


def _value(text: str) -> str:
    """A value that a header can carry; what it cannot is percent-encoded (HTTP binding, 3.1.3.2), the rest as it is."""
    return text if text.isascii() and text.isprintable() else quote(text, safe=_PRINTABLE, errors="replace")
