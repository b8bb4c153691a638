"""gRPC's own bytes: messages split anywhere, fields and what they mean, how a call ends."""

import urllib.parse
import zlib

import grpc
import pytest
from hpack import Decoder, Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.graph.doors import grpc_wire as wire
from model_server.graph.doors.grpc_wire import MessageReader, Refused
from model_server.graph.doors.http2.fields import FieldReader

HEAD = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a.B/C"), (b"content-type", b"application/grpc")]


def framed(message, *, is_gzip):
    if not is_gzip:
        return wire.message(message)
    deflate = zlib.compressobj(wbits=31)
    packed = deflate.compress(message) + deflate.flush()
    return b"\1" + len(packed).to_bytes(4) + packed


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    messages=st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=5),
    cuts=st.lists(st.integers(0, 300), max_size=8),
    tail=st.integers(0, 4),
)
def test_messages_are_read_however_they_are_split(messages, cuts, tail):
    data = b"".join(framed(message, is_gzip=is_gzip) for message, is_gzip in messages) + bytes(tail)
    reader, read, places = MessageReader("gzip", 100), [], [0, *sorted(cuts), len(data)]
    for i in range(len(places) - 1):
        read += reader.feed(data[places[i] : max(places[i], places[i + 1])])
    assert read == [message for message, _ in messages]
    assert reader.held_bytes == tail


REFUSED = {
    "too large": ("gzip", b"\0" + (101).to_bytes(4), "RESOURCE_EXHAUSTED"),
    "too large when read": ("gzip", framed(bytes(101), is_gzip=True), "RESOURCE_EXHAUSTED"),
    "no frame": ("gzip", b"\2" + bytes(4), "INTERNAL"),
    "no gzip": ("gzip", b"\1" + (3).to_bytes(4) + b"abc", "INTERNAL"),
    "gzip cut short": ("gzip", b"\1" + (12).to_bytes(4) + framed(b"abc", is_gzip=True)[5:17], "INTERNAL"),
    "compressed, it says not how": ("identity", framed(b"a", is_gzip=True), "INTERNAL"),
    "compressed as nobody knows": ("br", framed(b"a", is_gzip=True), "UNIMPLEMENTED"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_message_is_refused_by_its_code(name):
    encoding, data, code = REFUSED[name]
    with pytest.raises(Refused) as told:
        MessageReader(encoding, 100).feed(data)
    assert told.value.code == code


def test_codes_have_grpcs_numbers():
    assert {code.name: code.value[0] for code in grpc.StatusCode} == {name: i for i, name in enumerate(wire.CODES)}


@given(st.text())
def test_details_come_back_from_how_they_are_escaped(details):
    escaped = wire.escaped(details)
    assert escaped.isascii()
    assert urllib.parse.unquote(escaped.decode()) == details.encode(errors="replace").decode()


@given(st.binary(max_size=300), st.binary(max_size=70_000))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_a_literal_is_read_as_it_was_written(name, value):
    decoder = Decoder(10**6)
    assert decoder.decode(wire.literal(name, value), raw=True) == [(name, value)]
    assert len(decoder.header_table.dynamic_entries) == 0


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from([b"a", b"b", b"te"]), st.sampled_from([b"1", b"2" * 900, b"3"]), st.booleans())
        ),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.integers(0, 4096), max_size=3),
)
def test_what_is_remembered_of_a_block_is_what_it_means_now(lists, sizes):
    encoder, reader = Encoder(), FieldReader(list)
    for i, fields in enumerate(lists + lists):
        if i < len(sizes):
            encoder.header_table_size = sizes[i]
        block = encoder.encode([(name, value, is_secret) for name, value, is_secret in fields])
        assert reader.read(block) == [(name, value) for name, value, _ in fields]


@pytest.mark.parametrize(
    ("text", "seconds"), [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"99999999n", 0.1)]
)
def test_timeouts_have_units(text, seconds):
    assert wire.call_head([*HEAD, (b"grpc-timeout", text)]).timeout_seconds == pytest.approx(seconds)


@pytest.mark.parametrize("text", [b"", b"1", b"m", b"123456789m", b"-1S", b"1.5S", b"1s"])
def test_a_timeout_that_is_none_is_refused(text):
    head = wire.call_head([*HEAD, (b"grpc-timeout", text)])
    assert dict(Decoder().decode(head.answer, raw=True))[b"grpc-status"] == b"13"


@pytest.mark.parametrize(("name", "value", "status"), [(b":method", b"GET", b"405"), (b"content-type", b"a/b", b"415")])
def test_what_is_no_grpc_is_told_in_http(name, value, status):
    head = wire.call_head(list((dict(HEAD) | {name: value}).items()))
    assert dict(Decoder().decode(head.answer, raw=True))[b":status"] == status
