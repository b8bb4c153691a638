"""HTTP/2 of the gRPC door: what is answered, what is refused and how, and that nothing a client sends breaks it."""

from itertools import pairwise

import h2.config
import h2.connection
import h2.events
import pytest
from h2.settings import SettingCodes
from http2_peer import FIELDS, OPENING, Peer, block, frames_of, headers, window_update
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.graph.doors.http2 import connection as limits
from model_server.graph.doors.http2.errors import Code
from model_server.graph.doors.http2.fields import MAX_BLOCK_BYTES
from model_server.graph.doors.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    frame,
    u32,
)

KINDS = (DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, 11)


def open_peer(**how):
    peer = Peer(**how)
    peer.say(OPENING)
    return peer


def goaway_code(said):
    codes = [int.from_bytes(payload[4:8]) for kind, _, _, payload in said if kind == GOAWAY]
    return Code(codes[-1]) if codes else None


def resets(said):
    return {stream: Code(int.from_bytes(payload)) for kind, _, stream, payload in said if kind == RST_STREAM}


def bodies(said):
    told = {}
    for kind, _, stream, payload in said:
        if kind == DATA:
            told[stream] = told.get(stream, b"") + payload
    return told


def test_it_introduces_itself_before_it_is_asked():
    peer = Peer()
    fresh = limits.Connection(None, None, lambda: None).outgoing.take()
    kinds = [kind for kind, _, _, _ in frames_of(fresh)]
    assert kinds == [SETTINGS, WINDOW_UPDATE]
    assert [(kind, flags) for kind, flags, _, _ in peer.say(OPENING)] == [(SETTINGS, ACK)]


def test_a_request_is_answered_and_its_stream_is_over():
    peer = open_peer()
    said = peer.say(headers(1), frame(DATA, END_STREAM, 1, b"abc"))
    assert [(kind, flags & END_STREAM) for kind, flags, _, _ in said] == [(HEADERS, 0), (DATA, 0), (HEADERS, 1)]
    assert bodies(said) == {1: b"abc"}
    assert peer.connection.is_idle


def test_padding_priority_and_continuations_are_taken_off():
    peer = open_peer()
    whole = block()
    padded = bytes([3]) + u32(0) + b"\x10" + whole[:5] + b"\0" * 3
    opening = frame(HEADERS, PADDED | WITH_PRIORITY, 1, padded)
    rest = [frame(CONTINUATION, 0, 1, whole[5:9]), frame(CONTINUATION, END_HEADERS, 1, whole[9:])]
    said = peer.say(opening, *rest, frame(DATA, PADDED | END_STREAM, 1, b"\x02ab\0\0"))
    assert bodies(said) == {1: b"ab"}


def test_trailers_end_a_request_as_well():
    peer = open_peer()
    trailers = headers(1, END_STREAM, [("x-a", "1")])
    assert bodies(peer.say(headers(1), frame(DATA, 0, 1, b"abc"), trailers)) == {1: b"abc"}


def test_a_ping_comes_back():
    peer = open_peer()
    assert peer.say(frame(PING, 0, 0, b"12345678")) == [(PING, ACK, 0, b"12345678")]
    assert peer.say(frame(PING, ACK, 0, b"12345678")) == []


BREAKS = {
    "an HTTP/1.1 request": (b"GET / HTTP/1.1\r\n\r\n", Code.PROTOCOL_ERROR),
    "no SETTINGS first": (PREFACE + frame(PING, 0, 0, bytes(8)), Code.PROTOCOL_ERROR),
    "DATA of no stream": (OPENING + frame(DATA, 0, 0, b"a"), Code.PROTOCOL_ERROR),
    "DATA of a stream that is not open": (OPENING + frame(DATA, 0, 1, b"a"), Code.PROTOCOL_ERROR),
    "RST_STREAM of a stream that is not open": (OPENING + frame(RST_STREAM, 0, 1, bytes(4)), Code.PROTOCOL_ERROR),
    "WINDOW_UPDATE of a stream that is not open": (OPENING + window_update(1, 1), Code.PROTOCOL_ERROR),
    "a server's stream": (OPENING + headers(2), Code.PROTOCOL_ERROR),
    "HEADERS of no stream": (OPENING + headers(0), Code.PROTOCOL_ERROR),
    "an id below the last": (OPENING + headers(3, END_STREAM) + headers(1), Code.STREAM_CLOSED),
    "more padding than bytes": (OPENING + headers(1) + frame(DATA, PADDED, 1, b"\x05ab"), Code.PROTOCOL_ERROR),
    "padding of nothing": (OPENING + headers(1) + frame(DATA, PADDED, 1), Code.PROTOCOL_ERROR),
    "priority in too few bytes": (
        OPENING + frame(HEADERS, WITH_PRIORITY | END_HEADERS, 1, b"a"),
        Code.FRAME_SIZE_ERROR,
    ),
    "a frame too large": (OPENING + headers(1) + frame(DATA, 0, 1, bytes(16_385)), Code.FRAME_SIZE_ERROR),
    "a push": (OPENING + frame(PUSH_PROMISE, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "a short ping": (OPENING + frame(PING, 0, 0, b"1"), Code.FRAME_SIZE_ERROR),
    "a stream's ping": (OPENING + frame(PING, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "a stream's SETTINGS": (OPENING + frame(SETTINGS, 0, 1), Code.PROTOCOL_ERROR),
    "SETTINGS cut short": (OPENING + frame(SETTINGS, 0, 0, b"abc"), Code.FRAME_SIZE_ERROR),
    "an acknowledgement that says something": (OPENING + frame(SETTINGS, ACK, 0, bytes(6)), Code.FRAME_SIZE_ERROR),
    "an initial window too wide": (OPENING + frame(SETTINGS, 0, 0, b"\0\4" + u32(2**31)), Code.FLOW_CONTROL_ERROR),
    "frames too small": (OPENING + frame(SETTINGS, 0, 0, b"\0\5" + u32(16_383)), Code.PROTOCOL_ERROR),
    "a push that is half on": (OPENING + frame(SETTINGS, 0, 0, b"\0\2" + u32(2)), Code.PROTOCOL_ERROR),
    "a window too wide": (OPENING + window_update(0, 2**31 - 1), Code.FLOW_CONTROL_ERROR),
    "a window wider by nothing": (OPENING + window_update(0, 0), Code.PROTOCOL_ERROR),
    "a short GOAWAY": (OPENING + frame(GOAWAY, 0, 0, b"a"), Code.FRAME_SIZE_ERROR),
    "a stream's GOAWAY": (OPENING + frame(GOAWAY, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "a block that nobody can read": (OPENING + frame(HEADERS, END_HEADERS, 1, b"\xff" * 9), Code.COMPRESSION_ERROR),
    "a table larger than it may be": (
        OPENING + frame(HEADERS, END_HEADERS, 1, b"\x3f\xe2\x1f" + block()),
        Code.COMPRESSION_ERROR,
    ),
    "nothing to continue": (OPENING + frame(CONTINUATION, END_HEADERS, 1, block()), Code.PROTOCOL_ERROR),
    "a frame inside a block": (OPENING + frame(HEADERS, 0, 1, b"") + frame(PING, 0, 0, bytes(8)), Code.PROTOCOL_ERROR),
    "a block continued elsewhere": (
        OPENING + frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, END_HEADERS, 3, block()),
        Code.PROTOCOL_ERROR,
    ),
    "a block without end": (
        OPENING + frame(HEADERS, 0, 1) + frame(CONTINUATION, 0, 1, bytes(16_384)) * (MAX_BLOCK_BYTES // 16_384 + 1),
        Code.ENHANCE_YOUR_CALM,
    ),
    "continuations of nothing": (
        OPENING + frame(HEADERS, 0, 1) + frame(CONTINUATION, 0, 1) * (limits.FRUITLESS_FORGIVEN + 1),
        Code.ENHANCE_YOUR_CALM,
    ),
    "endless DATA of nothing": (
        OPENING + headers(1) + frame(DATA, 0, 1) * (limits.FRUITLESS_FORGIVEN + 1),
        Code.ENHANCE_YOUR_CALM,
    ),
    "endless SETTINGS": (OPENING + frame(SETTINGS, 0, 0) * (limits.FRUITLESS_FORGIVEN + 1), Code.ENHANCE_YOUR_CALM),
    "endless frames of no type": (
        OPENING + frame(99, 0, 0) * (limits.FRUITLESS_FORGIVEN + 1),
        Code.ENHANCE_YOUR_CALM,
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_who_breaks_the_rules_hears_which_and_is_left(name):
    data, code = BREAKS[name]
    peer = Peer()
    assert goaway_code(peer.say(data)) == code
    assert peer.connection.is_over == (code is not None)
    assert all(stream.is_abandoned or stream.has_ended for stream in peer.opened) or code is None
    if code is not None:
        assert peer.say(headers(101, END_STREAM)) == []


def without(name):
    return [field for field in FIELDS if field[0] != name]


MALFORMED = {
    "no method": without(":method"),
    "no scheme": without(":scheme"),
    "no path": without(":path"),
    "an empty path": [*without(":path"), (":path", "")],
    "a path twice": [*FIELDS, (":path", "/b")],
    "a pseudo-field that nobody knows": [*FIELDS, (":protocol", "websocket")],
    "a status": [*FIELDS, (":status", "200")],
    "a pseudo-field behind others": [*without(":path"), ("x-a", "1"), (":path", "/")],
    "a name in capitals": [*FIELDS, ("X-A", "1")],
    "a name of two words": [*FIELDS, ("x a", "1")],
    "no name": [*FIELDS, ("", "1")],
    "a line end in a value": [*FIELDS, ("x-a", "1\r\nx-b: 2")],
    "a field of HTTP/1.1": [*FIELDS, ("connection", "close")],
    "te for other than trailers": [*FIELDS, ("te", "gzip")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_ends_its_stream_and_no_other(name):
    peer = open_peer()
    said = peer.say(headers(1, END_STREAM, MALFORMED[name]), headers(3), frame(DATA, END_STREAM, 3, b"ok"))
    assert resets(said) == {1: Code.PROTOCOL_ERROR}
    assert bodies(said) == {3: b"ok"}


STREAM_FAULTS = {
    "a stream's window too wide": (window_update(1, 2**31 - 1), Code.FLOW_CONTROL_ERROR),
    "a stream's window wider by nothing": (window_update(1, 0), Code.PROTOCOL_ERROR),
    "HEADERS in the middle": (headers(1, 0, [("x-a", "1")]), Code.PROTOCOL_ERROR),
    "a short PRIORITY": (frame(PRIORITY, 0, 1, b"a"), Code.FRAME_SIZE_ERROR),
    "more DATA than the stream has room for": (frame(DATA, 0, 1, bytes(16_384)), Code.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_a_fault_of_one_stream_ends_that_one_alone(name):
    data, code = STREAM_FAULTS[name]
    peer = open_peer(answers=False)
    peer.say(headers(1), headers(3))
    peer.opened[0].receive_window = 16_383
    assert resets(peer.say(data)) == {1: code}
    assert [stream.is_abandoned for stream in peer.opened] == [True, False]
    peer.answers = True
    assert bodies(peer.say(frame(DATA, END_STREAM, 3, b"ok"))) == {3: b"ok"}
    assert peer.say(frame(DATA, 0, 1, b"late")) == []


def test_data_behind_the_last_are_refused():
    peer = open_peer(answers=False)
    said = peer.say(headers(1, END_STREAM), frame(DATA, 0, 1, b"a"))
    assert resets(said) == {1: Code.STREAM_CLOSED}
    answered = open_peer()
    said = answered.say(headers(1, END_STREAM), frame(DATA, 0, 1, b"a"))
    assert resets(said) == {1: Code.STREAM_CLOSED}


def test_more_streams_than_may_be_open_are_refused_and_can_be_asked_again():
    peer = open_peer(answers=False)
    said = peer.say(*(headers(1 + 2 * i, END_STREAM) for i in range(limits.MAX_STREAMS + 2)))
    ids = {1 + 2 * limits.MAX_STREAMS, 3 + 2 * limits.MAX_STREAMS}
    assert resets(said) == dict.fromkeys(ids, Code.REFUSED_STREAM)
    assert len(peer.opened) == limits.MAX_STREAMS


def test_requests_taken_back_again_and_again_end_the_connection():
    peer = open_peer(answers=False)
    for i in range(limits.RESETS_FORGIVEN):
        assert goaway_code(peer.say(headers(1 + 2 * i), frame(RST_STREAM, 0, 1 + 2 * i, u32(Code.CANCEL)))) is None
    i = limits.RESETS_FORGIVEN
    said = peer.say(headers(1 + 2 * i), frame(RST_STREAM, 0, 1 + 2 * i, u32(Code.CANCEL)))
    assert goaway_code(said) == Code.ENHANCE_YOUR_CALM
    assert all(stream.is_abandoned for stream in peer.opened)


def test_who_takes_back_less_than_half_is_never_cut():
    peer = open_peer()
    for i in range(0, 6 * limits.RESETS_FORGIVEN, 3):
        ids = [1 + 2 * (i + j) for j in range(3)]
        answered = [headers(each, END_STREAM) for each in ids[:2]]
        peer.say(*answered, headers(ids[2]), frame(RST_STREAM, 0, ids[2], u32(Code.CANCEL)))
    assert not peer.connection.is_over


def test_an_answer_waits_for_room_and_goes_on_with_it():
    peer = open_peer()
    body = bytes(range(256)) * 300
    peer.say(frame(SETTINGS, 0, 0, b"\0\4" + u32(10)))
    said = peer.say(headers(1), *(frame(DATA, 0, 1, body[i : i + 16_000]) for i in range(0, len(body), 16_000)))
    said += peer.say(frame(DATA, END_STREAM, 1))
    assert bodies(said) == {1: body[:10]}
    assert peer.connection.outgoing.unsent_bytes == len(body) - 10
    said += peer.say(window_update(1, 90))
    assert bodies(said) == {1: body[:100]}
    said += peer.say(frame(SETTINGS, 0, 0, b"\0\4" + u32(1_000_000)))
    assert bodies(said) == {1: body[:65_535]}, "then it is the connection's window that ends"
    assert not any(flags & END_STREAM for kind, flags, _, _ in said if kind == HEADERS)
    said += peer.say(window_update(0, 1_000_000))
    assert bodies(said) == {1: body}
    assert said[-1][:3] == (HEADERS, END_HEADERS | END_STREAM, 1)


def test_large_answers_take_turns():
    peer = open_peer()
    body = bytes(16_000)
    asked = [part for i in (1, 3) for part in (headers(i), frame(DATA, 0, i, body), frame(DATA, END_STREAM, i, body))]
    peer.say(frame(SETTINGS, 0, 0, b"\0\4" + u32(0)), *asked)
    said = peer.say(frame(SETTINGS, 0, 0, b"\0\4" + u32(60_000)))
    assert [stream for kind, _, stream, _ in said if kind == DATA][:4] == [1, 3, 1, 3]


def test_an_answer_that_nobody_wants_any_more_is_not_sent():
    peer = open_peer()
    peer.say(frame(SETTINGS, 0, 0, b"\0\4" + u32(0)), headers(1), frame(DATA, END_STREAM, 1, b"abc"))
    peer.say(frame(RST_STREAM, 0, 1, u32(Code.CANCEL)))
    assert peer.opened[0].is_abandoned
    assert peer.say(frame(SETTINGS, 0, 0, b"\0\4" + u32(100))) == [(SETTINGS, ACK, 0, b"")]
    assert peer.connection.outgoing.unsent_bytes == 0


def test_who_sends_is_given_room_again_and_who_takes_more_is_cut():
    peer = open_peer(answers=False)
    peer.say(headers(1))
    peer.opened[0].received = lambda data: None
    room = {0: limits.CONNECTION_WINDOW, 1: 1024 * 1024}
    for _ in range(3_000):
        for kind, _, stream, payload in peer.say(frame(DATA, 0, 1, bytes(16_384))):
            assert kind == WINDOW_UPDATE
            room[stream] += int.from_bytes(payload)
        room = {stream: n_bytes - 16_384 for stream, n_bytes in room.items()}
        assert min(room.values()) >= 500_000
    peer.connection._window = 100
    assert goaway_code(peer.say(frame(DATA, 0, 1, bytes(101)))) == Code.FLOW_CONTROL_ERROR


def test_an_early_answer_asks_for_no_more_and_what_still_comes_is_dropped():
    peer = open_peer(answers=False)
    peer.say(headers(1))
    peer.connection.outgoing.answer(peer.opened[0], b"\x88", b"no", b"\x00\x01e\x011")
    assert resets(frames_of(peer.take())) == {1: Code.NO_ERROR}
    assert peer.say(frame(DATA, 0, 1, b"late"), headers(1, END_STREAM, [("x", "1")])) == []
    peer.connection.outgoing.answer(peer.opened[0], b"\x88", b"twice", b"\x00\x01e\x011")
    assert peer.take() == b""


def test_a_client_that_wants_a_smaller_table_is_told_that_none_is_used():
    peer = open_peer()
    peer.say(frame(SETTINGS, 0, 0, b"\0\1" + u32(0)))
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    client.update_settings({SettingCodes.HEADER_TABLE_SIZE: 0})
    fresh = Peer()
    client.send_headers(1, FIELDS, end_stream=True)
    fresh.connection.receive(client.data_to_send())
    client.receive_data(frame(SETTINGS, 0, 0) + fresh.take())
    assert fresh.say(headers(3, END_STREAM))[0][3][:1] == b"\x88", "it is said once"


def test_draining_answers_what_crosses_it_and_refuses_what_comes_later():
    peer = open_peer(answers=False)
    peer.say(headers(1, END_STREAM))
    peer.connection.drain()
    (goaway, ping) = frames_of(peer.take())
    assert int.from_bytes(goaway[3][:4]) == 2**31 - 1
    peer.say(headers(3, END_STREAM))
    assert not peer.connection.is_drained
    (goaway,) = peer.say(frame(PING, ACK, 0, ping[3]))
    assert int.from_bytes(goaway[3][:4]) == 3
    assert resets(peer.say(headers(5, END_STREAM))) == {5: Code.REFUSED_STREAM}
    for stream in peer.opened:
        peer.connection.outgoing.answer(stream, b"\x88", b"x", b"\x00\x01e\x010")
    assert bodies(frames_of(peer.take())) == {1: b"x", 3: b"x"}
    assert peer.connection.is_drained


def test_an_error_of_our_own_is_said_and_logged(caplog):
    peer = open_peer()
    peer._open = None
    peer.connection._open_stream = None
    assert goaway_code(peer.say(headers(1))) == Code.INTERNAL_ERROR
    assert "own code" in caplog.text


garbage = st.one_of(
    st.binary(max_size=60),
    st.builds(
        frame,
        st.sampled_from(KINDS),
        st.integers(0, 255),
        st.sampled_from([0, 1, 2, 3, 5, 7, 2**31 - 1, 2**32 - 1]),
        st.binary(max_size=40),
    ),
    st.builds(headers, st.sampled_from([1, 3, 5, 7]), st.sampled_from([0, END_STREAM])),
    st.builds(
        lambda stream, data, end: frame(DATA, end, stream, data),
        st.sampled_from([1, 3, 5, 7]),
        st.binary(max_size=40),
        st.sampled_from([0, END_STREAM]),
    ),
    st.builds(window_update, st.sampled_from([0, 1, 3]), st.integers(0, 2**31 - 1)),
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(pieces=st.lists(garbage, max_size=12), is_opened=st.booleans(), cuts=st.lists(st.integers(0, 800), max_size=12))
def test_whatever_comes_is_taken_the_same_however_it_is_split_and_breaks_nothing(pieces, is_opened, cuts):
    data = (OPENING if is_opened else b"") + b"".join(pieces)
    whole = Peer()
    told = whole.say(data)
    split = Peer()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    told_split = []
    for begin, end in pairwise(places):
        told_split += split.say(data[begin:end])
    assert told_split == told
    assert [(each.body, each.has_ended, each.is_abandoned) for each in split.opened] == [
        (each.body, each.has_ended, each.is_abandoned) for each in whole.opened
    ]
    assert goaway_code(told) is not Code.INTERNAL_ERROR
    assert whole.connection.is_over == (goaway_code(told) is not None)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    asked=st.lists(st.tuples(st.integers(0, 70_000), st.booleans()), min_size=1, max_size=6),
    window=st.sampled_from([999, 65_535, 1_000_000]),
    frame_bytes=st.sampled_from([16_384, 50_000]),
    piece_bytes=st.sampled_from([7, 1_000, 100_000]),
    n_repeated=st.integers(0, 3),
)
def test_h2_gets_its_answers_whatever_it_sends_and_has_room_for(asked, window, frame_bytes, piece_bytes, n_repeated):
    """The client is python-hyper's; its header blocks fill a table and are repeated."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window, SettingCodes.MAX_FRAME_SIZE: frame_bytes})
    peer, told, ended = Peer(), {}, set()
    client.receive_data(frame(SETTINGS, 0, 0, b"\0\4" + u32(1024 * 1024)) + window_update(0, 2**24))

    def exchange():
        while data := client.data_to_send():
            for begin in range(0, len(data), max(piece_bytes, len(data) // 50)):
                peer.connection.receive(data[begin : begin + max(piece_bytes, len(data) // 50)])
            for event in client.receive_data(peer.take()):
                if isinstance(event, h2.events.DataReceived):
                    told[event.stream_id] = told.get(event.stream_id, b"") + event.data
                    client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)

    exchange()
    sent = {}
    for n_bytes, is_new in asked * (n_repeated + 1):
        stream = client.get_next_available_stream_id()
        fields = [*FIELDS, ("x-id", str(stream) if is_new else "always")]
        client.send_headers(stream, fields)
        body = bytes([stream % 256]) * n_bytes
        for begin in range(0, n_bytes, 16_384):
            client.send_data(stream, body[begin : begin + 16_384])
        client.end_stream(stream)
        exchange()
        sent[stream] = body
        head = dict(peer.opened[-1].head.fields)
        assert head == {b"x-id": fields[-1][1].encode()}
    assert ended == set(sent)
    assert told == {stream: body for stream, body in sent.items() if body}
    assert peer.connection.is_idle
