"""ThompsonSampling: each arm as often as it is likely to be the best."""

from __future__ import annotations

from collections.abc import Sequence

from model_server.routers import policies
from model_server.routers.bandit import Bandit
from model_server.routers.policies import Tally


class ThompsonSampling(Bandit):
    """Parameters as of `Bandit`.

    The probability is computed when the state changes, by integration, and a request draws from it: the same as drawing
    from the posteriors for each request, but known, and so worth telling as the propensity.
    """

    def _policy(self, tallies: Sequence[Tally]) -> tuple[float, ...]:
        return policies.thompson(tallies)
