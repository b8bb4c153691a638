"""Limits refuse what cannot be kept, refusals are whole answers, and the helpers of an application do what they say."""

from __future__ import annotations

import asyncio
import json

import pytest
from exchange_by_hand import Written, an_exchange

from model_server.graph.doors import http_refusals as refusals
from model_server.graph.doors.http_exchange import header_lines
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


def body_of(*pieces, max_bytes=10, leaves=False):
    async def go():
        exchange = an_exchange("POST", "/predict", Written())
        reading = asyncio.create_task(exchange.body(max_bytes))
        for piece in pieces:
            await asyncio.sleep(0)
            exchange.add(piece)
        exchange.abandon() if leaves else exchange.end()
        return await reading

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("pieces", "body"),
    [([], b""), ([b"0123456789"], b"0123456789"), ([b"01234", b"", b"56789"], b"0123456789")],
)
def test_a_body_is_read_whole(pieces, body):
    assert body_of(*pieces) == body


@pytest.mark.parametrize("pieces", [[b"01234567890"], [b"012345"] * 2])
def test_a_body_that_is_too_large_is_not_read_any_further(pieces):
    with pytest.raises(TooLarge, match="10 bytes"):
        body_of(*pieces)


def test_a_client_that_left_has_no_body():
    with pytest.raises(ClientGone, match="POST /predict"):
        body_of(b"01", leaves=True)


@pytest.mark.parametrize(
    "header",
    [
        (b"x y", b"1"),
        (b"", b"1"),
        (b"x:", b"1"),
        (b"x", b"1\r\nset-cookie: a"),
        (b"x", b"\0"),
        (b"Content-Length", b"1"),
        (b"connection", b"close"),
        (b"transfer-encoding", b"chunked"),
    ],
)
def test_a_header_that_could_be_taken_for_another_is_not_written(header):
    with pytest.raises(RuntimeError, match="header"):
        header_lines([header])


def test_headers_are_written_in_lower_case_and_in_order():
    assert header_lines([(b"X-A", b"1 \t2"), (b"b", b"\xe4")]) == b"x-a: 1 \t2\r\nb: \xe4\r\n"
