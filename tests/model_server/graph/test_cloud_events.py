"""The form of an event, held against what Seldon's executor posted (recorded), and against any text."""

from __future__ import annotations

import gzip
import re
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.graph.cloud_events import Event, NotPlain, Source, unpacked
from model_server.graph.messages import GrpcMessage, RestMessage
from model_server.graph.walk import Told

NOON = datetime(2026, 11, 24, 12, 0, 0, 1500, UTC)
SOURCE = Source("dep", "ns", "p1", 8000)
ENTROPY = bytes(range(40))


def headers(told, message, node_name="plus-one", puid="given-id", source=SOURCE):
    return dict(Event.of(told, node_name, puid, message, NOON).headers(source.attributes(), ENTROPY))


def test_an_event_has_exactly_the_executors_headers():
    assert headers(Told.REQUEST, RestMessage(b"{}")) == {
        "ce-endpoint": "p1",
        "ce-id": "00010203-0405-4607-8809-0a0b0c0d0e0f",
        "ce-inferenceservicename": "dep",
        "ce-modelid": "plus-one",
        "ce-namespace": "ns",
        "ce-protocol": "seldon",
        "ce-requestid": "given-id",
        "ce-source": "http://:8000/",
        "ce-specversion": "1.0",
        "ce-time": "2026-11-24T12:00:00.001500Z",
        "ce-traceparent": "00-101112131415161718191a1b1c1d1e1f-2021222324252627-00",
        "ce-type": "io.seldon.serving.inference.request",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(
    ("told", "ce_type"),
    [
        (Told.REQUEST, "io.seldon.serving.inference.request"),
        (Told.RESPONSE, "io.seldon.serving.inference.response"),
        (Told.FEEDBACK, "io.seldon.serving.feedback"),
    ],
)
def test_what_is_told_is_its_type(told, ce_type):
    assert headers(told, RestMessage(b"{}"))["ce-type"] == ce_type


def test_a_grpc_message_is_protobuf_as_serialized():
    event = Event.of(Told.REQUEST, "n", "p", GrpcMessage(b"\x1a\x00"), NOON)
    assert (event.body, event.content_type, event.content_encoding) == (b"\x1a\x00", "application/protobuf", "")


def test_a_body_of_unknown_type_is_posted_without_one():
    assert "content-type" not in headers(Told.REQUEST, RestMessage(b"{}", content_type=""))


@given(texts=st.tuples(*[st.text()] * 6))
@settings(max_examples=200, derandomize=True)
def test_any_text_makes_headers_that_http_can_carry(texts):
    node_name, puid, deployment, namespace, predictor, content_type = texts
    message = RestMessage(b"", content_type)
    made = headers(Told.REQUEST, message, node_name, puid, Source(deployment, namespace, predictor, 1))
    assert all(re.fullmatch(r"[\x20-\x7e]*", value) for value in made.values())


@given(text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
@settings(max_examples=100, derandomize=True)
def test_printable_text_is_left_as_it_is(text):
    assert headers(Told.REQUEST, RestMessage(b"{}"), puid=text)["ce-requestid"] == text


@given(members=st.lists(st.binary(max_size=300), min_size=1, max_size=4), padding=st.integers(0, 9))
@settings(max_examples=200, derandomize=True)
def test_gzip_is_unpacked_member_by_member(members, padding):
    packed = b"".join(gzip.compress(member) for member in members) + bytes(padding)
    plain = b"".join(members)
    assert unpacked(packed, max(1, len(plain))) == plain


@given(plain=st.binary(min_size=2, max_size=300), cut=st.integers(1, 8))
@settings(max_examples=100, derandomize=True)
def test_gzip_that_ends_too_early_is_refused(plain, cut):
    with pytest.raises(NotPlain, match="ends in the midst"):
        unpacked(gzip.compress(plain)[:-cut], 1000)


@given(body=st.binary(min_size=1, max_size=100).filter(lambda body: not body.startswith(b"\x1f")))
@settings(max_examples=100, derandomize=True)
def test_what_is_no_gzip_is_refused(body):
    with pytest.raises(NotPlain, match=r"no gzip|ends in the midst"):
        unpacked(body, 1000)


def test_a_bomb_is_not_unpacked_beyond_the_bound():
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(NotPlain, match="larger than 1000 bytes once unpacked"):
            unpacked(bomb, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert len(unpacked(gzip.compress(bytes(1000)), 1000)) == 1000
