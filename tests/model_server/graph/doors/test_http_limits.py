"""Limits refuse what cannot be kept, refusals are whole answers, and the helpers of an application do what they say."""

from __future__ import annotations

import asyncio
import json

import pytest

from model_server.graph.doors import http_refusals as refusals
from model_server.graph.doors.asgi import read_body, respond
from model_server.graph.doors.http_limits import Limits
from model_server.graph.errors import ClientGone, InvalidLimits, TooLarge


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_head_bytes": 0},
        {"max_body_bytes": -1},
        {"max_headers": 1.5},
        {"max_connections": True},
        {"max_pipelined_requests": "many"},
        {"idle_timeout_seconds": float("inf")},
        {"linger_seconds": float("nan")},
        {"head_timeout_seconds": None},
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused_by_name(wrong):
    with pytest.raises(InvalidLimits, match=next(iter(wrong))):
        Limits(**wrong)


def test_a_head_may_not_take_longer_than_its_request():
    with pytest.raises(InvalidLimits, match="head_timeout_seconds"):
        Limits(head_timeout_seconds=31.0)
    Limits(head_timeout_seconds=30.0)


REFUSALS = [
    refusals.malformed("nonsense"),
    refusals.head_too_large(Limits()),
    refusals.body_too_large(Limits()),
    refusals.head_too_slow(Limits()),
    refusals.request_too_slow(Limits()),
    refusals.too_many_connections(Limits()),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
def test_a_refusal_is_a_whole_answer_with_a_seldon_status(refusal):
    head, _, body = refusal.answer().partition(b"\r\n\r\n")
    status_line, *headers = head.decode().split("\r\n")
    assert status_line.startswith(f"HTTP/1.1 {refusal.http_status.value} ")
    assert f"content-length: {len(body)}" in headers
    assert json.loads(body) == {
        "status": {"code": refusal.http_status.value, "info": refusal.info, "status": "FAILURE"}
    }


def test_every_reason_to_refuse_is_one_of_those_that_are_told():
    assert {refusal.reason for refusal in REFUSALS} == set(refusals.REASONS)


def body_of(*events, max_bytes=10):
    coming = iter(events)

    async def receive():
        return next(coming)

    return asyncio.run(read_body({"method": "POST", "path": "/predict"}, receive, max_bytes))


def piece(body, *, more):
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("events", "body"),
    [
        ([piece(b"", more=False)], b""),
        ([piece(b"0123456789", more=False)], b"0123456789"),
        ([piece(b"01234", more=True), piece(b"", more=True), piece(b"56789", more=False)], b"0123456789"),
        ([{"type": "http.request"}], b""),
    ],
)
def test_a_body_is_read_whole(events, body):
    assert body_of(*events) == body


@pytest.mark.parametrize("events", [[piece(b"01234567890", more=False)], [piece(b"012345", more=True)] * 2])
def test_a_body_that_is_too_large_is_not_read_any_further(events):
    with pytest.raises(TooLarge, match="10 bytes"):
        body_of(*events)


def test_a_client_that_left_has_no_body():
    with pytest.raises(ClientGone, match="POST /predict"):
        body_of(piece(b"01", more=True), {"type": "http.disconnect"})


def test_an_answer_tells_its_length():
    sent = []

    async def send(event):
        sent.append(event)

    asyncio.run(respond(send, 200, [(b"content-type", b"application/json")], b"12345"))
    assert sent[0]["headers"] == [(b"content-type", b"application/json"), (b"content-length", b"5")]
    assert sent[1] == {"type": "http.response.body", "body": b"12345"}
