"""Many connections, or requests, of one client; clients that leave in the middle; and who gets a place."""

from __future__ import annotations

import pytest
from http_under_test import Counting, eventually, get, post, post_in_chunks, serving


def test_pipelined_requests_are_answered_in_their_order(server):
    client = server.client()
    client.send(get("/held/0") + b"".join(post(f"/echo/{i}", b"x" * i) for i in range(1, 20)))
    eventually("the first is under way", lambda: server.app.began["/held/0"])
    server.release()
    assert client.answer().tree == "/held/0"
    answers = [client.answer().tree for _ in range(1, 20)]
    assert [(answer["path"], len(answer["body"])) for answer in answers] == [(f"/echo/{i}", i) for i in range(1, 20)]


def test_pipelined_requests_run_one_after_the_other(server):
    client = server.client()
    server.receives(client, get("/held/1") + get("/held/2"))
    eventually("the first is under way", lambda: server.app.began["/held/1"])
    assert not server.app.began["/held/2"]
    server.release()
    assert [client.answer().tree, client.answer().tree] == ["/held/1", "/held/2"]


def test_no_more_requests_wait_on_a_connection_than_the_limits_say(server):
    client = server.client()
    client.send(b"".join(get(f"/echo/{i}") for i in range(1_000)))
    answers = []
    while (answer := client.answer()) is not None:
        answers.append(answer)
    assert [answer.tree["path"] for answer in answers] == [f"/echo/{i}" for i in range(33)]
    assert [answer.is_last for answer in answers] == [False] * 32 + [True]
    assert not server.refusals


def test_upgrades_that_are_ignored_count_as_requests_that_wait():
    with serving(max_pipelined_requests=3) as server:
        client = server.client()
        client.send(get("/echo", b"Connection: Upgrade", b"Upgrade: h2c") * 1_000)
        assert [client.answer().is_last for _ in range(4)] == [False] * 3 + [True]
        assert client.ends()
        assert not server.refusals


@pytest.mark.parametrize("headers", [[b"Connection: close"], [b"Connection: close, Upgrade", b"Upgrade: h2c"]])
def test_what_follows_a_request_that_wants_the_connection_closed_is_not_answered(server, headers):
    client = server.client()
    client.send(get("/echo/1", *headers) + get("/echo/2"))
    answer = client.answer()
    assert (answer.status, answer.is_last) == (200, True)
    assert client.ends()
    assert not server.app.began["/echo/2"]
    assert not server.refusals


# Clients that stop sending, or leave.


@pytest.mark.parametrize("n", [1, 5])
def test_a_client_that_has_finished_sending_gets_its_answers(server, n):
    client = server.client()
    client.send(b"".join(post(f"/held/{i}", b"x") for i in range(n)))
    client.finish()
    eventually("it is under way", lambda: server.app.began["/held/0"])
    server.release()
    assert [client.answer().tree for _ in range(n)] == [f"/held/{i}" for i in range(n)]
    assert client.ends()
    eventually("nothing is left", lambda: server.open_connections == 0)


@pytest.mark.parametrize("sent", [b"", b"GET /ec", post("/echo", b"hello")[:-1], post_in_chunks("/echo", b"x")[:-1]])
def test_a_client_that_finishes_in_the_middle_of_a_request_gets_no_answer(server, sent):
    assert server.ask(sent, finish=True) is None
    eventually("nothing is left", lambda: (server.open_connections, server.tasks) == (0, 0))


def test_a_client_that_finishes_in_the_middle_gets_the_answers_to_what_it_had_asked_before(server):
    client = server.client()
    client.send(get("/held") + post("/echo", b"hello")[:-1])
    client.finish()
    eventually("it is under way", lambda: server.app.began["/held"])
    server.release()
    assert client.answer().status == 200
    assert client.ends()


@pytest.mark.parametrize("path", ["/echo", "/held", "/deaf", "/twice", "/early"])
@pytest.mark.parametrize("end", ["reset", "close"])
@pytest.mark.parametrize("sent_bytes", [5, 60, 100_000])
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(server, path, end, sent_bytes):
    client = server.client()
    client.send((post(path, b"x" * 1_000_000) + get(path))[:sent_bytes])
    eventually("the server has it", lambda: server.open_connections == 1)
    getattr(client, end)()
    server.release()
    eventually("nothing is left", lambda: (server.open_connections, server.tasks) == (0, 0))
    assert server.still_serves()


def test_an_application_hears_that_its_client_left_though_another_request_waits_behind(server):
    client = server.client()
    client.send(post("/echo", b"hello")[:-1])
    eventually("the application reads", lambda: server.app.began["/echo"])
    client.reset()
    eventually("it hears of it", lambda: server.app.left == ["ClientGone"])


# Who gets a place.


def test_a_thousand_silent_connections_do_not_keep_a_client_out():
    with serving(max_connections=50, linger_seconds=0.2) as server:
        before = Counting.n_accepted
        silent = [server.client() for _ in range(1_000)]
        eventually("the server knows them all", lambda: Counting.n_accepted == before + 1_000)
        eventually("the others are cut", lambda: server.open_connections <= 50 + 12)
        server.age(lambda _: 2.0)
        assert server.still_serves()
        server.pass_time(70.0)
        for client in silent:
            assert client.ends()
        eventually("nothing is left", lambda: server.open_connections <= 1)


def test_one_connection_too_many_is_told_to_come_back_later():
    with serving(max_connections=3) as server:
        busy = [server.client() for _ in range(3)]
        for client in busy:
            server.receives(client, get("/held"))
        answer = server.ask(post("/echo", b"x" * 1_000_000))
        assert answer.is_refusal(503)
        assert answer.headers["retry-after"] == "1"
        assert server.refusals == {"too_many_connections": 1}
        server.release()
        assert [client.answer().status for client in busy] == [200, 200, 200]
        busy[0].close()
        eventually("there is a place", lambda: server.open_connections < 4)
        assert server.still_serves()


def test_room_is_made_by_those_that_have_been_idle_the_longest():
    with serving(max_connections=3) as server:
        busy, old, young = (server.client() for _ in range(3))
        server.receives(busy, get("/held"))
        for client in (old, young):
            server.receives(client, get("/echo"))
            assert client.answer().status == 200
        server.age({busy.port: 100.0, old.port: 50.0, young.port: 0.0}.get)
        assert server.still_serves()
        assert old.ends()
        server.release()
        assert busy.answer().status == 200
        young.send(get("/echo"))
        assert young.answer().status == 200
        assert not server.refusals


def test_a_connection_that_was_just_used_is_not_closed_to_make_room():
    with serving(max_connections=1) as server:
        client = server.client()
        client.send(get("/echo"))
        assert client.answer().status == 200
        assert server.ask(get("/echo")).is_refusal(503)
        client.send(get("/echo"))
        assert client.answer().status == 200


def test_a_silent_connection_too_many_is_closed_soon():
    with serving(max_connections=1) as server:
        client = server.client()
        server.receives(client, get("/held"))
        silent = server.client()
        eventually("it is there", lambda: server.open_connections == 2)
        server.pass_time(10.5)
        assert silent.ends()
        assert server.refusals == {"too_many_connections": 1}
        server.release()
