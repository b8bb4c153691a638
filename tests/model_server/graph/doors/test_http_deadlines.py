"""How long a client may take for what. The server's look at its clients is brought forward; only one test waits."""

from __future__ import annotations

import pytest
from http_under_test import eventually, get, post, serving

POST = b"POST /size HTTP/1.1\r\nHost: test\r\n"


@pytest.mark.parametrize(
    "pieces", [[b"G"], [b"GET /echo HTTP/1.1\r\n", b"Host: te", b"st\r\n"]], ids=["a byte", "lines"]
)
def test_a_head_that_is_not_complete_in_time_is_refused_however_much_of_it_comes(server, pieces):
    client = server.client()
    for passed, piece in enumerate(pieces, start=1):
        server.receives(client, piece)
        server.pass_time(9.0 + passed / 10)
    assert not server.refusals
    server.pass_time(10.5)
    assert client.answer().is_refusal(408)
    assert server.refusals == {"too_slow": 1}


@pytest.mark.parametrize("framing", [b"Content-Length: 10\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"])
def test_a_body_that_is_not_complete_in_time_is_refused_however_much_of_it_comes(server, framing):
    client = server.client()
    server.receives(client, POST + framing)
    for passed in (11.0, 29.0):
        server.pass_time(passed)
        server.receives(client, b"1\r\nx\r\n" if b"chunked" in framing else b"x")
    assert not server.refusals
    server.pass_time(30.5)
    assert client.answer().is_refusal(408)
    assert server.refusals == {"too_slow": 1}
    eventually("the application hears of it", lambda: server.app.left == ["ClientGone"])


def test_a_slow_application_is_not_held_against_its_client(server):
    client = server.client()
    server.receives(client, get("/held"))
    server.pass_time(1_000.0)
    server.release()
    assert client.answer().status == 200
    assert not server.refusals


def test_an_application_that_does_not_read_is_not_held_against_its_client(server):
    client = server.client()
    whole = post("/deaf", b"x" * 1_000_000)
    client.send(whole[:900_000])
    eventually("the server has had enough for now", lambda: server.reads_no_more(client))
    server.pass_time(1_000.0)
    server.release()
    client.send(whole[900_000:])
    assert client.answer().body == b"1000000"


def test_a_pipelined_request_that_had_to_wait_is_not_held_against_its_client(server):
    client = server.client()
    whole = post("/size", b"x" * 1_000_000)
    client.send(get("/held") + whole[:500])
    eventually("the server reads no more", lambda: server.reads_no_more(client))
    server.pass_time(1_000.0)
    server.release()
    assert client.answer().status == 200
    client.send(whole[500:])
    assert client.answer().body == b"1000000"


@pytest.mark.parametrize("before", [b"", b"\r\n\r\n", get("/echo")], ids=["silent", "empty lines", "after an answer"])
def test_an_idle_connection_is_closed_in_its_time_and_not_before(server, before):
    client = server.client()
    if before:
        server.receives(client, before)
    if before.startswith(b"GET"):
        assert client.answer().status == 200
    server.pass_time(64.0)
    assert server.open_connections == 1
    server.pass_time(65.5)
    assert client.ends()
    eventually("it is gone", lambda: server.open_connections == 0)
    assert not server.refusals


def test_an_idle_connection_that_is_used_again_stays(server):
    client = server.client()
    server.receives(client, get("/echo"))
    client.answer()
    server.receives(client, b"GET /echo HTTP/1.1\r\n")
    server.pass_time(9.0)
    server.receives(client, b"Host: test\r\n\r\n")
    assert client.answer().status == 200


def test_a_connection_is_idle_from_the_end_of_its_request_on_though_the_answer_came_before(server):
    client = server.client()
    whole = post("/early", b"x" * 1_000)
    server.receives(client, whole[:500])
    assert client.answer().body == b'"early"'
    server.age(lambda _: 29.0)
    server.receives(client, whole[500:])
    server.pass_time(60.0)
    client.send(get("/echo"))
    assert client.answer().status == 200


def test_a_client_that_does_not_take_its_answer_is_cut_off(server):
    client = server.client()
    server.receives(client, get("/big/50000000"))
    eventually("the answer waits for it", lambda: server.unsent_bytes(client) > 0)
    server.pass_time(0.0)
    server.pass_time(59.0)
    assert server.open_connections == 1
    server.pass_time(61.0)
    eventually("it is gone", lambda: server.open_connections == 0)


def test_a_client_that_is_slow_to_take_its_answer_is_not_cut_off(server):
    client = server.client()
    server.receives(client, get("/big/20000000"))
    eventually("the answer waits for it", lambda: server.unsent_bytes(client))
    while client.file.readline().strip():
        pass  # the head
    passed, taken = 0.0, 0
    while unsent := server.unsent_bytes(client):
        server.pass_time(passed)
        passed += 50.0
        while server.unsent_bytes(client) == unsent:
            taken += len(client.file.read(100_000))
    assert passed > 100.0
    assert taken + len(client.file.read(20_000_000 - taken)) == 20_000_000


def test_a_client_that_does_not_notice_its_refusal_is_cut_off(server):
    client = server.client()
    server.receives(client, b"NONSENSE\r\n\r\n")
    eventually("it is refused", lambda: server.refusals == {"malformed": 1})
    server.pass_time(9.0)
    assert server.open_connections == 1
    server.pass_time(10.5)
    eventually("it is gone", lambda: server.open_connections == 0)


def test_the_server_looks_by_itself():
    with serving(head_timeout_seconds=0.1, request_timeout_seconds=0.2, idle_timeout_seconds=0.3) as server:
        assert server.ask(b"G").is_refusal(408)
        assert server.ask(POST + b"Content-Length: 10\r\n\r\n").is_refusal(408)
        assert server.client().ends()
        assert server.refusals == {"too_slow": 2}
