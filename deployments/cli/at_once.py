"""Several readers at once, each in a thread of its own, until all are done or Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable


def at_once(readers: Iterable[Callable[[], None]]) -> None:
    """Ctrl-C ends the waiting; the threads end with the process."""
    threads = [threading.Thread(target=read, daemon=True) for read in readers]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        return
