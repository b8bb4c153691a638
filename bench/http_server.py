"""What does a request cost in the HTTP door, limits and all, beside uvicorn?

CPU time of a request; applications that do the same, in the same kind of loop.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from rig import harness
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from model_server.graph.doors.http_exchange import Exchange, header_lines
from model_server.graph.doors.http_limits import Limits
from model_server.graph.doors.http_server import HttpServer

REQUESTS = 10_000
"""Of one measurement."""
CONNECTIONS = 16
BODY = b'{"data":{"names":["a","b"],"ndarray":[' + b",".join([b"[1.5,2.5]"] * 20) + b"]}}"
REQUEST = b"\r\n".join(
    [
        b"POST /api/v1.0/predictions HTTP/1.1",
        b"host: 127.0.0.1:9000",
        b"user-agent: bench",
        b"accept: */*",
        b"content-type: application/json",
        b"seldon-puid: 0b0a3e0e-4ac8-4c39-9b2e-1f8a8a1d6b57",
        b"x-forwarded-proto: http",
        b"x-request-id: 0b0a3e0e-4ac8-4c39-9b2e-1f8a8a1d6b57",
        b"content-length: %d" % len(BODY),
        b"",
        BODY,
    ]
)


async def asgi(_scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(exchange: Exchange) -> None:
    lines = header_lines([(b"content-type", b"application/json")])
    await exchange.answer(200, lines, await exchange.body(len(BODY)))


async def serve_by_uvicorn(listening: socket.socket) -> None:
    settings = {"ws": "none", "lifespan": "off", "proxy_headers": False, "log_config": None, "access_log": False}
    config = Config(asgi, http=HttpToolsProtocol, interface="asgi3", **settings)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    await loop.create_server(lambda: HttpToolsProtocol(config, state, {}, loop), sock=listening)


async def serve_by_ours(listening: socket.socket) -> None:
    await HttpServer(app, listening, Limits()).start()


def process(serve: Callable[[socket.socket], Awaitable[None]], listening: socket.socket, pipe: Connection) -> None:
    async def main() -> None:
        await serve(listening)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def asked() -> None:
            if pipe.recv() == "cpu":
                pipe.send(time.process_time())
            else:
                ended.set()

        loop.add_reader(pipe.fileno(), asked)
        await ended.wait()

    uvloop.run(main())


class Asker(asyncio.Protocol):
    """Sends a request whenever it has an answer, until nothing is left to send."""

    def __init__(self, left: list[int], done: asyncio.Future[None]) -> None:
        self.left, self.done = left, done

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        if not data.endswith(BODY):
            return  # uvicorn's head, by itself
        self.left[0] -= 1
        if self.left[0] >= CONNECTIONS:
            self.transport.write(REQUEST)
        else:
            self.transport.close()
            if self.left[0] == 0 and not self.done.done():
                self.done.set_result(None)


async def load(port: int, requests: int) -> None:
    loop = asyncio.get_running_loop()
    done, left = loop.create_future(), [requests]
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Asker(left, done), "127.0.0.1", port)
    await done


def main() -> None:
    asked = harness.arguments(__doc__, rounds=9)
    facts = harness.machine()
    context = multiprocessing.get_context("fork")
    servers, sides = [], {}
    for name, serve in {"uvicorn": serve_by_uvicorn, "HTTP door": serve_by_ours}.items():
        listening = socket.create_server(("127.0.0.1", 0))
        ours, theirs = context.Pipe()
        child = context.Process(target=process, args=(serve, listening, theirs), daemon=True)
        child.start()
        servers.append((ours, child))
        sides[name] = partial(microseconds, listening.getsockname()[1], ours)
    seen = harness.in_turns(sides, asked.rounds)
    for pipe, child in servers:
        pipe.send("end")
        child.join()
    ratio = seen["HTTP door"] / seen["uvicorn"]
    figures = [harness.Figure("CPU of a request, us", ratio, seen=seen)]
    harness.tell("The HTTP door against uvicorn", figures, facts, asked.json)


def microseconds(port: int, pipe: Connection) -> float:
    """Of the server's CPU for each of so many requests."""
    before = cpu_seconds(pipe)
    uvloop.run(load(port, REQUESTS))
    return (cpu_seconds(pipe) - before) / REQUESTS * 1e6


def cpu_seconds(pipe: Connection) -> float:
    pipe.send("cpu")
    seconds: float = pipe.recv()
    return seconds


if __name__ == "__main__":
    main()
