"""A connection of the gRPC door without a socket, which answers each request with what it said; and raw frames."""

from hpack import Encoder

from model_server.graph.doors.http2.connection import Connection
from model_server.graph.doors.http2.frames import END_HEADERS, HEADERS, PREFACE, SETTINGS, WINDOW_UPDATE, frame
from model_server.graph.doors.http2.requests import request_head
from model_server.graph.doors.http2.stream import Stream

FIELDS = [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "x")]
OPENING = PREFACE + frame(SETTINGS, 0, 0)
STATUS_200 = b"\x88"
TRAILERS = b"\x00\x01e\x010"


class Echo(Stream):
    def __init__(self, peer, head):
        super().__init__()
        self.peer, self.head, self.body = peer, head, b""
        self.is_abandoned = False

    def received(self, data):
        self.body += data
        if self.has_ended and self.peer.answers:
            self.peer.connection.outgoing.answer(self, STATUS_200, self.body, TRAILERS)

    def abandoned(self):
        self.is_abandoned = True


class Peer:
    def __init__(self, *, answers=True):
        self.answers = answers
        self.opened = []
        self.n_outputs = 0
        self.connection = Connection(request_head, self._open, self._told)
        self.take()

    def _told(self):
        self.n_outputs += 1

    def _open(self, head):
        self.opened.append(Echo(self, head))
        return self.opened[-1]

    def take(self):
        return self.connection.outgoing.take()

    def say(self, *said):
        """What it says to that, as frames."""
        self.connection.receive(b"".join(said))
        return frames_of(self.take())


def block(fields=FIELDS):
    return Encoder().encode(fields)


def headers(stream_id, flags=0, fields=FIELDS):
    return frame(HEADERS, END_HEADERS | flags, stream_id, block(fields))


def window_update(stream_id, n_bytes):
    return frame(WINDOW_UPDATE, 0, stream_id, n_bytes.to_bytes(4))


def frames_of(data):
    """Cut by hand."""
    frames = []
    while data:
        n_bytes = int.from_bytes(data[:3])
        frames.append((data[3], data[4], int.from_bytes(data[5:9]), data[9 : 9 + n_bytes]))
        assert len(data) >= 9 + n_bytes
        data = data[9 + n_bytes :]
    return frames
