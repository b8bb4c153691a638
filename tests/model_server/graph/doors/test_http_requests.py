"""What the server takes for a request, what it refuses, and that every refusal is a whole answer, and counted."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from http_under_test import eventually, get, post, post_in_chunks, serving

CHUNKED = b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n"
GET = b"GET /echo HTTP/1.1\r\nHost: test\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: test\r\n"

MALFORMED = {
    "no HTTP at all": b"\x16\x03\x01\x00\xc6\x01\x00\x00\xc2\x03\x03",
    "a method that is none": b"PREDICT /echo HTTP/1.1\r\n\r\n",
    "a method in lower case": b"get /echo HTTP/1.1\r\n\r\n",
    "a version from the past": b"GET /echo\r\n\r\n",
    "a version from the future": b"GET /echo HTTP/2.0\r\nHost: test\r\n\r\n",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT test:443 HTTP/1.1\r\nHost: test\r\n\r\n",
    "a URL that is none": b"GET http:// HTTP/1.1\r\nHost: test\r\n\r\n",
    "a URL that is not ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: test\r\n\r\n",
    "line ends without CR": b"GET /echo HTTP/1.1\nHost: test\n\n",
    "a header without a colon": GET + b"nonsense\r\n\r\n",
    "a header without a name": GET + b": nonsense\r\n\r\n",
    "a folded header": GET + b"X: a\r\n b\r\n\r\n",
    "NUL in a header": GET + b"X: a\0b\r\n\r\n",
    "CR in a header": GET + b"X: a\rb\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -5\r\n\r\nhello",
    "a length in hex": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "a length beyond 64 bits": POST + b"Content-Length: 99999999999999999999\r\n\r\nhello",
    "two lengths, the same": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths, different": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "two lengths in one": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length, then chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks, then a length": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "a length among the trailers": CHUNKED + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "chunked, but not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, and more": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "nearly chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": CHUNKED + b"\r\nfffffffffffffffff\r\nhello",
    "a chunk longer than it says": CHUNKED + b"\r\n3\r\nhello\r\n0\r\n\r\n",
    "a space after the chunk's size": CHUNKED + b"\r\n5 \r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_refused_with_400_and_nothing_after_it_is_answered(server, sent):
    client = server.client()
    client.send(sent + get("/smuggled"))
    assert client.answer().is_refusal(400)
    assert client.ends()
    assert server.refusals == {"malformed": 1}
    assert "/smuggled" not in server.app.began
    assert server.still_serves()


@pytest.mark.parametrize("loop_factory", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_an_ordinary_request_is_handed_on_as_it_came(loop_factory):
    with serving(loop_factory) as server:
        answer = server.ask(post("/echo/a%20b?c=d%20e", b"hello", b"X-Name: value", b"x-name: another"))
        assert (answer.status, answer.is_last) == (200, False)
        assert answer.tree == {
            "method": "POST",
            "path": "/echo/a b",
            "query": "c=d%20e",
            "headers": [["host", "test"], ["content-length", "5"], ["x-name", "value"], ["x-name", "another"]],
            "body": "hello",
        }
        assert {"server", "date"}.isdisjoint(answer.headers)


def test_a_request_may_arrive_byte_by_byte(server):
    client = server.client()
    for byte in post_in_chunks("/echo/a?b", b"hello", b" you"):
        client.send(bytes([byte]))
    assert client.answer().tree["body"] == "hello you"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("http://test", "/", ""),
        ("http://test/a?b", "/a", "b"),
        ("/a?b?c", "/a", "b?c"),
        ("/a?b#c", "/a", "b"),
        ("*", "*", ""),
    ],
)
def test_every_form_of_url_is_understood(server, target, path, query):
    answer = server.ask(f"OPTIONS {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    assert (answer.tree["path"], answer.tree["query"]) == (path, query)


def test_trailers_are_not_taken_for_headers(server):
    answer = server.ask(CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX-Trailer: 1\r\nY-Trailer: 2\r\n\r\n")
    assert answer.tree["body"] == "hello"
    assert [name for name, _ in answer.tree["headers"]] == ["host", "transfer-encoding"]


@pytest.mark.parametrize("rest", ["at once", "later"])
def test_an_upgrade_is_ignored_and_the_body_is_read_all_the_same(server, rest):
    wish = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")
    sent = post("/echo/first", b"hello", *wish) + get("/echo/second", b"Connection: Upgrade", b"Upgrade: websocket")
    client = server.client()
    if rest == "at once":
        client.send(sent)
    else:
        for start in range(0, len(sent), 7):
            client.send(sent[start : start + 7])
    first, second = client.answer(), client.answer()
    assert (first.status, first.tree["path"], first.tree["body"]) == (200, "/echo/first", "hello")
    assert "upgrade" not in dict(first.tree["headers"])
    assert (second.status, second.tree["path"]) == (200, "/echo/second")


def test_an_upgrade_that_is_ignored_is_held_to_the_same_limits(server):
    wish = (b"Connection: Upgrade", b"Upgrade: h2c")
    head = post("/echo", b"", *wish).replace(b"Content-Length: 0", b"Content-Length: 99999999999")
    assert server.ask(head).is_refusal(413)
    assert server.ask(get("/echo", *[b"X: v"] * 200, *wish)).is_refusal(431)
    assert server.ask(get("/echo", *wish) + b"NONSENSE\r\n\r\n").status == 200
    eventually("the nonsense is refused", lambda: server.refusals["malformed"] == 1)


def test_http_1_0_is_answered_and_closed(server):
    client = server.client()
    client.send(b"GET /echo HTTP/1.0\r\n\r\n")
    answer = client.answer()
    assert (answer.status, answer.is_last) == (200, True)
    assert client.ends()


@pytest.mark.parametrize("path", ["/broken", "/silent"])
def test_an_application_that_fails_or_says_nothing_is_answered_for_in_json(server, path):
    assert server.ask(get(path)).is_refusal(500)


def test_a_second_answer_goes_to_nobody(server):
    client = server.client()
    client.send(get("/twice"))
    assert client.answer().body == b"0"
    assert client.ends()


def test_continue_is_said_only_when_the_application_wants_the_body(server):
    client = server.client()
    head, body = post("/echo", b"hello", b"Expect: 100-continue").split(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert client.answer().status == 100
    client.send(body)
    assert client.answer().tree["body"] == "hello"


# Heads that are too large.


def test_a_head_may_be_as_large_as_the_limits_say_and_no_larger():
    with serving(max_head_bytes=1_000) as server:
        rest = len("/echo") + len("host") + len("test") + len("x")
        assert server.ask(get("/echo", b"X: " + b"v" * (1_000 - rest))).status == 200
        assert server.ask(get("/echo", b"X: " + b"v" * (1_001 - rest))).is_refusal(431)
        assert server.ask(get("/" + "u" * 1_001)).is_refusal(431)
        assert server.refusals == {"head_too_large": 2}


def test_there_may_be_as_many_headers_as_the_limits_say_and_no_more(server):
    assert server.ask(get("/echo", *[b"X: v"] * 199)).status == 200
    assert server.ask(get("/echo", *[b"X: v"] * 200)).is_refusal(431)
    assert server.refusals == {"head_too_large": 1}


ENDLESS = {
    "URL": (b"GET /", b"u"),
    "header": (GET + b"X: ", b"v"),
    "name of a header": (GET, b"n"),
    "headers": (GET, b"X: v\r\n"),
    "trailer": (CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX: ", b"v"),
    "chunk extension": (CHUNKED + b"\r\n5;", b"x"),
}


@pytest.mark.parametrize(("beginning", "piece"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_never_ends_is_refused_all_the_same(server, beginning, piece):
    client = server.client()
    client.send(beginning)
    lot = piece * (60_000 // len(piece))
    for _ in range(100):
        client.send_while_taken(lot)
        if server.refusals:
            break
    assert client.answer().is_refusal(431)
    assert server.refusals == {"head_too_large": 1}
    assert server.still_serves()


def test_many_small_requests_in_one_piece_are_not_taken_for_a_large_head(server):
    client = server.client()
    body = b"x" * 100_000
    client.send(post("/size", body) + post("/size", body) + get("/echo", b"X: " + b"v" * 60_000))
    assert [client.answer().body, client.answer().body] == [b"100000", b"100000"]
    assert client.answer().status == 200
    assert not server.refusals


# Bodies that are too large.


def test_a_body_may_be_as_large_as_the_limits_say_and_no_larger():
    with serving(max_body_bytes=100_000) as server:
        assert server.ask(post("/size", b"x" * 100_000)).body == b"100000"
        assert server.ask(post_in_chunks("/size", b"x" * 60_000, b"x" * 40_000)).body == b"100000"
        assert server.ask(post("/size", b"x" * 100_001)).is_refusal(413)
        assert server.ask(post_in_chunks("/size", b"x" * 60_000, b"x" * 40_001)).is_refusal(413)
        assert server.refusals == {"body_too_large": 2}


def test_a_length_beyond_the_limit_is_refused_before_any_of_the_body_arrives(server):
    client = server.client()
    client.send(POST + b"Content-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n")
    assert client.answer().is_refusal(413)
    assert not server.app.began


def test_a_body_that_outgrows_the_limit_ends_the_work_on_it():
    with serving(max_body_bytes=100_000) as server:
        client = server.client()
        client.send(CHUNKED + b"\r\n")
        eventually("the application reads", lambda: server.app.began["/echo"])
        client.send(b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
        assert client.answer().is_refusal(413)
        eventually("the application hears of it", lambda: server.app.left == ["ClientGone"])


def test_an_application_may_answer_before_the_body_has_come_and_the_connection_goes_on(server):
    client = server.client()
    head, body = post("/early", b"x" * 1_000_000).split(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert client.answer().body == b'"early"'
    client.send(body + get("/echo"))
    assert client.answer().status == 200


def test_a_refusal_waits_for_the_answers_before_it(server):
    client = server.client()
    client.send(get("/held/1") + get("/held/2") + b"NONSENSE\r\n\r\n")
    eventually("the refusal is decided", lambda: server.refusals == {"malformed": 1})
    server.release()
    assert [client.answer().tree, client.answer().tree] == ["/held/1", "/held/2"]
    assert client.answer().is_refusal(400)
    assert client.ends()


def test_answers_do_not_pile_up_for_a_client_that_asks_and_does_not_read(server):
    path, n_bytes = "/big/16000000", 16_000_000  # more than kernels hold for it
    client = server.client()
    server.receives(client, get(path) * 4)
    eventually("the second is under way", lambda: server.app.began[path] == 2)
    assert server.still_serves()
    assert server.app.began[path] == 2
    assert server.unsent_bytes(client) <= n_bytes
    for _ in range(4):
        assert len(client.answer().body) == n_bytes
