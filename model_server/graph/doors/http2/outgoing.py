"""What leaves a connection: frames, and data that wait for the client to have room. Source: RFC 9113, section 5.2."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from model_server.graph.doors.http2.errors import Broken, Code, StreamBroken
from model_server.graph.doors.http2.fields import SHRINK_TABLE
from model_server.graph.doors.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    MAX_FRAME_BYTES,
    RST_STREAM,
    frame,
    u32,
)
from model_server.graph.doors.http2.peer_settings import MAX_WINDOW
from model_server.graph.doors.http2.stream import Stream

DEFAULT_WINDOW: Final = 65_535
MAX_RESETS_REMEMBERED: Final = 256


class Outgoing:
    def __init__(self, on_output: Callable[[], None]) -> None:
        """`on_output` is called when there is something to take, once until it is taken."""
        self.streams: dict[int, Stream] = {}
        """The open ones, by id."""
        self.initial_window = DEFAULT_WINDOW
        self.max_frame_bytes = MAX_FRAME_BYTES
        self.must_shrink_table = False
        self._window = DEFAULT_WINDOW
        self._waiting: dict[int, Stream] = {}
        self._reset: deque[int] = deque(maxlen=MAX_RESETS_REMEMBERED)
        self._written: list[bytes] = []
        self._on_output = on_output

    @property
    def unsent_bytes(self) -> int:
        """Of answers that the client has no room for."""
        return sum(len(stream.unsent) for stream in self._waiting.values())

    def take(self) -> bytes:
        written, self._written = self._written, []
        return b"".join(written)

    def write(self, frames: bytes) -> None:
        if not self._written:
            self._on_output()
        self._written.append(frames)

    def answer(self, stream: Stream, head: bytes, data: bytes, trailers: bytes | None) -> None:
        """The next part of an answer: blocks of fields around data, each of which may be missing (b"").

        With trailers it is the last part. Blocks are of fewer than MAX_FRAME_BYTES.
        """
        if stream.id not in self.streams:
            return  # it was given up meanwhile
        if head:
            self.write(self._fields(stream.id, head, 0))
        n_bytes = len(data)
        if stream.id in self._waiting:
            stream.unsent = memoryview(bytes(stream.unsent) + data)
            stream.trailers = trailers
        elif n_bytes <= min(self.max_frame_bytes, self._window, stream.send_window):
            if n_bytes:
                self._window -= n_bytes
                stream.send_window -= n_bytes
                self.write(frame(DATA, 0, stream.id, data))
            if trailers is not None:
                self._end(stream, trailers)
        else:
            stream.unsent, stream.trailers = memoryview(data), trailers
            self._waiting[stream.id] = stream
            self._send_waiting()

    def reset(self, stream_id: int, code: Code) -> None:
        self.forget(stream_id)
        self._reset.append(stream_id)
        self.write(frame(RST_STREAM, 0, stream_id, u32(code)))

    def was_reset(self, stream_id: int) -> bool:
        """By us, lately: what still comes of it was on its way."""
        return stream_id in self._reset

    def forget(self, stream_id: int) -> None:
        self.streams.pop(stream_id, None)
        self._waiting.pop(stream_id, None)

    def forget_all(self) -> None:
        self.streams.clear()
        self._waiting.clear()

    def widen(self, n_bytes: int) -> None:
        """The connection's window. Errors: Broken."""
        self._window += n_bytes
        if self._window > MAX_WINDOW:
            raise Broken(Code.FLOW_CONTROL_ERROR, "the connection's window is wider than any may be")
        self._send_waiting()

    def widen_stream(self, stream: Stream, n_bytes: int) -> None:
        """Errors: StreamBroken."""
        stream.send_window += n_bytes
        if stream.send_window > MAX_WINDOW:
            raise StreamBroken(Code.FLOW_CONTROL_ERROR, "the stream's window is wider than any may be")
        self._send_waiting()

    def set_initial_window(self, n_bytes: int) -> None:
        """Also of streams that are open, whose windows may come to be below zero. Errors: Broken."""
        change = n_bytes - self.initial_window
        self.initial_window = n_bytes
        for stream in self.streams.values():
            stream.send_window += change
            if stream.send_window > MAX_WINDOW:
                raise Broken(Code.FLOW_CONTROL_ERROR, "a stream's window is wider than any may be")
        self._send_waiting()

    def _send_waiting(self) -> None:
        """A frame of each in turn, so that nobody waits for another's whole answer."""
        has_sent = True
        while has_sent and self._waiting:
            has_sent = False
            for stream in tuple(self._waiting.values()):
                n_bytes = min(len(stream.unsent), self.max_frame_bytes, self._window, stream.send_window)
                if n_bytes > 0:
                    self._window -= n_bytes
                    stream.send_window -= n_bytes
                    self.write(frame(DATA, 0, stream.id, bytes(stream.unsent[:n_bytes])))
                    stream.unsent = stream.unsent[n_bytes:]
                    has_sent = True
                if not stream.unsent:
                    del self._waiting[stream.id]
                    if stream.trailers is not None:
                        self._end(stream, stream.trailers)

    def _end(self, stream: Stream, trailers: bytes) -> None:
        self.write(self._fields(stream.id, trailers, END_STREAM))
        if stream.has_ended:
            del self.streams[stream.id]
        else:
            self.reset(stream.id, Code.NO_ERROR)  # nothing of what the client still sends is read

    def _fields(self, stream_id: int, block: bytes, flags: int) -> bytes:
        if self.must_shrink_table:
            self.must_shrink_table = False
            block = SHRINK_TABLE + block
        return frame(HEADERS, END_HEADERS | flags, stream_id, block)
