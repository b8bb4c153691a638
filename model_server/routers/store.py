"""The door to what a bandit's replicas have learnt together: in this process, or in Valkey (or Redis).

Each call is atomic, and what `learn` has returned is not forgotten by the store (Valkey: with `appendonly yes` and
`appendfsync always`, not even by a machine that loses power).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from model_server.routers.errors import InvalidRouter, StoreUnavailable
from model_server.routers.policies import Tally

TIMEOUT_SECONDS: Final = 0.5
"""Of one call. A store in the same cluster answers within a millisecond or two; a disk that syncs may take hundreds."""
DUPLICATE_WINDOW_SECONDS: Final = 86_400
"""How long a request's id is remembered, and so how late a second reward for it may come and be known as such."""

type Tallies = Mapping[str, Tally]


class Store(Protocol):
    """Where it is said what is known of each arm. Arms without an entry have not been tried."""

    def read(self) -> Tallies:
        """Errors: StoreUnavailable."""
        ...

    def learn(self, arm: str, rewards: Sequence[float], request_id: str) -> tuple[bool, Tallies]:
        """Add trials of an arm; whether they were added, and what is known then.

        They are not, where something was learnt for this id within the last day ("" is no id).
        Errors: StoreUnavailable; then they may have been added, if the store went away in that moment.
        """
        ...

    def close(self) -> None: ...


class InMemoryStore:
    """Of this process alone, and gone with it."""

    def __init__(
        self,
        window_seconds: float = DUPLICATE_WINDOW_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window_seconds = window_seconds
        self._now = now
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}
        self._learnt: dict[str, float] = {}
        """Request id -> when it was learnt, oldest first."""

    def read(self) -> Tallies:
        with self._lock:
            return dict(self._tallies)

    def learn(self, arm: str, rewards: Sequence[float], request_id: str) -> tuple[bool, Tallies]:
        with self._lock:
            now = self._now()
            while self._learnt and now - next(iter(self._learnt.values())) >= self._window_seconds:
                del self._learnt[next(iter(self._learnt))]
            is_new = not request_id or request_id not in self._learnt
            if is_new:
                known = self._tallies.get(arm, Tally())
                self._tallies[arm] = Tally(known.reward_sum + sum(rewards), known.trials + len(rewards))
                if request_id:
                    self._learnt[request_id] = now
            return is_new, dict(self._tallies)

    def close(self) -> None:
        pass


_LEARN: Final = """
-- KEYS: the tallies; the mark that a request's reward was learnt, where it has an id.
-- ARGV: arm, number of trials, sum of their rewards, seconds for which the mark stays.
local is_new = 1
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then
  is_new = 0
else
  redis.call('HINCRBYFLOAT', KEYS[1], ARGV[1] .. ':trials', ARGV[2])
  redis.call('HINCRBYFLOAT', KEYS[1], ARGV[1] .. ':reward_sum', ARGV[3])
  if KEYS[2] then
    redis.call('SET', KEYS[2], '', 'EX', ARGV[4])
  end
end
return {is_new, redis.call('HGETALL', KEYS[1])}
"""


class ValkeyStore:
    """A hash `forkcast:bandit:NAME` with the fields ARM:trials and ARM:reward_sum, and a key for each request learnt.

    One server, not a cluster of them. Connects at its first call, and never tries a call twice. Safe for threads, not
    across a fork.
    """

    def __init__(self, url: str, name: str, window_seconds: int = DUPLICATE_WINDOW_SECONDS) -> None:
        """Errors: InvalidRouter, where the URL cannot be one."""
        import redis  # noqa: PLC0415  (a router without shared state does without)
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        self._place = place_of(url)
        self._errors = (redis.RedisError, OSError)
        self._window_seconds = window_seconds
        self._name = name
        self._key = f"forkcast:bandit:{name}"
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),  # a reward whose answer was lost would be learnt twice
        )
        self._learn = self._client.register_script(_LEARN)

    def read(self) -> Tallies:
        return self._asked(lambda: _tallies(dict(self._client.hgetall(self._key))))

    def learn(self, arm: str, rewards: Sequence[float], request_id: str) -> tuple[bool, Tallies]:
        keys: list[Any] = [self._key, self._mark(request_id)] if request_id else [self._key]

        def learn() -> tuple[bool, Tallies]:
            is_new, fields = self._learn(keys, [arm, len(rewards), repr(float(sum(rewards))), self._window_seconds])
            pairs = fields if isinstance(fields, Mapping) else dict(zip(fields[::2], fields[1::2], strict=True))
            return is_new == 1, _tallies(pairs)

        return self._asked(learn)

    def close(self) -> None:
        self._client.close()

    def _mark(self, request_id: str) -> bytes:
        """Short, for there is one for each request of a day: about 100 bytes of Valkey's memory."""
        text = f"{self._name}\n{request_id}".encode(errors="surrogatepass")
        return b"fb:" + hashlib.blake2b(text, digest_size=12).digest()

    def _asked[T](self, call: Callable[[], T]) -> T:
        try:
            return call()
        except self._errors as error:
            told = f"{type(error).__name__}: {error}"[:200]
            raise StoreUnavailable(f"the bandit's state at {self._place} cannot be had just now: {told}") from error
        except ValueError as error:
            raise StoreUnavailable(f"the bandit's state at {self._place}, {self._key}, is no tally: {error}") from error


def place_of(url: object) -> str:
    """Where the store is, without what is secret in its URL. Errors: InvalidRouter."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    try:
        is_place = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        is_place = False
    if parts.scheme not in {"redis", "rediss", "unix"} or not is_place:
        raise InvalidRouter(
            "the parameter state is no address of a store; redis://HOST:PORT/DATABASE is accepted, rediss:// with TLS, "
            "and unix:///PATH"
        )
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def _tallies(fields: Mapping[Any, Any]) -> dict[str, Tally]:
    """Errors: ValueError, where somebody else has written there."""
    found: dict[str, dict[str, float]] = {}
    for field, value in fields.items():
        arm, _, what = field.decode().rpartition(":")
        found.setdefault(arm, {})[what] = float(value)
    return {arm: _tally(values) for arm, values in found.items()}


def _tally(values: Mapping[str, Any]) -> Tally:
    reward_sum, trials = values.get("reward_sum", 0.0), values.get("trials", 0.0)
    if set(values) - {"reward_sum", "trials"} or not 0 <= reward_sum < float("inf") or not 0 <= trials < float("inf"):
        raise ValueError(f"{values} found")
    return Tally(reward_sum, trials)
