"""What travels between nodes: the bytes of a REST body, or a protobuf message; and what travels beside it.

A message is never changed. Whoever wants to change what it holds takes a copy (`RestMessage.tree`,
`GrpcMessage.proto`); so children that run at once, the request log and a component that scribbles on its input do not
meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from google.protobuf.message import DecodeError

from model_server.graph.errors import GraphError, MessageUnreadable
from model_server.graph.protos import ours
from model_server.graph.wrapper import bodies

JSON: Final = bodies.JSON
UNKNOWN_BYTES: Final = 2**63
"""More than anybody takes."""
type Message = RestMessage | GrpcMessage


class RestMessage:
    """A body, as bytes, as the tree of its JSON, or both: each made from the other when first asked for."""

    __slots__ = ("_body", "_tree", "content_encoding", "content_type", "n_rows")

    def __init__(
        self, body: bytes | None, content_type: str = JSON, content_encoding: str = "", tree: Any = None
    ) -> None:
        self._body = body
        self._tree = tree
        self.content_type = content_type
        self.content_encoding = content_encoding
        self.n_rows: int | None = None
        """For whoever counts them, to keep."""

    @classmethod
    def of_tree(cls, tree: Any) -> RestMessage:
        """From a tree of JSON that nobody changes from now on."""
        return cls(None, tree=tree)

    @property
    def n_bytes(self) -> int:
        """Of the body; `UNKNOWN_BYTES` where it was not asked for yet."""
        return UNKNOWN_BYTES if self._body is None else len(self._body)

    @property
    def body(self) -> bytes:
        """Errors: WrapperError where the tree is no JSON."""
        if self._body is None:
            self._body = bodies.encode_json(self._tree)
        return self._body

    def tree(self) -> Any:
        """A tree of the caller's own. Errors: WrapperError where the body is not what Seldon's wrapper takes."""
        return bodies.decode(self.body, self.content_type)

    def shared_tree(self) -> Any:
        """The tree, for whoever only looks. Errors: WrapperError."""
        if self._tree is None:
            self._tree = bodies.decode(self.body, self.content_type)
        return self._tree


class GrpcMessage:
    """A protobuf message, serialized, and parsed when first asked for."""

    __slots__ = ("_proto", "_serialized", "n_rows")

    def __init__(self, serialized: bytes | None, proto: Any = None) -> None:
        self._serialized = serialized
        self._proto = proto
        self.n_rows: int | None = None

    @classmethod
    def of_proto(cls, proto: Any) -> GrpcMessage:
        """From a message that nobody changes from now on."""
        return cls(None, proto)

    @property
    def n_bytes(self) -> int:
        """As of a RestMessage."""
        return UNKNOWN_BYTES if self._serialized is None else len(self._serialized)

    @property
    def serialized(self) -> bytes:
        if self._serialized is None:
            self._serialized = self._proto.SerializeToString()
        return self._serialized

    def proto(self, message_class: Any) -> Any:
        """A message of the caller's own, of this class. Errors: MessageUnreadable."""
        try:
            return message_class.FromString(self.serialized)
        except DecodeError as error:
            raise MessageUnreadable(f"the message is no {message_class.DESCRIPTOR.full_name}: {error}") from error

    def shared_proto(self, message_class: Any) -> Any:
        """The message, for whoever only looks. Errors: MessageUnreadable."""
        if type(self._proto) is not message_class:
            self._proto = self.proto(message_class)
        return self._proto


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Context:
    """What accompanies a request on its way through the graph. Never changed."""

    puid: str
    transport: Literal["rest", "grpc"]
    headers: Mapping[str, str] = field(default_factory=dict)
    """The client's, to be forwarded to components elsewhere; lower case. For gRPC: the metadata."""
    is_logged: bool = True
    """False where the client asked not to be: Seldon-Skip-Logging."""
    clients_message: Message | None = None
    """As the client sent it to a graph, where components make messages too; None: every message is the client's."""
    span: Any = None
    """The request's own in its trace, a `tracing.RequestSpan`; None where nothing is traced."""

    def is_clients(self, message: Message) -> bool:
        """Whether a message is what the client said, its meta apart: what is wrong with it, the client can mend."""
        clients = self.clients_message
        return clients is None or message is clients or _payload(message) == _payload(clients)


def _payload(message: Message) -> bytes:
    """All but the meta; the whole of what is none."""
    if isinstance(message, GrpcMessage):
        try:
            proto = message.proto(ours().SeldonMessage)
        except GraphError:
            return message.serialized
        proto.ClearField("meta")
        payload: bytes = proto.SerializeToString(deterministic=True)
        return payload
    try:
        tree = message.tree()
    except GraphError:
        return message.body
    return bodies.encode(
        {key: value for key, value in tree.items() if key != "meta"} if isinstance(tree, dict) else tree
    )
