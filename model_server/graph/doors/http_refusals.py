"""The answers to what is refused before any application sees it: one whole HTTP answer each, and a reason. Pure.

The body is a Seldon status object, as with every other refusal; each answer is the last one on its connection.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, get_args

from model_server.graph.doors.http_limits import Limits

type Reason = Literal["head_too_large", "too_slow", "body_too_large", "malformed", "too_many_connections"]
REASONS: tuple[str, ...] = get_args(Reason.__value__)


@dataclass(frozen=True)
class Refusal:
    http_status: HTTPStatus
    reason: Reason
    info: str
    retry_after_seconds: int | None = None

    def answer(self) -> bytes:
        body = status_body(self.http_status, self.info)
        head = (
            f"HTTP/1.1 {self.http_status.value} {self.http_status.phrase}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        )
        if self.retry_after_seconds is not None:
            head += f"retry-after: {self.retry_after_seconds}\r\n"
        return head.encode() + b"\r\n" + body


class Refused(Exception):
    """Raised in a callback of the parser, which is the only way to stop it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.info)
        self.refusal = refusal


def status_body(code: int, info: str) -> bytes:
    """As Seldon's executor writes it."""
    return json.dumps({"status": {"code": int(code), "info": info, "status": "FAILURE"}}).encode()


def malformed(what: str) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "malformed",
        f"this is not HTTP/1.1 as RFC 9112 has it: {what}; nothing more is read from this connection",
    )


def head_too_large(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "head_too_large",
        f"the URL and headers are more than {limits.max_head_bytes:,} bytes or {limits.max_headers} headers; "
        "send fewer, and data in the body",
    )


def body_too_large(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"the body is larger than {limits.max_body_bytes:,} bytes; send fewer rows in a request",
    )


def head_too_slow(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_TIMEOUT,
        "too_slow",
        f"the headers were not complete {limits.head_timeout_seconds:g} s after the request's first byte; send it anew",
    )


def request_too_slow(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_TIMEOUT,
        "too_slow",
        f"the body was not complete {limits.request_timeout_seconds:g} s after the request's first byte; send it anew",
    )


def too_many_connections(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too_many_connections",
        f"{limits.max_connections:,} connections are open and busy, as many as this server takes; come back later",
        retry_after_seconds=1,
    )
