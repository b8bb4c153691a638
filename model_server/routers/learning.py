"""What one process knows of its bandit's shared state: kept fresh by a thread, so that choosing never waits.

While the store is away, choices go on from what was last known, and feedback is refused at once rather than after a
timeout: whoever serves this class may have one thread for choices and feedback together.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from model_server.routers.errors import StoreUnavailable
from model_server.routers.store import Store, Tallies

logger = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 0.5
"""How old the others' lessons may be here. A bandit's shares move over minutes."""
MAX_BACK_OFF_SECONDS: Final = 8.0


class Learning:
    """Of one process; made after the fork. `on_tallies` is told what is known, from whichever thread learnt it."""

    def __init__(self, store: Store, on_tallies: Callable[[Tallies], None]) -> None:
        self._store = store
        self._on_tallies = on_tallies
        self._lock = threading.Lock()
        self._n_told = 0
        self._known_at = time.monotonic()
        self._n_errors = 0
        self._problem: StoreUnavailable | None = StoreUnavailable("the bandit's state has not been read yet")
        self._wake = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._keep_fresh, name="bandit-state", daemon=True)

    def start(self) -> None:
        """Read once, so that the first choice knows what was learnt before; then go on reading."""
        self._refresh()
        self._thread.start()

    @property
    def age_seconds(self) -> float:
        """Since the store was last read or written; since the start, if it never was."""
        return time.monotonic() - self._known_at

    def take_errors(self) -> int:
        """How often the store was asked in vain since this was last called."""
        with self._lock:
            taken, self._n_errors = self._n_errors, 0
        return taken

    def learn(self, arm: str, rewards: Sequence[float], request_id: str) -> bool:
        """Whether it was new; it is in the store then. Errors: StoreUnavailable, at once while the store is away."""
        if self._problem is not None:
            raise StoreUnavailable(f"nothing was learnt, send it again later: {self._problem.message}")
        try:
            is_new, tallies = self._store.learn(arm, rewards, request_id)
        except StoreUnavailable as error:
            self._failed(error)
            self._wake.set()
            raise StoreUnavailable(f"not known to be learnt, send it again later: {error.message}") from error
        self._tell(tallies)
        return is_new

    def close(self) -> None:
        self._is_closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._store.close()

    def _keep_fresh(self) -> None:
        pause = REFRESH_SECONDS
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            if self._is_closed:
                return
            pause = REFRESH_SECONDS if self._refresh() else min(2 * pause, MAX_BACK_OFF_SECONDS)

    def _refresh(self) -> bool:
        n_told = self._n_told
        try:
            tallies = self._store.read()
        except StoreUnavailable as error:
            self._failed(error)
            return False
        self._tell(tallies, unless_told_since=n_told)
        return True

    def _failed(self, error: StoreUnavailable) -> None:
        with self._lock:
            if self._problem is None:
                logger.warning("%s; choices go on from what was known", error.message)
            self._problem = error
            self._n_errors += 1

    def _tell(self, tallies: Tallies, *, unless_told_since: int | None = None) -> None:
        """`unless_told_since`: a lesson of our own may have overtaken what was read, and knows more."""
        with self._lock:
            if self._problem is not None:
                logger.info("the bandit's state is at hand")
            self._problem = None
            self._known_at = time.monotonic()
            if unless_told_since in {None, self._n_told}:
                self._n_told += 1
                self._on_tallies(tallies)
