"""What the walk asks of whatever answers for a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from model_server.graph.messages import Context, Message
from model_server.graph.verbs import Verb


class Component(Protocol):
    """Answers for one node. Messages come and go in the form of the context's transport."""

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        """The component's answer to one message. Errors: GraphError."""
        ...

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        """The component's answer to the answers of its children, in their order. Errors: GraphError."""
        ...

    async def metadata(self, context: Context) -> Any:
        """A dict like {"name", "versions", "platform", "inputs", "outputs", "custom"}. Errors: GraphError."""
        ...

    async def status(self, context: Context) -> Message:
        """The component's answer to a health check, over REST. Errors: GraphError."""
        ...

    async def is_ready(self, *, thoroughly: bool) -> bool:
        """Whether it would take a request; `thoroughly` asks its own health check. Never an exception."""
        ...

    async def close(self) -> None: ...
