"""What a worker tells beside its requests, once a second: of itself, and of components that count for themselves.

A user's class whose requests are many and whose counts are large, as of every row and column, has the method
`observed_metrics()`: what it has counted since it was last asked, as Seldon's custom metrics, and HISTOGRAMs with
`bounds`, `counts` and `sum`. It is asked from a thread of its own, once when a worker begins, and last when it ends.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 1.0
_MEMORY: Final = Path("/proc/self/statm")
_PAGE_BYTES: Final = resource.getpagesize()

type Observe = Callable[[], Sequence[Mapping[str, Any]]]
type Tell = Callable[[Sequence[Mapping[str, Any]]], None]


class Observer:
    def __init__(self, observed: Iterable[tuple[Observe, Tell]], tell_used: Callable[[float, int], None]) -> None:
        """`tell_used` hears of seconds of processor time since it last did, and of bytes of memory now."""
        self._observed = list(observed)
        self._tell_used = tell_used
        self._cpu_seconds = 0.0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(PERIOD_SECONDS)

    def look(self) -> None:
        """Never an error: no metric is worth a worker."""
        for observe, tell in self._observed:
            try:
                tell(observe())
            except Exception:
                logger.exception("what a component observed was not told")
        cpu_seconds = time.process_time()
        self._tell_used(cpu_seconds - self._cpu_seconds, _resident_bytes())
        self._cpu_seconds = cpu_seconds


def _resident_bytes() -> int:
    """Now; where there is no /proc, at the most so far."""
    try:
        return int(_MEMORY.read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
