"""What the limits cost: CPU time a request of the server's HTTP protocol and of uvicorn's own, in one run, in turns.

Both serve the same application in the same kind of loop. Run: .venv/bin/python bench/http_server.py [requests a round]
"""

import asyncio
import multiprocessing
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from model_server.graph.doors.asgi import read_body, respond
from model_server.graph.doors.http_limits import Limits
from model_server.graph.doors.http_server import HttpServer

ROUNDS = 9
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


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = await read_body(scope, receive, len(BODY))
    await respond(send, 200, [(b"content-type", b"application/json")], body)


async def serve_plain(listening: socket.socket) -> None:
    settings = {"ws": "none", "lifespan": "off", "proxy_headers": False, "log_config": None, "access_log": False}
    config = Config(app, http=HttpToolsProtocol, interface="asgi3", **settings)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    await loop.create_server(lambda: HttpToolsProtocol(config, state, {}, loop), sock=listening)


async def serve_limited(listening: socket.socket) -> None:
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
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    context = multiprocessing.get_context("fork")
    servers = {}
    for name, serve in {"plain": serve_plain, "limited": serve_limited}.items():
        listening = socket.create_server(("127.0.0.1", 0))
        ours, theirs = context.Pipe()
        child = context.Process(target=process, args=(serve, listening, theirs), daemon=True)
        child.start()
        servers[name] = (listening.getsockname()[1], ours, child)
    microseconds = {name: [] for name in servers}
    for round_number in range(ROUNDS):
        turns = list(servers.items())
        for name, (port, pipe, _) in turns if round_number % 2 else reversed(turns):
            pipe.send("cpu")
            before = pipe.recv()
            uvloop.run(load(port, requests))
            pipe.send("cpu")
            microseconds[name].append((pipe.recv() - before) / requests * 1e6)
    for name, (_, pipe, child) in servers.items():
        pipe.send("end")
        child.join()
        print(f"{name:8} {median(microseconds[name]):6.1f} us of CPU a request, best {min(microseconds[name]):6.1f}")
    ratios = [limited / plain for plain, limited in zip(*microseconds.values(), strict=True)]
    print(f"limited / plain: {median(ratios):.3f} (rounds: {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
