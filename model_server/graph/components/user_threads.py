"""The threads in which a user's class runs: not the event loop's, so that a class that hangs hangs alone.

But for the little work of a class that declares that it never waits, which costs less than two handovers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from model_server.graph.errors import WRAPPER_INTERNAL_ERROR, WrapperError


class UserThreads:
    """Of one component. `n_threads` may be inside it at a time."""

    def __init__(self, name: str, n_threads: int) -> None:
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix=name)
        self._began: dict[int, float] = {}

    async def run[T](self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Work that nobody waits for any more is left out if it has not begun.

        Errors: WrapperError in place of what would end a whole process or task, such as SystemExit.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Any] = loop.create_future()
        job = _Job(work)
        # Not asyncio.wrap_future: two futures and a chain between them cost 15 us, as much as all else here.
        self._pool.submit(self._do, job, loop, told)
        try:
            result: T = await told
        finally:
            job.work = None  # it may wait in the queue for long yet, and what it holds is large
        return result

    def busy_seconds(self) -> float:
        """How long the longest call that has not come back has been under way."""
        if not self._began:  # as it mostly is: this is asked for every request
            return 0.0
        began = min(list(self._began.values()), default=None)
        return 0.0 if began is None else time.monotonic() - began

    def close(self) -> None:
        """Take no more; do not wait for what hangs."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _do(self, job: _Job, loop: asyncio.AbstractEventLoop, told: asyncio.Future[Any]) -> None:
        try:
            settle, outcome = told.set_result, self._timed(job)
        except Exception as error:  # noqa: BLE001 -- whoever waits gets it
            settle, outcome = told.set_exception, error
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, told, settle, outcome)

    def _timed(self, job: _Job) -> Any:
        work = job.work
        if work is None:
            return None
        thread = threading.get_ident()
        self._began[thread] = time.monotonic()
        try:
            return done_here(work)
        finally:
            del self._began[thread]


def done_here[T](work: Callable[[], T]) -> T:
    """What `work` returns or raises, in this thread. Errors: as of `UserThreads.run`."""
    try:
        return work()
    except Exception:
        raise
    except BaseException as error:
        told = f"{type(error).__name__}: {error}"
        raise WrapperError(told, http_status=500, reason=WRAPPER_INTERNAL_ERROR) from error


def _settle(told: asyncio.Future[Any], settle: Callable[[Any], None], outcome: Any) -> None:
    if not told.done():
        settle(outcome)


class _Job:
    __slots__ = ("work",)

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work: Callable[[], Any] | None = work
