"""A router that learns from feedback which arm earns most; its children say how that turns into probabilities."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

from model_server import metric_names
from model_server.routers import arms as arms_of
from model_server.routers import policies
from model_server.routers.choices import Choice
from model_server.routers.errors import InvalidRouter
from model_server.routers.feedback import Lesson
from model_server.routers.learning import Learning
from model_server.routers.policies import Tally
from model_server.routers.router import Router
from model_server.routers.store import (
    DUPLICATE_WINDOW_SECONDS,
    InMemoryStore,
    Store,
    Tallies,
    ValkeyStore,
    place_of,
)
from model_server.seldon_messages import Metric

logger = logging.getLogger(__name__)

NEWS_SECONDS: Final = 1.0
"""How often the gauges are told. Under the stock wrapper each telling asks another process."""


class Bandit(Router):
    """Chooses arms by what they have earned so far, learnt together with all workers and replicas.

    Parameters (Seldon graph parameters):
    - `arms`: the children in their order, "champion,challenger".
    - `exploration_floor`: the least probability of each arm, 0.05 by default.
    - `state`: where what was learnt is kept, redis://HOST:PORT/DATABASE (Valkey or Redis). Without it each worker
      learns by itself, and forgets when it ends.
    - `experiment`: part of the state's name, after the deployment's, predictor's and router's; another one begins anew.
    - `duplicate_window_seconds`: how long a request's id is remembered, so that no reward counts twice; a day.
    """

    def __init__(
        self,
        arms: str,
        exploration_floor: float = 0.05,
        state: str | None = None,
        experiment: str = "default",
        duplicate_window_seconds: int = DUPLICATE_WINDOW_SECONDS,
    ) -> None:
        """Connects to nothing yet. Errors: InvalidRouter; the server does not start."""
        super().__init__(arms_of.names(arms))
        self._floor = policies.checked_floor(exploration_floor, len(self._arms))
        self._state = state or None
        if self._state is not None:
            place_of(self._state)
        if not isinstance(duplicate_window_seconds, int) or duplicate_window_seconds < 1:
            raise InvalidRouter(
                f"the parameter duplicate_window_seconds is {duplicate_window_seconds!r}; a whole number from 1 is "
                "expected"
            )
        self._window_seconds = duplicate_window_seconds
        deployment, predictor = os.environ.get("SELDON_DEPLOYMENT_ID", ""), os.environ.get("PREDICTOR_ID", "")
        self.state_name = "/".join((deployment, predictor, self._name, arms_of.experiment_name(experiment)))
        self._tallies: Tallies = {}
        self._probabilities = self._of_tallies(self._tallies)
        self._chance: Callable[[], float] = random.random  # which each worker seeds anew after its fork
        self._lock = threading.Lock()
        self._learning: Learning | None = None
        self._process_id = 0
        self._news_at = -NEWS_SECONDS

    @abstractmethod
    def _policy(self, tallies: Sequence[Tally]) -> tuple[float, ...]:
        """The probability of each arm, before exploration has its share."""

    def load(self) -> None:
        """Called once a worker process: learns what is known, and keeps up with it."""
        self._current()

    def metrics(self) -> list[dict[str, Any]]:
        """Told with each health check, too."""
        return [
            {"type": metric.type, "key": metric.key, "value": metric.value, "tags": dict(metric.tags)}
            for metric in self._gauges()
        ]

    def close(self) -> None:
        """Let go of the store, and end the thread."""
        with self._lock:
            learning, self._learning = self._learning, None
        if learning is not None:
            learning.close()

    def _choose(self, message: Any) -> Choice:
        del message
        self._current()
        probabilities = self._probabilities
        chosen = policies.choose(probabilities, self._chance())
        return Choice(self._arms[chosen], probabilities[chosen])

    def _learn(self, lesson: Lesson, arm: str) -> bool:
        return self._current().learn(arm, lesson.rewards, lesson.request_id)

    def _news(self) -> tuple[Metric, ...]:
        now = time.monotonic()
        if now - self._news_at < NEWS_SECONDS:
            return ()
        self._news_at = now
        return self._gauges()

    def _gauges(self) -> tuple[Metric, ...]:
        learning = self._current()
        gauges = [
            Metric(metric_names.ROUTER_ARM_PROBABILITY, probability, {metric_names.ARM_LABEL: arm}, "GAUGE")
            for arm, probability in zip(self._arms, self._probabilities, strict=True)
            if probability > 0
        ]
        age_seconds = max(learning.age_seconds, 1e-9)  # a zero would be left out on the way
        gauges.append(Metric(metric_names.ROUTER_STATE_AGE, age_seconds, {}, "GAUGE"))
        n_errors = learning.take_errors()
        return (*gauges, Metric(metric_names.ROUTER_STORE_ERRORS, n_errors, {})) if n_errors else tuple(gauges)

    def _current(self) -> Learning:
        """What this process learns with; begun at the first call after the fork, since no thread survives one."""
        learning = self._learning
        if learning is None or self._process_id != os.getpid():
            with self._lock:
                if self._learning is None or self._process_id != os.getpid():
                    self._learning = Learning(self._opened(), self._take_in)
                    self._process_id = os.getpid()
                    self._learning.start()
                learning = self._learning
        return learning

    def _opened(self) -> Store:
        if self._state is not None:
            return ValkeyStore(self._state, self.state_name, self._window_seconds)
        logger.warning(
            "%s has no parameter state: each worker of each replica learns by itself, and forgets when it ends; with "
            "one such as redis://bandit-state:6379/0 they learn together",
            type(self).__name__,
        )
        return InMemoryStore(self._window_seconds)

    def _take_in(self, tallies: Tallies) -> None:
        if tallies != self._tallies:
            self._tallies, self._probabilities = tallies, self._of_tallies(tallies)

    def _of_tallies(self, tallies: Tallies) -> tuple[float, ...]:
        known = [tallies.get(arm, Tally()) for arm in self._arms]
        return policies.with_floor(self._policy(known), self._floor)
