"""What a worker tells beside its requests, once a second: of itself, and of components that count for themselves.

A user's class whose requests are many and whose counts are large, as of every row and column, has the method
`observed_metrics()`: what it has counted since it was last asked, as Seldon's custom metrics, and HISTOGRAMs with
`bounds`, `counts` and `sum`. It is asked from a thread of its own, once when a worker begins, and last when it ends.
"""

from __future__ import annotations

import logging
import resource
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 1.0
LAST_LOOK_SECONDS: Final = 1.0
_MEMORY: Final = Path("/proc/self/statm")
_PAGE_BYTES: Final = resource.getpagesize()

type Observe = Callable[[], Sequence[Mapping[str, Any]]]
type Tell = Callable[[Sequence[Mapping[str, Any]]], None]


class Observer:
    def __init__(self, observed: Sequence[tuple[str, Observe, Tell]], tell_used: Callable[[float, int], None]) -> None:
        """`observed`: by the component's name; looked at when it starts.

        `tell_used` hears of seconds of processor time since it last did, and of bytes of memory now.
        """
        self._observed = observed
        self._tell_used = tell_used
        self._cpu_seconds = 0.0
        self._complained: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """With a first look, here; then on a thread that keeps nothing from ending, for a class may hang in it."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """With a last look, for which a moment is waited, and no longer."""
        self._ending.set()
        self._thread.join(LAST_LOOK_SECONDS)

    def look(self) -> None:
        """Never an error: no metric is worth a worker."""
        for name, observe, tell in self._observed:
            try:
                tell(observe() or ())
            except Exception as error:  # noqa: BLE001 -- whatever a class raises
                self._complain(name, error)
        try:
            cpu_seconds = time.process_time()
            self._tell_used(cpu_seconds - self._cpu_seconds, _resident_bytes())
            self._cpu_seconds = cpu_seconds
        except Exception as error:  # noqa: BLE001 -- such as a full disk
            self._complain("the worker", error)

    def _run(self) -> None:
        while not self._ending.wait(PERIOD_SECONDS):
            self.look()
        self.look()

    def _complain(self, whose: str, error: Exception) -> None:
        """Once: it may be so every second."""
        if whose not in self._complained:
            self._complained.add(whose)
            logger.error("what %s observed was not told; this is said once", whose, exc_info=error)


def _resident_bytes() -> int:
    """Now; where there is no /proc, at the most so far."""
    try:
        return int(_MEMORY.read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
