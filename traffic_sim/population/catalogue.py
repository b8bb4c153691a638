"""What is advertised and where it is shown: campaigns and games with their latent traits, drawn from a seed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from traffic_sim.population.choices import zipf_weights
from traffic_sim.population.clock import DAYS

N_CAMPAIGNS: Final = 300
N_GAMES: Final = 800
N_GENRES: Final = 6
CAMPAIGN_EXPONENT: Final = 1.0
GAME_EXPONENT: Final = 1.0
"""Zipf exponents: of 300 campaigns the largest 20 make over half of all impressions."""
NORMAL_QUANTILES: Final = np.array([NormalDist().inv_cdf((k + 0.5) / 10) for k in range(10)]) / 0.938
"""Ten values that stand for a standard normal: the middles of its tenths, scaled to standard deviation 1."""
LATE_SHARE: Final = 0.3
"""Share of the campaigns beyond the 40 largest that start during the span, so that a test meets some never seen."""


@dataclass(frozen=True, eq=False)
class Campaigns:
    """What is advertised. A campaign advertises one app of one store, hence one platform.

    Shapes: ids [n]; the rest [n]. Units: appeal in log-odds of an install; first_day in days since the population's
    first, 0 or less for those that run from the start.
    """

    ids: tuple[str, ...]
    platform: NDArray[np.int64]
    genre: NDArray[np.int64]
    appeal: NDArray[np.float64]
    popularity: NDArray[np.float64]
    first_day: NDArray[np.int64]

    def shares(self) -> NDArray[np.float64]:
        """Weight of each campaign on each day and platform; float64[DAYS * 2, n], row `day * 2 + platform`."""
        runs = np.arange(DAYS)[:, None] >= self.first_day
        by_platform = np.stack([self.popularity * runs * (self.platform == p) for p in (0, 1)], axis=1)
        return np.asarray(by_platform.reshape(DAYS * 2, N_CAMPAIGNS))


@dataclass(frozen=True, eq=False)
class Games:
    """Where ads are shown. A game is built for one platform.

    Shapes: ids [n]; the rest [n]. Units: openness in log-odds of an install.
    """

    ids: tuple[str, ...]
    platform: NDArray[np.int64]
    genre: NDArray[np.int64]
    openness: NDArray[np.float64]
    popularity: NDArray[np.float64]

    def shares(self) -> NDArray[np.float64]:
        """Weight of each game on each platform; float64[2, n]."""
        return np.stack([self.popularity * (self.platform == p) for p in (0, 1)])


def draw_campaigns(rng: np.random.Generator, appeal_sd: float) -> Campaigns:
    rank = np.arange(N_CAMPAIGNS)
    is_late = (rank >= 40) & (rng.random(N_CAMPAIGNS) < LATE_SHARE)
    # 24 hexadecimal digits, as the ids of a document store; the prefix numbers them apart.
    prefixes = rng.choice(16**8, N_CAMPAIGNS, replace=False)
    tails = rng.integers(2**63, size=N_CAMPAIGNS)
    ids = tuple(f"{prefix:08x}{tail:016x}" for prefix, tail in zip(prefixes, tails, strict=True))
    return Campaigns(
        ids=ids,
        platform=_balanced(np.arange(2), N_CAMPAIGNS, rng),
        genre=_balanced(np.arange(12) % N_GENRES, N_CAMPAIGNS, rng),
        appeal=appeal_sd * _balanced(NORMAL_QUANTILES, N_CAMPAIGNS, rng),
        popularity=zipf_weights(N_CAMPAIGNS, CAMPAIGN_EXPONENT),
        first_day=np.where(is_late, rng.integers(1, DAYS, N_CAMPAIGNS), 0),
    )


def draw_games(rng: np.random.Generator, openness_sd: float) -> Games:
    numbers = rng.choice(np.arange(10_000, 3_000_000), N_GAMES, replace=False)
    return Games(
        ids=tuple(map(str, numbers.tolist())),
        platform=_balanced(np.arange(2), N_GAMES, rng),
        genre=_balanced(np.arange(12) % N_GENRES, N_GAMES, rng),
        openness=openness_sd * _balanced(NORMAL_QUANTILES, N_GAMES, rng),
        popularity=zipf_weights(N_GAMES, GAME_EXPONENT),
    )


def _balanced(values: NDArray[Any], n: int, rng: np.random.Generator) -> NDArray[Any]:
    """Draws n values, each of `values` once in every run of as many: no trait owns the head of a Zipf distribution."""
    runs = [rng.permutation(values) for _ in range(-(-n // len(values)))]
    return np.asarray(np.concatenate(runs)[:n])
