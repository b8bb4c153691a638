"""One program kept alive: started, watched, and started again when it ends or no longer answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Final

from deployments.local.backoff import Restarts
from deployments.local.child import Child
from deployments.local.errors import NotReady
from deployments.local.logs import LogFile

START_POLL_SECONDS: Final = 0.1
WATCH_SECONDS: Final = 1.0
FAILED_PROBES: Final = 3  # in a row, as many as Seldon's default probes allow

type Start = Callable[[Callable[[str], None]], Awaitable[Child]]
type Probe = Callable[[], Awaitable[bool]]


class Condition(StrEnum):
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    """It ended or did not answer; it is waiting for its next start."""
    STOPPED = "stopped"


class Supervised:
    """A program that should run until `stop`.

    `ready` is asked until it says yes; from then on `alive` is asked. Where a part of a program has died, `alive` says
    no though its first process lives: then what is left is ended too, and the whole is started anew.
    """

    def __init__(
        self,
        name: str,
        start: Start,
        *,
        ready: Probe,
        alive: Probe,
        log: LogFile,
        on_line: Callable[[str], None],
        say: Callable[[str], None],
        start_timeout_seconds: float,
    ) -> None:
        self.name = name
        self.condition = Condition.STARTING
        self.restarts = Restarts()
        self.log = log
        self._start = start
        self._on_line = on_line
        self._probe_ready = ready
        self._probe_alive = alive
        self._say = say
        self._start_timeout_seconds = start_timeout_seconds
        self._child: Child | None = None
        self._became_ready = asyncio.Event()
        self._first_failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._keeping = asyncio.create_task(self._keep())

    @property
    def pid(self) -> int | None:
        """Of its first process; None while there is none."""
        return None if self._child is None else self._child.pid

    async def until_ready(self) -> None:
        """Errors: NotReady where its first start failed, with the end of its log."""
        readiness = asyncio.create_task(self._became_ready.wait())
        try:
            awaited: set[asyncio.Future[Any]] = {readiness, self._first_failure, self._keeping}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            readiness.cancel()
        if self._keeping.done():  # it could not even be started
            self._keeping.result()
        if not self._became_ready.is_set():
            tail = "".join(f"\n    {line}" for line in self.log.last_lines(12))
            raise NotReady(f"{self.name} {self._first_failure.result()}; the end of {self.log.path}:{tail}")

    async def stop(self, grace_seconds: float) -> None:
        self._keeping.cancel()
        await asyncio.wait({self._keeping})
        if self._child is not None:
            await self._child.stop(grace_seconds)
            self._child = None
        self._first_failure.cancel()
        self.condition = Condition.STOPPED
        self.log.close()

    def kill_now(self) -> None:
        self._keeping.cancel()
        if self._child is not None:
            self._child.kill_now()

    async def _keep(self) -> None:
        while True:
            began = time.monotonic()
            self.condition = Condition.STARTING
            failure = await self._run_once()
            self.condition = Condition.FAILED
            self.log.write(f"[forkcast] {failure}")
            if not self._first_failure.done():
                self._first_failure.set_result(failure)
            self.restarts = self.restarts.after_run(time.monotonic() - began)
            wait_seconds = self.restarts.wait_seconds()
            self._say(f"{self.name} {failure}; starting it again{f' in {wait_seconds:g} s' if wait_seconds else ''}")
            await asyncio.sleep(wait_seconds)

    async def _run_once(self) -> str:
        """One run from its start until nothing is left of it; how it failed."""
        try:
            self._child = child = await self._start(self._write)
        except OSError as error:
            return f"could not be started: {error}"
        ending = asyncio.create_task(child.ended())
        try:
            failure = await self._failure(ending)
        finally:
            ending.cancel()
        await child.kill()
        self._child = None
        return failure

    def _write(self, line: str) -> None:
        self.log.write(line)
        self._on_line(line)

    async def _failure(self, ending: asyncio.Task[int]) -> str:
        """Watch one run; how it failed."""
        deadline = time.monotonic() + self._start_timeout_seconds
        while not await self._probe_ready():
            if await _done_within(ending, START_POLL_SECONDS):
                return _ended(ending.result(), "before it was ready")
            if time.monotonic() > deadline:
                return f"was not ready within {self._start_timeout_seconds:g} s"
        self.condition = Condition.READY
        self._became_ready.set()
        if self.restarts.total:
            self._say(f"{self.name} is back")
        failed_probes = 0
        while failed_probes < FAILED_PROBES:
            if await _done_within(ending, WATCH_SECONDS):
                return _ended(ending.result())
            failed_probes = 0 if await self._probe_alive() else failed_probes + 1
        return f"did not answer {FAILED_PROBES} times in a row"


async def _done_within(task: asyncio.Task[int], seconds: float) -> bool:
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return bool(done)


def _ended(code: int, when: str = "") -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"{how} {when}".rstrip()
