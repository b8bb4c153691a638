"""An HTTP server around an application that does what the path says, and a client that writes raw bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import ClassVar
from unittest.mock import patch

import pytest
import uvloop

from model_server.graph.doors import http_server
from model_server.graph.doors.http_exchange import header_lines
from model_server.graph.doors.http_limits import Limits
from model_server.graph.doors.http_protocol import HttpConnection
from model_server.graph.doors.http_server import HttpServer

JSON = header_lines([(b"content-type", b"application/json")])
BEHAVIOURS = {"size", "held", "deaf", "early", "early_and_last", "broken", "silent", "twice", "big"}
SECONDS = 20.0
"""How long a test waits for what must happen, before it fails."""


def eventually(what, is_true, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.005)


class Application:
    """/echo says what came; /held waits for `release`; /early answers and reads nothing; others by name."""

    def __init__(self, max_body_bytes):
        self.max_body_bytes = max_body_bytes
        self.began = Counter()
        self.left = []
        self.gate = asyncio.Event()

    async def __call__(self, exchange):
        path = exchange.path
        self.began[path] += 1
        try:
            name = path.strip("/").split("/")[0]
            await getattr(self, name if name in BEHAVIOURS else "echo")(exchange)
        except Exception as error:
            self.left.append(type(error).__name__)
            if type(error).__name__ != "ClientGone":
                raise

    async def echo(self, exchange):
        body = await exchange.body(self.max_body_bytes)
        seen = {
            "method": exchange.method,
            "path": exchange.path,
            "query": exchange.query,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in exchange.headers],
            "body": body.decode("latin-1"),
        }
        await exchange.answer(200, JSON, json.dumps(seen).encode())

    async def size(self, exchange):
        await exchange.answer(200, JSON, b"%d" % len(await exchange.body(self.max_body_bytes)))

    async def held(self, exchange):
        await exchange.body(self.max_body_bytes)
        await self.gate.wait()
        await exchange.answer(200, JSON, json.dumps(exchange.path).encode())

    async def deaf(self, exchange):
        """Reads its body only when released."""
        await self.gate.wait()
        await self.size(exchange)

    async def early(self, exchange):
        await exchange.answer(200, JSON, b'"early"')

    async def early_and_last(self, exchange):
        exchange.keep_alive = False
        await exchange.answer(404, JSON, b'"no such thing"')

    async def broken(self, _exchange):
        raise ZeroDivisionError

    async def silent(self, exchange):
        await exchange.body(self.max_body_bytes)

    async def twice(self, exchange):
        await self.size(exchange)
        await exchange.answer(200, JSON, b'"and again"')

    async def big(self, exchange):
        await exchange.answer(200, JSON, b"x" * int(exchange.path.split("/")[2]))


class Counting(HttpConnection):
    """The connection under test, which tells how many there are, and how much was read from which port."""

    n_read: ClassVar = Counter()
    n_accepted: ClassVar = 0

    def connection_made(self, transport):
        self.client = transport.get_extra_info("peername")
        super().connection_made(transport)
        Counting.n_accepted += 1

    def data_received(self, data):
        super().data_received(data)
        self.n_read[self.client[1]] += len(data)


class Serving:
    def __init__(self, limits, loop_factory, beside):
        self.limits = limits
        self.app = Application(limits.max_body_bytes)
        self.refusals = Counter()
        self.loop = beside.loop if beside else loop_factory()
        self.thread = None if beside else threading.Thread(target=self.loop.run_forever)
        if self.thread:
            self.thread.start()
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.server = HttpServer(self.app, listening, limits, self._refused)
        self.run(self.server.start())
        self.clients = []

    def _refused(self, reason):
        self.refusals[reason] += 1

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(SECONDS * 2)

    def call(self, function):
        async def called():
            return function()

        return self.run(called())

    def pass_time(self, seconds):
        """Let the server look at its clients as it would so much later."""
        self.call(lambda: self.server._connections.look(self.loop.time() + seconds))

    def age(self, seconds_of):
        """Let what each seated client last did be longer ago: by what `seconds_of` says for its port."""

        def aged():
            connections = self.server._connections
            connections._no_room_until = 0.0
            for each in connections.seated:
                each.since -= seconds_of(each.client[1])

        self.call(aged)

    def receives(self, client, sent):
        """Send it, and wait until the server has read it."""
        before = Counting.n_read[client.port]
        client.send(sent)
        eventually("the server has read it", lambda: Counting.n_read[client.port] == before + len(sent))

    def reads_no_more(self, client):
        return self._connection_says(client, lambda connection: connection.flow.read_paused)

    def unsent_bytes(self, client):
        return self._connection_says(client, lambda connection: connection.transport.get_write_buffer_size())

    def _connection_says(self, client, question):
        """None where the server does not know of the connection yet, or any more."""

        def ask():
            return [question(each) for each in self.server._connections.seated if each.client[1] == client.port]

        return next(iter(self.call(ask)), None)

    def release(self):
        self.call(self.app.gate.set)

    def stop(self, grace_seconds=5.0):
        self.run(self.server.stop(grace_seconds))

    @property
    def open_connections(self):
        return self.call(lambda: len(self.server._connections.seated) + len(self.server._connections.turned_away))

    @property
    def tasks(self):
        return self.call(lambda: len(self.server._connections.tasks))

    def client(self):
        client = Client(self.port)
        self.clients.append(client)
        return client

    def ask(self, sent, *, finish=False):
        """The answer to what is sent on a connection of its own."""
        client = self.client()
        client.send(sent)
        if finish:
            client.finish()
        return client.answer()

    def still_serves(self):
        answer = self.ask(get("/echo/still"))
        return answer.status == 200 and answer.tree["path"] == "/echo/still"

    def close(self):
        for client in self.clients:
            client.close()
        self.release()
        self.stop(1.0)
        if self.thread:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()


@contextmanager
def serving(loop_factory=uvloop.new_event_loop, *, beside=None, **limits):
    """`beside`: another server, in whose loop this one runs."""
    with patch.object(http_server, "HttpConnection", Counting):
        server = Serving(Limits(**limits), loop_factory, beside)
        try:
            yield server
        finally:
            server.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def tree(self):
        return json.loads(self.body)

    @property
    def is_last(self):
        return self.headers.get("connection") == "close"

    def is_refusal(self, status):
        """Whether it is a whole refusal with a Seldon status object, the last answer of its connection."""
        told = self.tree["status"]
        return (
            (self.status, told["code"], told["status"]) == (status, status, "FAILURE")
            and isinstance(told["info"], str)
            and self.headers["content-type"] == "application/json"
            and self.is_last
        )


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def send_while_taken(self, data):
        """Send until the server does not take any more; whether it took everything."""
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            return False
        return True

    def answer(self):
        """The next answer; None where the connection ends without one."""
        status_line = self.file.readline()
        if not status_line:
            return None
        status = int(status_line.split(b" ", 2)[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self.file.read(int(headers.get("content-length", 0)))
        return Answer(status, headers, body)

    def finish(self):
        """Send no more, but listen on."""
        self.socket.shutdown(socket.SHUT_WR)

    def ends(self):
        """Whether the server closes, and says nothing more."""
        try:
            return self.file.read() == b""
        except ConnectionResetError:
            return True

    def reset(self):
        """Leave without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()


def get(path, *headers):
    return b"\r\n".join([f"GET {path} HTTP/1.1".encode(), b"Host: test", *headers, b"", b""])


def post(path, body, *headers):
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([f"POST {path} HTTP/1.1".encode(), b"Host: test", length, *headers, b"", body])


def post_in_chunks(path, *chunks):
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
