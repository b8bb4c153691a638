"""EpsilonGreedy: the arm with the best mean reward, and now and then any of them."""

from __future__ import annotations

from collections.abc import Sequence

from model_server.routers import policies
from model_server.routers.bandit import Bandit
from model_server.routers.policies import Tally


class EpsilonGreedy(Bandit):
    """Parameters as of `Bandit`. What the literature calls epsilon is `exploration_floor` times the number of arms."""

    def _policy(self, tallies: Sequence[Tally]) -> tuple[float, ...]:
        return policies.greedy(tallies)
