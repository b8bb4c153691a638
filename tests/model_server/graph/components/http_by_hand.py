"""An HTTP server every byte of which the test decides, and the loop that tests run in: uvloop, as the server does."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import uvloop

from model_server.graph.messages import Context


def in_loop(test):
    """An asynchronous test, run to its end in a loop of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        uvloop.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


async def until(is_true, deadline_seconds=20.0):
    """Wait for a condition, and until the loop has seen what came of it. Errors: TimeoutError."""
    async with asyncio.timeout(deadline_seconds):
        while not is_true():
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.005)


@dataclass
class Request:
    line: str
    headers: list[tuple[str, bytes]]
    """Names in lower case, values as they came."""
    body: bytes

    def all(self, name):
        return [value.decode() for key, value in self.headers if key == name]

    def one(self, name):
        (value,) = self.all(name)
        return value


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answering(body=b"{}", status=200, headers=("Content-Type: application/json",)) -> Behaviour:
    async def answer(_request, writer):
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if status == 204 else body))

    return answer


def writing(raw: bytes) -> Behaviour:
    """These bytes, then the end of the connection."""

    async def write(_request, writer):
        writer.write(raw)
        writer.close()

    return write


async def hanging(_request, _writer):
    await asyncio.Event().wait()


@dataclass
class ByHand:
    """Counts what it accepts; behaves as told, by request; closes a connection that is idle for longer than told."""

    behaviour: Behaviour = field(default_factory=answering)
    idle_seconds: float | None = None
    requests: list[Request] = field(default_factory=list)
    n_accepted: int = 0
    n_open: int = 0
    port: int = 0

    @contextlib.asynccontextmanager
    async def serving(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task] = set()
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.n_accepted += 1
        self.n_open += 1
        try:
            while True:
                request = await self._read(reader)
                self.requests.append(request)
                await self._behave(request, reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.n_open -= 1

    async def _behave(self, request, reader, writer):
        """Until it has behaved, or the client hangs up."""
        behaving = asyncio.ensure_future(self.behaviour(request, writer))
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({behaving, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not behaving.done():
                raise ConnectionResetError
            behaving.result()
            if gone.done() and not gone.result():
                raise ConnectionResetError
        finally:
            behaving.cancel()
            gone.cancel()
            await asyncio.gather(behaving, gone, return_exceptions=True)

    async def _read(self, reader):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), self.idle_seconds)
        line, *rest = head[:-4].split(b"\r\n")
        headers = [(name.decode().lower(), value.strip()) for name, _, value in (each.partition(b":") for each in rest)]
        length = int(dict(headers).get("content-length", 0))
        return Request(line.decode(), headers, await reader.readexactly(length))


def context(transport="rest", puid="puid-7", **headers):
    return Context(puid=puid, transport=transport, headers={key.replace("_", "-"): v for key, v in headers.items()})
