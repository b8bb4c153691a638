"""Calls: from the messages of a request to the answer, its code and its words, whatever the client does meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from model_server.graph.doors import grpc_wire as wire
from model_server.graph.doors.grpc_wire import CallHead, MessageReader, Refused
from model_server.graph.doors.http2.outgoing import Outgoing
from model_server.graph.doors.http2.stream import Stream
from model_server.graph.doors.reception import (
    PUID_HEADER,
    SKIP_LOGGING_HEADER,
    Reception,
    asks_not_to_be_logged,
    request_id,
    since,
)
from model_server.graph.grpc_codes import go_name
from model_server.graph.messages import Context

type Answer = Callable[[bytes, Context], Awaitable[bytes]]

MAX_MESSAGES_WAITING: Final = 64
"""Of one streaming call."""
MIN_HELD_BYTES: Final = 256 * 1024 * 1024
"""Of messages that are not complete, all clients' together; more where a single message may be large."""


@dataclass(frozen=True)
class Method:
    name: str
    """Such as /seldon.protos.Seldon/Predict."""
    answer: Answer
    tells_puid: bool = True
    streams: bool = False
    """It answers each message of a call, one after the other, and is no request of the graph's: neither counted nor
    limited."""


@dataclass
class Desk:
    """What the calls of a door share."""

    methods: Mapping[str, Method]
    reception: Reception
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    held_bytes: int = 0

    @property
    def max_held_bytes(self) -> int:
        return max(MIN_HELD_BYTES, 2 * self.reception.limits.max_grpc_message_bytes)

    def run(self, work: Any) -> asyncio.Task[None]:
        """At once, until it first has to wait."""
        task = asyncio.Task(work, loop=self.loop, eager_start=True)
        if not task.done():
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return task

    def call(self, head: CallHead, outgoing: Outgoing) -> Call:
        method = self.methods.get(head.method)
        if head.answer is not None or method is None:
            return NoCall(self, head, outgoing)
        return (StreamingCall if method.streams else UnaryCall)(self, head, outgoing, method)


class Call(Stream):
    """What all calls have: a head, perhaps a deadline, and an end."""

    __slots__ = ("_desk", "_head", "_outgoing", "_task", "_timer")

    def __init__(self, desk: Desk, head: CallHead, outgoing: Outgoing) -> None:
        super().__init__()
        self._desk = desk
        self._head = head
        self._outgoing = outgoing
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        if self._head.timeout_seconds is not None:
            self._timer = self._desk.loop.call_later(self._head.timeout_seconds, self._expire)

    def abandoned(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _refuse(self, code: str, details: str) -> None:
        """The end, without a message."""
        self.abandoned()
        self._end(wire.refusal(code, details))

    def _end(self, trailers: bytes, data: bytes = b"", head: bytes = b"") -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._outgoing.answer(self, head, data, trailers)

    def _expire(self) -> None:
        self._refuse("DEADLINE_EXCEEDED", "Deadline Exceeded")


class NoCall(Call):
    """What nobody here answers."""

    __slots__ = ()

    def begin(self) -> None:
        self._end(self._head.answer or wire.refusal("UNIMPLEMENTED", "Method not found!"))

    def received(self, data: bytes) -> None:
        """Nothing."""


class _ReadingCall(Call):
    __slots__ = ("_held_bytes", "_method", "_reader")

    def __init__(self, desk: Desk, head: CallHead, outgoing: Outgoing, method: Method) -> None:
        super().__init__(desk, head, outgoing)
        self._method = method
        self._reader = MessageReader(head.encoding, desk.reception.limits.max_grpc_message_bytes)
        self._held_bytes = 0

    def received(self, data: bytes) -> None:
        try:
            self._more(data)
        except Refused as refused:
            self._refuse(refused.code, refused.details)

    def abandoned(self) -> None:
        super().abandoned()
        self._hold(0)

    def _more(self, data: bytes) -> None:
        """Errors: Refused."""
        raise NotImplementedError

    def _read(self, data: bytes) -> list[bytes]:
        """Messages that are complete now. Errors: Refused."""
        messages = self._reader.feed(data)
        held_bytes = self._reader.held_bytes
        if held_bytes != self._held_bytes:
            self._hold(held_bytes)
        if held_bytes and self.has_ended:
            raise Refused("INTERNAL", "the request ends in the middle of a message")
        if held_bytes and self._desk.held_bytes > self._desk.max_held_bytes:
            raise Refused("RESOURCE_EXHAUSTED", "too much is arriving at once; try again in a second")
        return messages

    def _hold(self, n_bytes: int) -> None:
        self._desk.held_bytes += n_bytes - self._held_bytes
        self._held_bytes = n_bytes


class UnaryCall(_ReadingCall):
    """One message, one answer."""

    __slots__ = ("_message",)

    def __init__(self, desk: Desk, head: CallHead, outgoing: Outgoing, method: Method) -> None:
        super().__init__(desk, head, outgoing, method)
        self._message: bytes | None = None

    def _more(self, data: bytes) -> None:
        for message in self._read(data):
            if self._message is not None:
                raise Refused("UNIMPLEMENTED", "Too many messages: this method takes one")
            self._message = message
        if self.has_ended:
            if self._message is None:
                raise Refused("UNIMPLEMENTED", "No message: this method takes one")
            self._task = self._desk.run(self._serve(self._message))

    async def _serve(self, message: bytes) -> None:
        began = time.perf_counter()
        method, metadata, reception = self._method, self._head.metadata, self._desk.reception
        puid = request_id(_text(metadata, PUID_HEADER))
        code, details = "UNKNOWN", ""
        try:
            reception.admit()
            try:
                is_logged = not asks_not_to_be_logged(_text(metadata, SKIP_LOGGING_HEADER))
                answered = await method.answer(message, Context(puid, "grpc", metadata, is_logged))  # type: ignore[arg-type]
            finally:
                reception.gone()
            code = "OK"
        except asyncio.CancelledError:  # by the client, who left or whose time is over; or since the server ends
            code = "CANCELLED"
            raise
        except Exception as error:  # noqa: BLE001 -- one request must not end the server
            failure = reception.failed(error, puid)
            code, details = failure.code, failure.details()
        finally:
            reception.telemetry.answered(method.name, "unary", go_name(code), since(began))
            if code != "OK":
                self._end(wire.refusal(code, details))
        if code != "OK":
            return
        told = (b"seldon-puid", puid.encode()) if method.tells_puid else None
        self._end(wire.END_OK, wire.message(answered), wire.beginning(told))


class StreamingCall(_ReadingCall):
    __slots__ = ("_has_begun", "_waiting")

    def __init__(self, desk: Desk, head: CallHead, outgoing: Outgoing, method: Method) -> None:
        super().__init__(desk, head, outgoing, method)
        self._waiting: deque[bytes] = deque()
        self._has_begun = False

    def _more(self, data: bytes) -> None:
        self._waiting.extend(self._read(data))
        if len(self._waiting) > MAX_MESSAGES_WAITING:
            raise Refused("RESOURCE_EXHAUSTED", f"more than {MAX_MESSAGES_WAITING} messages wait to be answered")
        if self._task is None or self._task.done():
            self._task = self._desk.run(self._serve())

    async def _serve(self) -> None:
        try:
            while self._waiting:
                answered = await self._method.answer(self._waiting.popleft(), Context("", "grpc"))
                head = b"" if self._has_begun else wire.beginning()
                self._has_begun = True
                self._outgoing.answer(self, head, wire.message(answered), None)
        except Exception as error:  # noqa: BLE001 -- one request must not end the server
            failure = self._desk.reception.failed(error, "")
            self._end((wire.ending if self._has_begun else wire.refusal)(failure.code, failure.details()))
            return
        if self.has_ended:
            self._end(wire.END_OK, head=b"" if self._has_begun else wire.beginning())


def _text(metadata: Mapping[str, str | bytes], key: str) -> str | None:
    value = metadata.get(key)
    return value if isinstance(value, str) else None
