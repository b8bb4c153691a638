"""Which rate to try next, from what came of those before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

GROWTH: Final = 2.0
TRIES: Final = 3
"""The most of one rate. One that keeps at once is kept; one that fails is tried again, and two of three decide: a
stumble of a shared machine is no limit, and a lucky repeat is none either."""


@dataclass(frozen=True)
class Tried:
    rate: float
    kept: bool


@dataclass(frozen=True)
class Search:
    first: float
    """Rates per second, as the two below: where to begin, and between which to stay."""
    least: float
    most: float
    precision: float = 0.05
    """The limit is known when a rate at most so much higher is broken."""

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.first <= self.most < math.inf or not self.precision > 0:
            raise ValueError(f"{self}: 0 < least <= first <= most and a precision above 0 are expected")

    def next_rate(self, tried: Sequence[Tried]) -> float | None:
        """Upwards until one breaks, downwards until one holds, then between the two; None when the limit is known."""
        undecided = [each.rate for each in tried if decided(each.rate, tried) is None]
        if undecided:
            return undecided[-1]
        kept, broken = highest_kept(tried), lowest_broken(tried)
        if kept is None and broken is None:
            return self.first
        if broken is None:
            return None if kept >= self.most else min(kept * GROWTH, self.most)  # type: ignore[operator]
        if kept is None:
            return None if broken <= self.least else max(broken / GROWTH, self.least)
        return None if broken <= kept * (1 + self.precision) else math.sqrt(kept * broken)


def decided(rate: float, tried: Sequence[Tried]) -> bool | None:
    """Whether a rate is kept; None if it has to be tried (again)."""
    came = [each.kept for each in tried if each.rate == rate]
    if came[:1] == [True]:
        return True
    if came.count(False) >= 2:
        return False
    return True if came.count(True) >= TRIES - 1 else None


def lowest_broken(tried: Sequence[Tried]) -> float | None:
    return min((each.rate for each in tried if decided(each.rate, tried) is False), default=None)


def highest_kept(tried: Sequence[Tried]) -> float | None:
    """Below the lowest that is broken: where a higher one was kept, that was luck."""
    ceiling = lowest_broken(tried) or math.inf
    return max((each.rate for each in tried if each.rate < ceiling and decided(each.rate, tried)), default=None)
