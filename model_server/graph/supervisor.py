"""The parent: makes users' objects once, forks the workers, replaces those that end, and ends with all of them.

It holds the listening sockets, so what has connected waits for the next worker rather than being refused; and the
folder in which all workers count. It serves nothing itself, starts no thread, and so may fork at any time.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from model_server.errors import ModelServerError
from model_server.graph.listening import opened
from model_server.graph.settings import Settings
from model_server.graph.user_objects import UserObjects

logger = logging.getLogger(__name__)

METRICS_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 10.0
"""Between two starts of a worker that does not live; doubled each time."""
STEADY_SECONDS: Final = 10.0
"""A worker that lived so long has shown that it can."""
_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
EXIT_CANNOT_START: Final = 1


class WorkerCannotStart(ModelServerError):
    """A worker ended before it was ready, at the first start of all."""


class Supervisor:
    """`make_objects` makes the users' objects, by the name of their node."""

    def __init__(self, settings: Settings, make_objects: Callable[[], UserObjects]) -> None:
        self._settings = settings
        self._make_objects = make_objects
        self._pid = os.getpid()
        self._workers: dict[int, float] = {}
        """Process id -> when it started."""
        self._services: set[int] = set()
        self._became_ready = False
        self._restart_at: list[float] = []
        self._wait_seconds = FIRST_WAIT_SECONDS

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit code. Errors: ModelServerError where it cannot start."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        with _metrics_folder(), opened(self._settings) as doors:
            # Imported before the fork: workers share its pages, and one that takes another's place is there at once.
            from model_server.graph import worker  # noqa: F401, PLC0415 -- only now is the metrics' folder known

            self._user_objects = self._make_objects()
            self._doors = doors
            self._alive_pipe = os.pipe()  # workers see its end when this process ends, however it ends
            self._ready_pipe = os.pipe()
            os.set_blocking(self._ready_pipe[0], False)
            for user_object in self._user_objects.values():
                service = getattr(user_object, "custom_service", None)
                if callable(service):
                    self._services.add(self._fork(partial(_run_service, service)))
            for _ in range(self._settings.workers):
                self._start_worker()
            try:
                return self._watch()
            finally:
                self._end_all(signal.SIGKILL)

    def _watch(self) -> int:
        while True:
            number = self._next_signal()
            if number is not None and number != signal.SIGCHLD:
                return self._end(number)
            self._reap()
            if self._user_objects and not self._became_ready:
                self._became_ready = self._is_ready()
                if self._became_ready:
                    logger.info("serving %s", _what(self._settings))
            while self._restart_at and self._restart_at[0] <= time.monotonic():
                self._restart_at.pop(0)
                self._start_worker()

    def _next_signal(self) -> int | None:
        wait = max(0.0, self._restart_at[0] - time.monotonic()) if self._restart_at else 1.0
        told = signal.sigtimedwait(_SIGNALS, min(wait, 1.0))
        return None if told is None else told.si_signo

    def _is_ready(self) -> bool:
        with suppress(BlockingIOError):
            return bool(os.read(self._ready_pipe[0], 1))
        return False

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if pid in self._services:
                self._services.discard(pid)
                logger.warning("the component's custom service ended (%s)", _how(code))
                continue
            began = self._workers.pop(pid, None)
            if began is not None:
                self._worker_ended(pid, code, time.monotonic() - began)

    def _worker_ended(self, pid: int, code: int, lived_seconds: float) -> None:
        from model_server.graph import telemetry  # noqa: PLC0415 -- only now is its folder known

        telemetry.forget_gauges_of(pid)
        if not (self._became_ready or self._is_ready()):
            raise WorkerCannotStart(f"a worker ended ({_how(code)}) before it was ready; its reason is told above")
        self._became_ready = True
        steady = lived_seconds >= STEADY_SECONDS
        self._wait_seconds = FIRST_WAIT_SECONDS if steady else min(self._wait_seconds * 2, LONGEST_WAIT_SECONDS)
        logger.error("worker %d ended (%s); another starts in %g s", pid, _how(code), self._wait_seconds)
        self._restart_at = sorted([*self._restart_at, time.monotonic() + self._wait_seconds])

    def _start_worker(self) -> None:
        pid = self._fork(self._run_worker)
        self._workers[pid] = time.monotonic()

    def _run_worker(self) -> int:
        from model_server.graph import worker  # noqa: PLC0415 -- only now is the metrics' folder known

        os.close(self._alive_pipe[1])
        ready = self._ready_pipe[1]
        code = worker.run(
            worker.Inheritance(
                settings=self._settings,
                user_objects=self._user_objects,
                http=self._doors.http,
                metrics=self._doors.metrics,
                parent_is_gone=self._alive_pipe[0],
                on_ready=partial(_tell, ready),
            )
        )
        if os.getppid() != self._pid:  # it was killed, and could not clean up
            shutil.rmtree(os.environ[METRICS_FOLDER_VARIABLE], ignore_errors=True)
        return code

    def _fork(self, main: Callable[[], int]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        code = EXIT_CANNOT_START
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            code = main()
        except ModelServerError as error:
            logger.critical(error.message)
        except BaseException:
            logger.critical("this process cannot go on", exc_info=True)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)  # whatever a user's threads are stuck in, and no clean-up of the parent's things

    def _end(self, number: int) -> int:
        logger.info("told to end by %s", signal.Signals(number).name)
        self._end_all(signal.SIGTERM)
        deadline = time.monotonic() + self._settings.grace_seconds + self._settings.lame_duck_seconds + 2.0
        while (self._workers or self._services) and time.monotonic() < deadline:
            told = signal.sigtimedwait(_SIGNALS, 0.2)
            if told is not None and told.si_signo in {signal.SIGINT, signal.SIGTERM}:
                break  # asked a second time: wait for nobody
            self._forget_ended()
        for pid in self._workers:
            logger.error("worker %d did not end in time and is killed", pid)
        self._end_all(signal.SIGKILL)
        return 0

    def _forget_ended(self) -> None:
        for pid in [*self._workers, *self._services]:
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    continue
            self._workers.pop(pid, None)
            self._services.discard(pid)

    def _end_all(self, number: int) -> None:
        for pid in [*self._workers, *self._services]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if number == signal.SIGKILL:
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        if number == signal.SIGKILL:
            self._workers.clear()
            self._services.clear()


@contextmanager
def _metrics_folder() -> Iterator[None]:
    folder = Path(tempfile.mkdtemp(prefix="graph-server-metrics-"))
    os.environ[METRICS_FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _what(settings: Settings) -> str:
    served = f"predictor {settings.predictor.name}" if settings.predictor else settings.class_name
    ports = f"REST {settings.host}:{settings.http_port}, gRPC {settings.grpc_port or 'off'}"
    return f"{served}: {ports}, metrics {settings.metrics_port or settings.http_port}{settings.metrics_path}"


def _tell(pipe: int) -> None:
    os.write(pipe, b".")


def _run_service(service: Callable[[], Any]) -> int:
    """A component's `custom_service`: a program of its own beside the servers, as Seldon's wrapper runs it."""
    service()
    return 0


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
