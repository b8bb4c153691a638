"""The processes that a parent forks: with signals as they should have them, waited for, and ended with their parent.

The parent has its signals blocked and takes them with `sigtimedwait`. Ctrl-C and the end of a terminal reach every
process of the program at once, so children pass over SIGINT and SIGHUP: their parent tells them.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from model_server.errors import ModelServerError

logger = logging.getLogger(__name__)

SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
EXIT_CANNOT_START: Final = 1


class Children:
    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._all_end, self._held = os.pipe()

    def fork(self, main: Callable[[int], int]) -> int:
        """A process that runs `main`, whose result is its exit code; its id.

        `main` gets a descriptor that can be read once all are to end: told so, or their parent gone, however it went.
        Errors: OSError.
        """
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # whoever reads them may be gone
                stream.flush()
        pid = os.fork()
        if pid == 0:
            self._be_child(main)
        self._pids.add(pid)
        return pid

    def ended(self) -> Iterator[tuple[int, int]]:
        """Those that have ended since this was asked last: process id, exit code (-N for signal N)."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._pids:
                self._pids.discard(pid)
                yield pid, os.waitstatus_to_exitcode(status)

    def tell_to_end(self) -> None:
        os.close(self._held)
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Nothing is left of them afterwards."""
        self._signal(signal.SIGKILL)
        for pid in self._pids:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._pids.clear()

    def __len__(self) -> int:
        return len(self._pids)

    def _signal(self, number: int) -> None:
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _be_child(self, main: Callable[[int], int]) -> None:
        code = EXIT_CANNOT_START
        try:
            os.close(self._held)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for number in (signal.SIGINT, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, _pass_over)  # not SIG_IGN, which programs that a class starts would inherit
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            code = main(self._all_end)
        except ModelServerError as error:
            logger.critical(error.message)
        except BaseException:
            logger.critical("this process cannot go on", exc_info=True)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):
                    stream.flush()
            os._exit(code)  # whatever a user's threads are stuck in, and no clean-up of the parent's things


def how(code: int) -> str:
    """In words, how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name if -code in set(signal.Signals) else -code}"


def _pass_over(number: int, frame: object) -> None:
    del number, frame
