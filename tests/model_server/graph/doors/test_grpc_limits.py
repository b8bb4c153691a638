"""What one client may cost the others at the gRPC door: time, places, memory. No sockets; time is told, not spent."""

import asyncio

import pytest
from asked_door import Counted
from http2_peer import OPENING, block

from model_server.graph.doors import grpc_calls, grpc_connections
from model_server.graph.doors.grpc_calls import Desk, Method
from model_server.graph.doors.grpc_connections import GrpcConnection
from model_server.graph.doors.http2.frames import DATA, END_HEADERS, END_STREAM, HEADERS, WINDOW_UPDATE, frame
from model_server.graph.doors.reception import Reception
from model_server.graph.settings import Limits

METHOD = "/seldon.protos.Seldon/Predict"
HEAD = block(
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", METHOD),
        (":authority", "a"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
)


async def echo(request, context):
    return request


class Transport(asyncio.Transport):
    """Whose client takes what is written, or nothing of it."""

    def __init__(self, *, takes=True):
        super().__init__()
        self.takes = takes
        self.written = bytearray()
        self.is_closed = self.is_aborted = self.is_read = False

    def write(self, data):
        self.written += data

    def get_write_buffer_size(self):
        return 0 if self.takes else len(self.written)

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def is_closing(self):
        return self.is_closed

    def close(self):
        self.is_closed = True

    def abort(self):
        self.is_aborted = True


class Door:
    """Its desk, and connections to it."""

    def __init__(self):
        reception = Reception(Counted(), Limits())
        self.desk = Desk({METHOD: Method("Predict", echo, True)}, reception, asyncio.get_running_loop())
        self.connections = set()

    def connected(self, *said, takes=True):
        connection, transport = GrpcConnection(self.desk, self.connections), Transport(takes=takes)
        connection.connection_made(transport)
        if said:
            connection.data_received(b"".join(said))
        return connection, transport


def call(stream, message, *, sent_bytes=None):
    """Of which only so many bytes of the message are sent."""
    body = (b"\0" + len(message).to_bytes(4) + message)[:sent_bytes]
    return frame(HEADERS, END_HEADERS, stream, HEAD) + frame(
        DATA, END_STREAM if sent_bytes is None else 0, stream, body
    )


def in_a_loop(go):
    asyncio.run(go())


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_never_says_that_it_speaks_http2_is_told_goodbye():
    async def go():
        connection, transport = Door().connected()
        connection.look(connection.since + grpc_connections.PREFACE_SECONDS - 0.1)
        await turns()
        assert not transport.is_closed
        connection.look(connection.since + grpc_connections.PREFACE_SECONDS + 0.1)
        await turns()
        assert transport.is_closed
        assert b"nothing came" in transport.written

    in_a_loop(go)


@pytest.mark.parametrize("takes", [True, False])
def test_who_takes_nothing_of_an_answer_is_cut_and_who_does_is_not(takes):
    async def go():
        connection, transport = Door().connected(OPENING, call(1, b"hello"), takes=takes)
        await turns()
        assert b"hello" in transport.written
        connection.look(connection.since)
        connection.look(connection.since + grpc_connections.ANSWER_SECONDS - 1)
        assert not transport.is_aborted
        connection.look(connection.since + grpc_connections.ANSWER_SECONDS + 1)
        assert transport.is_aborted is not takes

    in_a_loop(go)


def test_an_answer_for_which_a_client_gives_no_window_is_not_waited_for_for_ever():
    async def go():
        no_window = frame(4, 0, 0, b"\0\4\0\0\0\0")  # SETTINGS_INITIAL_WINDOW_SIZE of 0
        connection, transport = Door().connected(OPENING, no_window, call(1, b"hello"))
        await turns()
        assert b"hello" not in transport.written
        connection.look(connection.since)
        connection.look(connection.since + grpc_connections.ANSWER_SECONDS + 1)
        assert transport.is_aborted

    in_a_loop(go)


def test_where_all_places_are_taken_the_idle_make_room_and_the_busy_do_not(monkeypatch):
    monkeypatch.setattr(grpc_connections, "MAX_CONNECTIONS", 2)

    async def go():
        door = Door()
        (old, old_transport), (_, busy_transport) = (
            door.connected(OPENING),
            door.connected(OPENING, call(1, b"x", sent_bytes=3)),
        )
        _, turned_away = door.connected(OPENING)
        assert turned_away.is_aborted  # both had just been used
        for each in door.connections:
            each.since -= grpc_connections.SURELY_IDLE_SECONDS + 1
        newcomer, transport = door.connected(OPENING)
        await turns()
        assert old_transport.is_closed
        assert not busy_transport.is_closed
        assert not transport.is_aborted
        assert newcomer in door.connections
        assert old not in door.connections

    in_a_loop(go)


def test_what_arrives_at_once_has_a_bound_and_is_let_go_of(monkeypatch):
    monkeypatch.setattr(grpc_calls, "MIN_HELD_BYTES", 0)
    message, piece = bytes(16_000), 16_000

    async def go():
        door = Door()
        limit = door.desk.max_held_bytes
        assert limit == 2 * Limits().max_grpc_message_bytes
        door.desk.held_bytes = limit - piece // 2  # of others
        connection, transport = door.connected(OPENING, frame(WINDOW_UPDATE, 0, 0, (2**20).to_bytes(4)))
        transport.written.clear()
        connection.data_received(call(1, message, sent_bytes=piece))
        await turns()
        assert b"too much is arriving at once" in transport.written
        assert door.desk.held_bytes == limit - piece // 2
        door.desk.held_bytes = 0
        connection.data_received(call(3, message, sent_bytes=piece))
        assert door.desk.held_bytes >= piece - 5
        connection.connection_lost(None)
        assert door.desk.held_bytes == 0

    in_a_loop(go)
