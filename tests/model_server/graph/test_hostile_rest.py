"""Hostile input at the REST door of a whole server: nothing is worth a 5xx, a dead worker, or memory without bound."""

import http.client
import socket

import pytest
from hostile_requests import GOOD, bodies, feedbacks
from hostile_servers import COMPONENTS_OWN, FORMS, MIB, besieged, raw_answer, until

pytestmark = pytest.mark.component
MAX_BYTES = 2_500 * MIB
"""Of all processes of a server at their worst, added up. Three quiet ones have 250 MiB."""
TOO_LARGE_BYTES = 100 * MIB


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: form.name)
def siege(request, models, tmp_path_factory):
    with besieged(request.param, tmp_path_factory.mktemp(request.param.name), models) as siege:
        yield siege


def statuses(siege, path, named_bodies):
    return {name: _status(siege.post(path, body)) for name, body in named_bodies.items()}


def _status(answer):
    """200 for what a class answered that is no answer: its own affair."""
    status, _, told = answer
    return 200 if any(words in told.decode(errors="replace") for words in COMPONENTS_OWN) else status


def test_no_body_is_worth_a_5xx(siege):
    seen = statuses(siege, siege.form.predict_path, bodies())
    assert {name: status for name, status in seen.items() if not 200 <= status < 500} == {}
    assert 200 in seen.values()
    siege.require_health(MAX_BYTES)


def test_no_feedback_is_worth_a_5xx(siege):
    small = {name: body for name, body in bodies().items() if len(body) < MIB}
    chosen = dict(sorted(small.items())[::4])
    seen = {}
    for name, body in chosen.items():
        for place, feedback in feedbacks(body).items():
            seen[f"{name} as {place}"] = _status(siege.post(siege.form.feedback_path, feedback))
    assert {name: status for name, status in seen.items() if not 200 <= status < 500} == {}
    siege.require_health(MAX_BYTES)


def test_a_body_of_100_mb_is_refused_before_it_is_held(siege):
    siege.forget_peak()
    status, _, body = siege.post(siege.form.predict_path, b" " * TOO_LARGE_BYTES)
    assert status == 413, body[:300]
    siege.require_health(MAX_BYTES)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/xml", "application/json; charset=utf-16", "\xff"]
)
def test_a_content_type_that_is_none_is_the_clients_fault(siege, content_type):
    status, _, _ = siege.post(siege.form.predict_path, GOOD, content_type=content_type)
    assert status == (200 if content_type.startswith("application/json") else 415)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "CONNECT", "PROPFIND", "get"])
def test_an_unknown_method_is_told_so(siege, method):
    request = f"{method} {siege.form.predict_path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    answer = raw_answer(siege.server.http_port, request)
    status = int(answer.split(b" ", 2)[1])
    assert 400 <= status < 500 or (siege.form.predict_path == "/predict" and method == "HEAD" and status == 405), answer
    siege.require_health(MAX_BYTES)


def test_floods_of_headers_garbage_and_half_closed_connections_are_answered_or_closed(siege):
    port, path = siege.server.http_port, siege.form.predict_path
    flood = f"POST {path} HTTP/1.1\r\nHost: a\r\n".encode() + (b"X-Flood: " + b"x" * 60_000 + b"\r\n") * 3
    assert b" 431 " in raw_answer(port, flood, timeout_seconds=20).split(b"\r\n")[0]
    assert raw_answer(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50).startswith(b"HTTP/1.1 400")
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n"
    half_closed = f"{head}Content-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    if siege.form.name in {"install_model", "graph"}:
        assert raw_answer(port, half_closed, finish=True).startswith(b"HTTP/1.1 200")
    for _ in range(50):  # begun, and left alone
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(half_closed[:-10])
    until(lambda: siege.in_flight() == 0, "no request under way")
    siege.require_health(MAX_BYTES)


def test_a_hundred_clients_that_say_nothing_keep_nobody_out(siege):
    silent = [socket.create_connection(("127.0.0.1", siege.server.http_port)) for _ in range(100)]
    try:
        connection = http.client.HTTPConnection("127.0.0.1", siege.server.http_port, timeout=30)
        connection.request("GET", "/live")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        for each in silent:
            each.close()
    siege.require_health(MAX_BYTES)
