"""The population itself: as many impressions as one likes, each with its true install probability. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import MISSING_TIME, Categories, Impressions
from traffic_sim.errors import CallersFault
from traffic_sim.population import countries, devices, truth, versions
from traffic_sim.population.choices import Choices, distinct
from traffic_sim.population.clock import day_index, draw_timestamps
from traffic_sim.population.histories import draw_histories
from traffic_sim.population.truth import Moments

PLATFORMS: Final = ("ios", "android")
CONNECTIONS: Final = ("wifi", "cellular")
IOS_SHARE: Final = (0.55, 0.30, 0.15)
"""Of impressions on iOS, by country tier."""
WIFI_SHARE: Final = (0.72, 0.66, 0.55)
CONNECTION_UNKNOWN: Final = 0.03
"""Share of devices that do not tell how they are connected."""
PRICE_TILT: Final = (0.4, 0.0, -0.5)
"""How much likelier than overall a device is for each price tier up, in log-odds by country tier."""
_CALIBRATION_ROWS: Final = 50_000
"""Impressions over which the intercept is set; the rate of the population is then within 2 % of the target."""
_FIRST_ID_OF_MOMENTS: Final = 2**40
"""Ids of `moments` lie above, far from those of any file; below 2^53, where float64 is still exact."""


class InvalidDraw(CallersFault):
    """Such a sample cannot be drawn from the population."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Impressions with the truth about them. Shapes: probability float64[n], in (0, 1)."""

    impressions: Impressions
    probability: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.probability.shape != (len(self.impressions),):
            raise ValueError(f"{self.probability.shape} probabilities for {len(self.impressions)} impressions")

    def draw_installs(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """Who installs, each with its own probability; int8[n], 0 or 1."""
        return (rng.random(len(self.probability)) < self.probability).astype(np.int8)


class Population:
    """Campaigns, games, devices and habits drawn from `seed`, and the law by which impressions and installs follow."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise InvalidDraw(f"seed {seed}; a whole number from 0 is expected")
        rng = np.random.default_rng(seed)
        self._traits = truth.draw_traits(rng)
        self._campaign_shares = self._traits.campaigns.shares()
        self._campaigns = Choices(self._campaign_shares)
        self._games = Choices(self._traits.games.shares())
        self._devices = Choices(_device_shares(self._traits.devices))
        self._countries = Choices(countries.WEIGHTS[None, :])
        self._versions = Choices(versions.shares())
        self._intercept = 0.0
        moments = self._draw_moments(_CALIBRATION_ROWS, rng, 0.0, 1.0)
        self._intercept = truth.intercept(self._logits(moments, self._draw_campaigns(moments, 1, rng)))

    def sample(self, n: int, rng: np.random.Generator, start: float = 0.0, stop: float = 1.0) -> Scored:
        """Draws n impressions in order of time, from fraction `start` of the population's span (included) to `stop`.

        Ids count from 0 in that order, as the lines of a file. Errors: InvalidDraw.
        """
        _check(n, start, stop)
        return self._scored(self._draw_moments(n, rng, start, stop), np.arange(n), 1, rng)

    def moments(
        self, n: int, n_candidates: int, rng: np.random.Generator, start: float = 0.0, stop: float = 1.0
    ) -> Scored:
        """Draws n users' moments in order of time, each with `n_candidates` rows that differ in id and campaign only.

        A moment's campaigns are distinct and drawn by how much they are shown on that day; in order of being drawn.
        Ids differ between rows, and between calls but for a chance of about rows / 2^52.
        Shapes: n * n_candidates rows, moment by moment. Errors: InvalidDraw.
        """
        _check(n, start, stop)
        available = int((self._campaign_shares > 0).sum(axis=1).min())
        if not 1 <= n_candidates <= available:
            raise InvalidDraw(
                f"{n_candidates} candidates a moment; 1 to {available} are expected, each another campaign"
            )
        moments = self._draw_moments(n, rng, start, stop)
        first_id = rng.integers(_FIRST_ID_OF_MOMENTS, 2**53 - n * n_candidates)
        return self._scored(moments, first_id + np.arange(n * n_candidates), n_candidates, rng)

    def _draw_moments(self, n: int, rng: np.random.Generator, start: float, stop: float) -> Moments:
        timestamp = draw_timestamps(n, rng, start, stop)
        country = self._countries.draw(np.zeros(n, dtype=np.int64), rng)
        tier = countries.TIERS[country]
        platform = (rng.random(n) >= np.array(IOS_SHARE)[tier]).astype(np.int32)
        connection = (rng.random(n) >= np.array(WIFI_SHARE)[tier]).astype(np.int32)
        connection[rng.random(n) < CONNECTION_UNKNOWN] = -1
        return Moments(
            timestamp=timestamp,
            country=country,
            platform=platform,
            device=self._devices.draw(tier * 2 + platform, rng),
            version=self._versions.draw(day_index(timestamp) * 2 + platform, rng),
            game=self._games.draw(platform, rng),
            connection=connection,
            history=draw_histories(n, rng),
        )

    def _draw_campaigns(self, moments: Moments, n_candidates: int, rng: np.random.Generator) -> NDArray[np.int32]:
        """Shapes: int32[n, n_candidates]."""
        group = day_index(moments.timestamp) * 2 + moments.platform
        if n_candidates == 1:
            return self._campaigns.draw(group, rng)[:, None]
        return distinct(self._campaign_shares, group, n_candidates, rng)

    def _logits(self, moments: Moments, campaign: NDArray[np.int32]) -> NDArray[np.float64]:
        """Shapes: campaign int32[n, n_candidates] -> float64[n, n_candidates]."""
        of_moment = truth.moment_logits(self._traits, moments)[:, None]
        of_campaign = truth.campaign_logits(self._traits, campaign, moments.game[:, None])
        return self._intercept + of_moment + of_campaign

    def _scored(self, moments: Moments, ids: NDArray[np.int64], n_candidates: int, rng: np.random.Generator) -> Scored:
        campaign = self._draw_campaigns(moments, n_candidates, rng)
        probability = truth.probability(self._logits(moments, campaign)).ravel()
        impressions = self._impressions(moments)
        if n_candidates > 1:
            impressions = impressions.take(np.repeat(np.arange(len(impressions)), n_candidates))
        campaign_id = Categories(campaign.ravel(), self._traits.campaigns.ids)
        return Scored(replace(impressions, id=ids, campaign_id=campaign_id), probability)

    def _impressions(self, moments: Moments) -> Impressions:
        """The moments as impressions that still lack their id and campaign."""
        n, history = len(moments.timestamp), moments.history
        return Impressions(
            id=np.zeros(n, dtype=np.int64),
            timestamp=moments.timestamp,
            campaign_id=Categories(np.full(n, -1, dtype=np.int32), ()),
            platform=Categories(moments.platform, PLATFORMS),
            software_version=Categories(moments.version, versions.NAMES),
            source_game_id=Categories(moments.game, self._traits.games.ids),
            country=Categories(moments.country, countries.CODES),
            start_count=history.starts,
            view_count=history.views,
            click_count=history.clicks,
            install_count=history.installs,
            last_start=np.where(history.starts == 0, MISSING_TIME, moments.timestamp - history.pause_seconds),
            start_count_1d=history.starts_1d,
            start_count_7d=history.starts_7d,
            connection_type=Categories(moments.connection, CONNECTIONS),
            device_type=Categories(moments.device, self._traits.devices.names),
        )


def _check(n: int, start: float, stop: float) -> None:
    if n < 1:
        raise InvalidDraw(f"{n} to draw; at least 1 is expected")
    if not 0 <= start < stop <= 1:
        raise InvalidDraw(f"from {start} to {stop} of the time span; 0 <= start < stop <= 1 is expected")


def _device_shares(catalogue: devices.Catalogue) -> NDArray[np.float64]:
    """Weight of each device by country tier and platform; float64[3 * 2, n_devices], row `tier * 2 + platform`."""
    weights = [
        catalogue.weight * np.exp(tilt * catalogue.price_tier) * (catalogue.platform == platform)
        for tilt in PRICE_TILT
        for platform in (0, 1)
    ]
    return np.stack(weights)
