"""The runtime's door: HTTP over a Unix socket that only its owner can open.

GET  /status   what runs, as JSON
POST /apply    {"overlay", "text", "source", "isolated"}, where null means as it is now; answers with a line of JSON for
               each step, the last one the outcome
POST /down     the runtime ends once it has answered
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from deployments.errors import DeploymentsError
from deployments.local.plan import Plan
from deployments.local.runtime import Runtime, Say


class PlanOf(Protocol):
    def __call__(self, text: str, source: str, *, isolated: bool) -> Plan: ...


class Door:
    def __init__(self, runtime: Runtime, plan_of: PlanOf, stop: asyncio.Event, say: Say) -> None:
        self._runtime = runtime
        self._plan_of = plan_of
        self._stop = stop
        self._say = say
        self._change: asyncio.Task[None] | None = None
        app = web.Application(client_max_size=16 * 2**20)
        app.add_routes(
            [web.get("/status", self._status), web.post("/apply", self._apply), web.post("/down", self._down)]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def open(self, socket: Path) -> None:
        await self._runner.setup()
        await web.UnixSite(self._runner, str(socket)).start()
        socket.chmod(0o600)  # noqa: ASYNC240 -- a system call that waits for nothing

    async def close(self) -> None:
        """A change that is under way is broken off; what it started is ended with the rest."""
        if self._change is not None:
            self._change.cancel()
            await asyncio.wait({self._change})
        await self._runner.cleanup()

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(await self._runtime.status())

    async def _down(self, _: web.Request) -> web.Response:
        self._stop.set()
        return web.json_response({"stopping": True})

    async def _apply(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if self._change is not None and not self._change.done():
            return web.json_response({"error": "another apply is under way; wait for it", "exit_code": 2})
        steps: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def say(text: str) -> None:
            self._say(text)
            steps.put_nowait({"step": text})

        async def change() -> None:
            # The models are hashed in a thread, so that the programs go on being watched.
            isolated = self._runtime.isolated if asked["isolated"] is None else asked["isolated"]
            plan = await asyncio.to_thread(self._plan_of, asked["text"], asked["source"], isolated=isolated)
            await self._runtime.apply(plan, asked["overlay"], say)

        self._change = asyncio.create_task(_reported(change(), steps))
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await response.prepare(request)
        while (step := await steps.get()) is not None:
            # A caller that went away does not undo what it asked for.
            with suppress(ConnectionError):
                await response.write(f"{json.dumps(step)}\n".encode())
        with suppress(ConnectionError):
            await response.write_eof()
        return response


async def _reported(change: Awaitable[None], steps: asyncio.Queue[dict[str, Any] | None]) -> None:
    try:
        await change
        steps.put_nowait({"done": True})
    except DeploymentsError as error:
        steps.put_nowait({"error": error.message, "exit_code": error.exit_code})
    except asyncio.CancelledError:
        steps.put_nowait({"error": "the runtime is going down", "exit_code": 1})
        raise
    except Exception as error:  # the runtime outlives a change that failed in a way nobody foresaw
        steps.put_nowait({"error": f"{type(error).__name__}: {error}", "exit_code": 1})
        raise
    finally:
        steps.put_nowait(None)
