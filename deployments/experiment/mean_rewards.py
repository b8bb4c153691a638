"""The mean rewards of two arms, compared by confidence sequences: valid at every moment, however often one looks.

Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2021), "Time-uniform central limit theory and asymptotic
confidence sequences", equation 1: Robbins' normal mixture with an estimated variance. Asymptotic, so nothing is said
before each arm has had a number of rewards of either kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALPHA: Final = 0.05
TIGHTEST_AT: Final = 2_000
"""Rewards of an arm at which its interval is to be tightest."""
LEAST_OF_A_KIND: Final = 20
"""Successes, and failures, of an arm before its variance is believed."""


@dataclass(frozen=True)
class Rewards:
    """Of one arm: how many, zero ones included, and their sum. Each is from 0 to 1."""

    count: float
    total: float

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else math.nan

    @property
    def are_enough(self) -> bool:
        return min(self.total, self.count - self.total) >= LEAST_OF_A_KIND


class Comparison(StrEnum):
    TOO_EARLY = "too early"
    NO_DIFFERENCE_SEEN = "no difference seen yet"
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True)
class Difference:
    """Of an arm's mean reward from the baseline's: an interval that holds it, at all moments at once, at 1 - alpha."""

    low: float
    high: float
    comparison: Comparison


def difference(arm: Rewards, baseline: Rewards, alpha: float = ALPHA) -> Difference:
    """The arm's mean less the baseline's."""
    if not (arm.are_enough and baseline.are_enough):
        return Difference(-1.0, 1.0, Comparison.TOO_EARLY)
    # Each mean within its own interval at half of alpha: then both are.
    reach = _radius(arm, alpha / 2) + _radius(baseline, alpha / 2)
    middle = arm.mean - baseline.mean
    low, high = middle - reach, middle + reach
    if low > 0:
        return Difference(low, high, Comparison.BETTER)
    return Difference(low, high, Comparison.WORSE if high < 0 else Comparison.NO_DIFFERENCE_SEEN)


def _radius(rewards: Rewards, alpha: float) -> float:
    """Of rewards from 0 to 1 with this mean, m (1 - m) is the largest variance: of a reward that is 0 or 1."""
    n, mean = rewards.count, rewards.mean
    rho_squared = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / TIGHTEST_AT
    spread = n * rho_squared + 1
    return math.sqrt(mean * (1 - mean)) * math.sqrt(
        2 * spread / (n**2 * rho_squared) * math.log(math.sqrt(spread) / alpha)
    )
