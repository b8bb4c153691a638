"""One connection: what a client may do when, and what is done about it where it does otherwise.

Whatever arrives, `receive` raises nothing: a client that breaks the rules hears so in a GOAWAY or RST_STREAM, and what
it can make the server hold or do without ever asking anything has a limit. Source: RFC 9113, sections 5 to 7.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from model_server.graph.doors.http2 import frames, peer_settings
from model_server.graph.doors.http2.errors import Broken, Code, StreamBroken
from model_server.graph.doors.http2.fields import MAX_BLOCK_BYTES, FieldReader, Fields
from model_server.graph.doors.http2.frames import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, frame, u32
from model_server.graph.doors.http2.outgoing import DEFAULT_WINDOW, Outgoing
from model_server.graph.doors.http2.stream import WINDOW_BYTES, Stream

logger = logging.getLogger(__name__)

MAX_STREAMS: Final = 256
"""That a client may have open at once."""
MAX_FIELDS_BYTES: Final = 16 * 1024
"""Of a request's fields, as the client is told; grpcio's number."""
CONNECTION_WINDOW: Final = 16 * 1024 * 1024
"""That may be on their way on one connection."""
RESETS_FORGIVEN: Final = 1_000
"""Calls taken back before their answer, until it counts that they are more than half of all (CVE-2023-44487)."""
FRUITLESS_FORGIVEN: Final = 10_000
"""Frames in a row that mean nothing: empty ones, priorities, types that nobody knows."""
DRAINING: Final = b"draining"
_LAST_ID: Final = 2**31 - 1


class Connection[Head]:
    """`open_stream` answers requests. `head_of` reads their fields; of what it says, too, nothing is kept too long."""

    def __init__(
        self,
        head_of: Callable[[Fields], Head],
        open_stream: Callable[[Head], Stream],
        on_output: Callable[[], None],
    ) -> None:
        """`head_of` raises StreamBroken for a malformed request."""
        self.outgoing = Outgoing(on_output)
        self.is_over = False
        """Nothing is read any more; what was written is to be sent, and the connection closed."""
        self._streams = self.outgoing.streams
        self._open_stream = open_stream
        self._fields = FieldReader(head_of)
        self._reader = frames.FrameReader()
        self._has_settings = False
        self._window = CONNECTION_WINDOW
        self._last_id = 0
        self._last_accepted_id = _LAST_ID
        """Beyond it, after we said so, requests are somebody else's."""
        self._headers: tuple[int, int] | None = None
        """Flags and stream of the header block that is not complete yet; nothing else may come between."""
        self._block = b""
        self._n_fruitless = self._n_resets = self._n_opened = 0
        settings = {
            peer_settings.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            peer_settings.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
            peer_settings.MAX_HEADER_LIST_SIZE: MAX_FIELDS_BYTES,
        }
        self.outgoing.write(frame(frames.SETTINGS, 0, 0, peer_settings.written(settings)))
        self.outgoing.write(frame(frames.WINDOW_UPDATE, 0, 0, u32(CONNECTION_WINDOW - DEFAULT_WINDOW)))
        self._on = {
            DATA: self._on_data,
            HEADERS: self._on_headers,
            frames.PRIORITY: self._on_priority,
            frames.RST_STREAM: self._on_reset,
            frames.SETTINGS: self._on_settings,
            frames.PING: self._on_ping,
            frames.GOAWAY: self._on_goaway,
            frames.WINDOW_UPDATE: self._on_window_update,
            CONTINUATION: self._on_continuation,
            frames.PUSH_PROMISE: self._on_push_promise,
        }

    @property
    def is_introduced(self) -> bool:
        """The client has shown that it speaks HTTP/2."""
        return self._has_settings

    @property
    def is_idle(self) -> bool:
        return not self._streams

    @property
    def is_drained(self) -> bool:
        """No request is open, and none will be."""
        return not self._streams and self._last_accepted_id != _LAST_ID

    def receive(self, data: bytes) -> None:
        if self.is_over:
            return
        try:
            for kind, flags, stream_id, payload in self._reader.feed(data):
                try:
                    self._take(kind, flags, stream_id, payload)
                except StreamBroken as error:
                    self._break_stream(stream_id, error)
        except Broken as error:
            self.end(error.code, str(error))
        except Exception:
            logger.exception("an HTTP/2 connection broke the server's own code")
            self.end(Code.INTERNAL_ERROR, "an error of the server itself")

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Errors: Broken; StreamBroken, of this stream."""
        if self._headers is not None and kind != CONTINUATION:
            raise Broken(Code.PROTOCOL_ERROR, "a header block is not complete, and another frame comes")
        on = self._on.get(kind)
        if not self._has_settings and kind != frames.SETTINGS:
            raise Broken(Code.PROTOCOL_ERROR, "the first frame is to be SETTINGS")
        if on is None:
            self._fruitless()
        else:
            on(flags, stream_id, payload)

    def drain(self) -> None:
        """Ask for no more requests; those that cross this on their way are still answered (`stop_accepting`)."""
        if not self.is_over:
            self._goaway(_LAST_ID, Code.NO_ERROR, "the server is about to end")
            self.outgoing.write(frame(frames.PING, 0, 0, DRAINING))

    def stop_accepting(self) -> None:
        """From now on: whoever asks is told that nothing was done."""
        if not self.is_over and self._last_accepted_id == _LAST_ID:
            self._last_accepted_id = self._last_id
            self._goaway(self._last_id, Code.NO_ERROR, "the server ends")

    def end(self, code: Code, message: str) -> None:
        """Say why, and be over."""
        if not self.is_over:
            self._goaway(self._last_id, code, message)
            self.lost()

    def lost(self) -> None:
        """Nobody is there any more."""
        self.is_over = True
        abandoned = tuple(self._streams.values())
        self.outgoing.forget_all()
        for stream in abandoned:
            stream.abandoned()

    def _goaway(self, last_id: int, code: Code, message: str) -> None:
        self.outgoing.write(frame(frames.GOAWAY, 0, 0, u32(last_id) + u32(code) + message.encode(errors="replace")))

    def _break_stream(self, stream_id: int, error: StreamBroken) -> None:
        stream = self._streams.get(stream_id)
        self.outgoing.reset(stream_id, error.code)
        if stream is not None:
            stream.abandoned()

    def _fruitless(self) -> None:
        self._n_fruitless += 1
        if self._n_fruitless > FRUITLESS_FORGIVEN:
            raise Broken(Code.ENHANCE_YOUR_CALM, f"{self._n_fruitless:,} frames in a row that mean nothing")

    def _known(self, stream_id: int, kind: str) -> Stream | None:
        """None: of a stream that is over; its last frames were on their way. Errors: Broken."""
        stream = self._streams.get(stream_id)
        if stream is None and (stream_id > self._last_id or stream_id % 2 == 0):
            raise Broken(Code.PROTOCOL_ERROR, f"{kind} of stream {stream_id}, which does not exist")
        return stream

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        stream = self._streams.get(stream_id) or self._known(stream_id, "DATA")
        n_bytes = len(payload)
        self._window -= n_bytes
        if self._window < CONNECTION_WINDOW // 2:
            if self._window < 0:
                raise Broken(Code.FLOW_CONTROL_ERROR, "more DATA than the connection's window has room for")
            self.outgoing.write(frame(frames.WINDOW_UPDATE, 0, 0, u32(CONNECTION_WINDOW - self._window)))
            self._window = CONNECTION_WINDOW
        data = frames.unpadded(payload) if flags & frames.PADDED else payload
        if data:
            self._n_fruitless = 0
        elif not flags & END_STREAM:
            self._fruitless()
        if stream is None:
            if not self.outgoing.was_reset(stream_id):
                raise StreamBroken(Code.STREAM_CLOSED, "DATA of a stream that is over")
            return
        if stream.has_ended:
            raise StreamBroken(Code.STREAM_CLOSED, "DATA after the last")
        stream.receive_window -= n_bytes
        if stream.receive_window < 0:
            raise StreamBroken(Code.FLOW_CONTROL_ERROR, "more DATA than the stream's window has room for")
        if flags & END_STREAM:
            stream.has_ended = True
        elif stream.receive_window < WINDOW_BYTES // 2:
            self.outgoing.write(frame(frames.WINDOW_UPDATE, 0, stream_id, u32(WINDOW_BYTES - stream.receive_window)))
            stream.receive_window = WINDOW_BYTES
        stream.received(data)

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id % 2 == 0:
            raise Broken(Code.PROTOCOL_ERROR, f"HEADERS of stream {stream_id}, which no client may open")
        block = frames.unpadded(payload) if flags & frames.PADDED else payload
        if flags & frames.WITH_PRIORITY:
            if len(block) < 5:
                raise Broken(Code.FRAME_SIZE_ERROR, "HEADERS too short for the priority that they announce")
            block = block[5:]
        if flags & END_HEADERS:
            self._on_block(flags, stream_id, block)
        else:
            self._headers, self._block = (flags, stream_id), block

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._headers is None or self._headers[1] != stream_id:
            raise Broken(Code.PROTOCOL_ERROR, f"CONTINUATION of stream {stream_id}, which has nothing to continue")
        if not payload:
            self._fruitless()
        self._block += payload
        if len(self._block) > MAX_BLOCK_BYTES:
            raise Broken(Code.ENHANCE_YOUR_CALM, f"a header block of more than {MAX_BLOCK_BYTES:,} bytes")
        if flags & END_HEADERS:
            block, self._block = self._block, b""
            opening_flags, self._headers = self._headers[0], None
            self._on_block(opening_flags, stream_id, block)

    def _on_block(self, flags: int, stream_id: int, block: bytes) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None or stream_id <= self._last_id:
            self._on_trailers(flags, stream, stream_id, block)
            return
        self._last_id = stream_id
        head = self._fields.read(block)
        if stream_id > self._last_accepted_id or len(self._streams) >= MAX_STREAMS:
            raise StreamBroken(Code.REFUSED_STREAM, "not now")
        self._n_fruitless = 0
        self._n_opened += 1
        opened = self._open_stream(head)
        opened.id, opened.send_window = stream_id, self.outgoing.initial_window
        opened.has_ended = bool(flags & END_STREAM)
        self._streams[stream_id] = opened
        opened.begin()
        if opened.has_ended:
            opened.received(b"")

    def _on_trailers(self, flags: int, stream: Stream | None, stream_id: int, block: bytes) -> None:
        self._fields.skip(block)
        if stream is None:
            if not self.outgoing.was_reset(stream_id):
                raise Broken(Code.STREAM_CLOSED, f"HEADERS of stream {stream_id}, which is over, or was never opened")
            return
        if stream.has_ended:
            raise StreamBroken(Code.STREAM_CLOSED, "HEADERS after the last")
        if not flags & END_STREAM:
            raise StreamBroken(Code.PROTOCOL_ERROR, "HEADERS behind a request's first that do not end it")
        stream.has_ended = True
        stream.received(b"")

    def _on_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags
        if not stream_id:
            raise Broken(Code.PROTOCOL_ERROR, "PRIORITY of no stream")
        if len(payload) != 5:
            raise StreamBroken(Code.FRAME_SIZE_ERROR, f"PRIORITY of {len(payload)} bytes; it has 5")
        self._fruitless()

    def _on_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags
        _require_size("RST_STREAM", payload, 4)
        stream = self._known(stream_id, "RST_STREAM")
        if stream is None:
            self._fruitless()
            return
        self.outgoing.forget(stream_id)
        stream.abandoned()
        self._n_resets += 1
        if self._n_resets > RESETS_FORGIVEN + (self._n_opened - self._n_resets):
            raise Broken(Code.ENHANCE_YOUR_CALM, f"{self._n_resets:,} of {self._n_opened:,} requests were taken back")

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise Broken(Code.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & frames.ACK:
            _require_size("an acknowledgement of SETTINGS", payload, 0)
            self._fruitless()
            return
        self._has_settings = True
        for key, value in peer_settings.read(payload):
            if key == peer_settings.INITIAL_WINDOW_SIZE:
                self.outgoing.set_initial_window(value)
            elif key == peer_settings.MAX_FRAME_SIZE:
                self.outgoing.max_frame_bytes = value
            elif key == peer_settings.HEADER_TABLE_SIZE:
                self.outgoing.must_shrink_table = True
        self._fruitless()
        self.outgoing.write(frame(frames.SETTINGS, frames.ACK, 0))

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise Broken(Code.PROTOCOL_ERROR, "PING of a stream")
        _require_size("PING", payload, 8)
        if not flags & frames.ACK:
            self.outgoing.write(frame(frames.PING, frames.ACK, 0, payload))
        elif payload == DRAINING:
            self.stop_accepting()

    def _on_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        """The client opens no more streams; those that are open are still answered."""
        del flags
        if stream_id:
            raise Broken(Code.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 8:
            raise Broken(Code.FRAME_SIZE_ERROR, f"GOAWAY of {len(payload)} bytes; it has 8 or more")

    def _on_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags
        _require_size("WINDOW_UPDATE", payload, 4)
        n_bytes = frames.read_u32(payload) & peer_settings.MAX_WINDOW
        if not stream_id:
            if not n_bytes:
                raise Broken(Code.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
            self.outgoing.widen(n_bytes)
            return
        stream = self._known(stream_id, "WINDOW_UPDATE")
        if not n_bytes:
            raise StreamBroken(Code.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
        if stream is not None:
            self.outgoing.widen_stream(stream, n_bytes)

    def _on_push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags, stream_id, payload
        raise Broken(Code.PROTOCOL_ERROR, "PUSH_PROMISE, which is for servers")


def _require_size(what: str, payload: bytes, n_bytes: int) -> None:
    """Errors: Broken."""
    if len(payload) != n_bytes:
        raise Broken(Code.FRAME_SIZE_ERROR, f"{what} of {len(payload)} bytes; it has {n_bytes}")
