"""The true install probability of an impression: the formula, and every number in it. Pure.

logit p = intercept
        + appeal[campaign] + openness[game] + affinity[genre of campaign, genre of game]
        + PRICE_BY_COUNTRY[price tier of device, tier of country] + habit[device family] + habit[country]
        + INSTALL_WEIGHT ln r(installs, starts) + CLICK_WEIGHT ln r(clicks, starts)
        - FATIGUE exp(-pause / FATIGUE_SECONDS) - WEAR ln(1 + starts in the last day)   [0, + NEWCOMER for newcomers]
        - AGEING min(version age, MAX_AGE_YEARS)
        + EVENING cos(2 pi (hour - EVENING_HOUR) / 24) + WEEKEND [Saturday or Sunday]
        + WIFI [on wifi]

r(k, n) = (k / rate + PRIOR) / (n + PRIOR) is a user's rate as a multiple of everybody's, smoothed: with few starts it
is 1, with many it is what was counted. It is the posterior mean of a Poisson rate with a Gamma(PRIOR) prior of mean 1.

Units: every term in log-odds; counts in ads; pause in seconds; version age in years; hour in UTC.
All numbers are this population's choice: strong enough to be learned from 200,000 rows, apart from none being free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from traffic_sim.population import countries, devices, versions
from traffic_sim.population.catalogue import N_GENRES, Campaigns, Games, draw_campaigns, draw_games
from traffic_sim.population.clock import SECONDS_PER_DAY, hour_of_day, is_weekend
from traffic_sim.population.histories import Histories

TARGET_RATE: Final = 0.02
"""Installs per impression, over the whole span; `intercept` is set to it."""

APPEAL_SD: Final = 0.9
OPENNESS_SD: Final = 0.7
AFFINITY: Final = np.array([0.9, 0.45, 0.15, -0.15, -0.45, -0.9])
HABIT_SD: Final = 0.3
PRICE_BY_COUNTRY: Final = np.array([[-0.6, -0.1, 0.3], [0.0, 0.1, 0.1], [0.6, 0.2, -0.5]])
"""Rows: budget, middle, flagship. Columns: country tiers 0 to 2. Who pays for a flagship where few can plays less."""

INSTALL_RATE: Final = 0.03
CLICK_RATE: Final = 0.13
"""Everybody's installs and clicks per start."""
PRIOR: Final = 20.0
"""Starts after which a user's own rate counts as much as everybody's."""
INSTALL_WEIGHT: Final = 0.5
CLICK_WEIGHT: Final = 0.3
NEWCOMER: Final = 0.5

FATIGUE: Final = 1.0
FATIGUE_SECONDS: Final = 600.0
WEAR: Final = 0.15
AGEING: Final = 0.3
MAX_AGE_YEARS: Final = 4.0
EVENING: Final = 0.35
EVENING_HOUR: Final = 20.0
WEEKEND: Final = 0.2
WIFI: Final = 0.4


@dataclass(frozen=True, eq=False)
class Traits:
    """What is fixed for a population: everything with a name, and how it sways an install, in log-odds."""

    campaigns: Campaigns
    games: Games
    devices: devices.Catalogue
    affinity: NDArray[np.float64]
    """float64[N_GENRES, N_GENRES]: of a campaign's genre with a game's."""
    family_habit: NDArray[np.float64]
    country_habit: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """n users about to see an ad: all that matters but the campaign. Shapes: [n] each; codes index the catalogues."""

    timestamp: NDArray[np.int64]
    country: NDArray[np.int32]
    platform: NDArray[np.int32]
    device: NDArray[np.int32]
    version: NDArray[np.int32]
    game: NDArray[np.int32]
    connection: NDArray[np.int32]
    """0 wifi, 1 cellular, -1 not told."""
    history: Histories


def draw_traits(rng: np.random.Generator) -> Traits:
    return Traits(
        campaigns=draw_campaigns(rng, APPEAL_SD),
        games=draw_games(rng, OPENNESS_SD),
        devices=devices.catalogue(),
        affinity=AFFINITY[(np.arange(N_GENRES)[:, None] + np.arange(N_GENRES)) % N_GENRES],
        family_habit=rng.normal(0, HABIT_SD, len(devices.FAMILIES)),
        country_habit=rng.normal(0, HABIT_SD, len(countries.CODES)),
    )


def moment_logits(traits: Traits, moments: Moments) -> NDArray[np.float64]:
    """All terms that do not depend on the campaign, without the intercept; float64[n]."""
    family = traits.devices.family[moments.device]
    price_tier = traits.devices.price_tier[moments.device]
    age_years = (moments.timestamp / SECONDS_PER_DAY - versions.RELEASED_DAY[moments.version]) / 365.25
    logits: NDArray[np.float64] = (
        traits.games.openness[moments.game]
        + PRICE_BY_COUNTRY[price_tier, countries.TIERS[moments.country]]
        + traits.family_habit[family]
        + traits.country_habit[moments.country]
        + _history_logits(moments.history)
        - AGEING * np.minimum(age_years, MAX_AGE_YEARS)
        + EVENING * np.cos(2 * np.pi * (hour_of_day(moments.timestamp) - EVENING_HOUR) / 24)
        + WEEKEND * is_weekend(moments.timestamp)
        + WIFI * (moments.connection == 0)
    )
    return logits


def campaign_logits(traits: Traits, campaign: NDArray[Any], game: NDArray[Any]) -> NDArray[np.float64]:
    """The terms that depend on the campaign. Shapes: campaign and game broadcast against each other."""
    campaigns = traits.campaigns
    affinity = traits.affinity[campaigns.genre[campaign], traits.games.genre[game]]
    logits: NDArray[np.float64] = campaigns.appeal[campaign] + affinity
    return logits


def probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    p: NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return p


def intercept(logits: NDArray[np.float64]) -> float:
    """What to add to the logits of a large sample so that their mean probability is TARGET_RATE (by bisection)."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(logits + middle).mean() < TARGET_RATE else (low, middle)
    return (low + high) / 2


def _history_logits(history: Histories) -> NDArray[np.float64]:
    is_newcomer = history.starts == 0
    pause = np.where(is_newcomer, 0, history.pause_seconds)
    logits: NDArray[np.float64] = (
        INSTALL_WEIGHT * np.log(_smoothed(history.installs, history.starts, INSTALL_RATE))
        + CLICK_WEIGHT * np.log(_smoothed(history.clicks, history.starts, CLICK_RATE))
        - FATIGUE * np.exp(-pause / FATIGUE_SECONDS)
        - WEAR * np.log1p(history.starts_1d)
    )
    return np.where(is_newcomer, NEWCOMER, logits)


def _smoothed(count: NDArray[np.int64], starts: NDArray[np.int64], rate: float) -> NDArray[np.float64]:
    smoothed: NDArray[np.float64] = (count / rate + PRIOR) / (starts + PRIOR)
    return smoothed
