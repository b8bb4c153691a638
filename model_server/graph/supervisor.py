"""The parent: makes users' objects once, forks the workers, replaces those that end, and ends with all of them.

It holds the listening sockets, so what has connected waits for the next worker rather than being refused; and the
folder in which all workers count. It serves nothing itself, starts no thread, and so may fork at any time.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, Never

from model_server.errors import ModelServerError
from model_server.graph import metrics_files, worker
from model_server.graph.children import SIGNALS, Children, how
from model_server.graph.listening import opened
from model_server.graph.restarts import Restarts
from model_server.graph.settings import Settings
from model_server.graph.user_objects import UserObjects

logger = logging.getLogger(__name__)

LEAVES_AGAIN_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the first worker is ready."""
LAST_SECONDS: Final = 3.0
"""What workers get beyond their grace, for what their request log, their connections and their spans still hold."""


class CannotStart(ModelServerError):
    """No worker came to serve."""


@dataclass(frozen=True)
class _Worker:
    place: int
    """From 0; whoever takes its place counts on where it ended."""
    began: float


class Supervisor:
    """`make_objects` makes the users' objects, by the name of their node."""

    def __init__(self, settings: Settings, make_objects: Callable[[], UserObjects]) -> None:
        self._settings = settings
        self._make_objects = make_objects
        self._pid = os.getpid()
        self._workers: dict[int, _Worker] = {}
        self._restarts = Restarts()
        self._became_ready = False
        self._ends_on = {
            number
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
            if signal.getsignal(number) is not signal.SIG_IGN  # as nohup would have it
        }

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or SIGHUP; the exit code. Errors: ModelServerError where it cannot start."""
        with _metrics_folder() as folder, opened(self._settings) as doors:
            self._folder, self._doors = folder, doors
            with self._leaving_when_told():
                self._user_objects = self._make_objects()
            self._children = Children()
            self._ready_pipe = os.pipe()
            for end in self._ready_pipe:
                os.set_blocking(end, False)
            try:
                self._start_all()
                return self._watch()
            finally:
                self._children.kill()

    @contextmanager
    def _leaving_when_told(self) -> Iterator[None]:
        """While objects are made, which may take long: a signal ends it at once. Later, signals wait for `_watch`.

        What ends it is an exception, which Python drops where it comes up in a finalizer, and a class may catch; so it
        is raised again and again, and at last when they are made.
        """
        told = False

        def leave(number: int, frame: FrameType | None) -> Never:
            nonlocal told
            del frame
            told = True
            if number != signal.SIGALRM:
                logger.info("told to end by %s, before anything was served", signal.Signals(number).name)
            signal.setitimer(signal.ITIMER_REAL, LEAVES_AGAIN_SECONDS)
            raise SystemExit(0)

        before = {number: signal.signal(number, leave) for number in (*self._ends_on, signal.SIGALRM)}
        try:
            yield
            if told:
                raise SystemExit(0)  # noqa: TRY301 -- as from a signal
        except BaseException:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)
            raise
        signal.signal(signal.SIGALRM, before[signal.SIGALRM])
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for number in self._ends_on:  # threads that the objects have started do not block them
            signal.signal(number, _hand_to_the_main_thread)

    def _start_all(self) -> None:
        for user_object in self._user_objects.values():
            service = getattr(user_object, "custom_service", None)
            if callable(service):
                self._children.fork(partial(self._run_service, service))
        for place in range(self._settings.workers):
            self._start_worker(place)

    def _watch(self) -> int:
        while True:
            wait = self._restarts.seconds_to_next(time.monotonic())
            told = signal.sigtimedwait(SIGNALS, LOOK_SECONDS if wait is None else min(wait, LOOK_SECONDS))
            if told is not None and told.si_signo in self._ends_on:
                return self._end(told.si_signo)
            for pid, code in self._children.ended():
                self._ended(pid, code)
            if not self._became_ready and self._is_ready():
                self._became_ready = True
                logger.info("serving %s", _what(self._settings))
            for place in self._restarts.take_due(time.monotonic()):
                try:
                    self._start_worker(place)
                except OSError as error:
                    seconds = self._restarts.ended(place, 0.0, time.monotonic())
                    logger.error("no worker can be started: %s; tried again in %g s", error.strerror, seconds)  # noqa: TRY400

    def _is_ready(self) -> bool:
        with suppress(BlockingIOError):
            return bool(os.read(self._ready_pipe[0], 1))
        return False

    def _ended(self, pid: int, code: int) -> None:
        ended = self._workers.pop(pid, None)
        if ended is None:
            logger.warning("the component's custom service ended (%s)", how(code))
            return
        metrics_files.forget_gauges_of(ended.place)
        if not (self._became_ready or self._is_ready()):
            raise CannotStart(f"a worker ended ({how(code)}) before it was ready; its reason is told above")
        self._became_ready = True
        now = time.monotonic()
        seconds = self._restarts.ended(ended.place, now - ended.began, now)
        logger.error("worker %d ended (%s); another starts in %g s", pid, how(code), seconds)

    def _start_worker(self, place: int) -> None:
        """Errors: OSError."""
        pid = self._children.fork(partial(self._run_worker, place))
        self._workers[pid] = _Worker(place, time.monotonic())

    def _run_worker(self, place: int, all_end: int) -> int:
        metrics_files.write_as(place)
        code = worker.run(
            worker.Inheritance(
                settings=self._settings,
                user_objects=self._user_objects,
                http=self._doors.http,
                metrics=self._doors.metrics,
                all_end=all_end,
                on_ready=partial(_tell, self._ready_pipe[1]),
            )
        )
        if os.getppid() != self._pid:  # it was killed, and could not clean up
            shutil.rmtree(self._folder, ignore_errors=True)
        return code

    def _run_service(self, service: Callable[[], Any], all_end: int) -> int:
        """A component's `custom_service`: a program of its own beside the servers, as Seldon's wrapper runs it."""
        self._doors.close()
        threading.Thread(target=_end_with_the_others, args=(all_end,), daemon=True).start()
        service()
        return 0

    def _end(self, number: int) -> int:
        logger.info("told to end by %s", signal.Signals(number).name)
        self._children.tell_to_end()
        deadline = time.monotonic() + self._settings.grace_seconds + self._settings.lame_duck_seconds + LAST_SECONDS
        while self._children and time.monotonic() < deadline:
            told = signal.sigtimedwait(SIGNALS, 0.2)
            if told is not None and told.si_signo in self._ends_on:
                logger.warning("told again, by %s: nobody is waited for", signal.Signals(told.si_signo).name)
                return 0
            for pid, _ in self._children.ended():
                self._workers.pop(pid, None)
        for pid in self._workers:
            logger.error("worker %d did not end in time and is killed", pid)
        return 0


@contextmanager
def _metrics_folder() -> Iterator[Path]:
    """Errors: CannotStart."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="graph-server-metrics-"))
    except OSError as error:
        raise CannotStart(f"no folder to count in can be made: {error.strerror}; set TMPDIR to one") from error
    metrics_files.keep_in(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _what(settings: Settings) -> str:
    served = f"predictor {settings.predictor.name}" if settings.predictor else settings.class_name
    ports = f"REST {settings.host}:{settings.http_port}, gRPC {settings.grpc_port or 'off'}"
    return f"{served}: {ports}, metrics {settings.metrics_port or settings.http_port}{settings.metrics_path}"


def _hand_to_the_main_thread(number: int, frame: FrameType | None) -> None:
    """A signal that another thread took: it waits for `_watch`, in the main thread, which blocks it."""
    del frame
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def _tell(pipe: int) -> None:
    with suppress(BlockingIOError):  # it is full of what nobody needs to know any more
        os.write(pipe, b".")


def _end_with_the_others(all_end: int) -> None:
    os.read(all_end, 1)
    os.kill(os.getpid(), signal.SIGTERM)
