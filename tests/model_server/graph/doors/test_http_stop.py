"""Draining and stopping: what was accepted is answered, what takes too long is cut, and the port is free again."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter

import pytest
import uvloop
from http_under_test import Client, eventually, get, post, serving


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_while_draining_each_answer_is_the_last_of_its_connection_and_new_ones_are_taken(server):
    under_way, idle = server.client(), server.client()
    server.receives(under_way, get("/held/1") + get("/held/2"))
    server.receives(idle, get("/echo"))
    assert not idle.answer().is_last
    server.call(server.server.begin_drain)
    server.release()
    assert not under_way.answer().is_last
    answer = under_way.answer()
    assert (answer.status, answer.is_last) == (200, True)
    assert under_way.ends()
    idle.send(get("/echo"))
    answer = idle.answer()
    assert (answer.status, answer.is_last) == (200, True)
    assert idle.ends()
    answer = server.ask(get("/echo"))
    assert (answer.status, answer.is_last) == (200, True)


@pytest.mark.parametrize("loop_factory", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_stop_waits_for_answers_under_way_and_closes_what_is_idle(loop_factory):
    with serving(loop_factory) as server:
        under_way, idle, silent = server.client(), server.client(), server.client()
        server.receives(under_way, post("/held", b"x"))
        server.receives(idle, get("/echo"))
        assert idle.answer().status == 200
        stopping = threading.Thread(target=server.stop, args=(20.0,))
        stopping.start()
        assert idle.ends()
        assert silent.ends()
        assert refuses(server.port)
        assert stopping.is_alive()
        server.release()
        answer = under_way.answer()
        assert (answer.status, answer.is_last) == (200, True)
        stopping.join()
        assert (server.open_connections, server.tasks) == (0, 0)


def test_stop_lets_a_request_arrive_that_has_begun(server):
    client = server.client()
    server.receives(client, post("/size", b"hello")[:-1])
    stopping = threading.Thread(target=server.stop, args=(20.0,))
    stopping.start()
    eventually("it accepts no more", lambda: refuses(server.port))
    client.send(b"o")
    assert client.answer().body == b"5"
    stopping.join()


def test_stop_does_not_wait_long_for_those_who_were_turned_away_or_refused():
    with serving(max_connections=1, linger_seconds=1_000.0) as server:
        refused = server.client()
        server.receives(refused, b"NONSENSE\r\n\r\n")
        silent = server.client()
        eventually("it is there", lambda: server.open_connections == 2)
        server.stop(1_000.0)
        assert refused.answer().is_refusal(400)
        assert silent.ends()


def test_stop_cuts_what_is_left_after_its_grace(server, caplog):
    clients = [server.client() for _ in range(3)]
    server.receives(clients[0], get("/held"))
    server.receives(clients[1], b"GET /")
    server.receives(clients[2], get("/big/50000000"))
    server.stop(0.2)
    assert clients[0].answer() is None
    assert clients[1].answer() is None
    assert (server.open_connections, server.tasks) == (0, 0)
    assert refuses(server.port)
    assert not caplog.records


def test_a_server_may_be_stopped_twice_or_without_having_been_started(server):
    server.stop()
    server.stop()


def test_two_servers_in_one_loop_do_not_know_each_other():
    with serving() as one, serving(beside=one) as other:
        client = one.client()
        one.receives(client, get("/echo"))
        assert client.answer().status == 200
        other.stop()
        assert refuses(other.port)
        client.send(get("/echo"))
        assert not client.answer().is_last


def test_stop_under_load_loses_no_request_that_it_took(server):
    answered, lost = Counter(), []

    def ask_on(name):
        number = 0
        while True:
            try:
                client = Client(server.port)
            except (ConnectionRefusedError, ConnectionResetError):
                return  # the latter from the kernel, where it had not been accepted
            try:
                answer = None
                while answer is None or not answer.is_last:
                    number += 1
                    path = f"/echo/{name}/{number}"
                    client.send(post(path, b"x" * 1_000))
                    answer = client.answer()
                    if answer is None:
                        lost.append(path)
                        break
                    answered[answer.tree["path"]] += 1
            except OSError:
                lost.append(path)
            finally:
                client.close()

    askers = [threading.Thread(target=ask_on, args=(name,)) for name in range(8)]
    for asker in askers:
        asker.start()
    eventually("there is load", lambda: len(server.app.began) > 2_000)
    server.stop(20.0)
    for asker in askers:
        asker.join()
    assert server.app.began == answered
    assert not [path for path in lost if server.app.began[path]]
