"""The challenger's features: what someone who knows ads would build.

Smoothed funnel rates instead of plain ratios, the logarithm of the time since the last ad, the hour on a circle,
versions as numbers, and for every category the install rate that its training rows showed. No id and no absolute
time, so that nothing in it grows stale by itself.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from model_server.features import calendar
from model_server.features.feature_set import CATEGORY_COLUMNS, FeatureSet
from model_server.features.rates import N_FOLDS, RateTable, folds
from model_server.features.vocabulary import Vocabulary
from model_server.impressions import MISSING_TIME, Categories, Impressions
from model_server.impressions.times import SECONDS_PER_DAY

_RATED: Final = ("campaign_id", "source_game_id", "country", "device_type", "software_version", "connection_type")
_CROSSED: Final = (
    ("campaign_id", "source_game_id"),
    ("campaign_id", "country"),
    ("campaign_id", "device_family"),
    ("device_family", "country"),
)
_RATE_STRENGTH: Final = 100.0
"""Rows; at two installs in a hundred rows, where a category's own rate weighs as much as the prior."""
_FUNNEL_STRENGTH: Final = 10.0
"""Ads; a user's own rate takes over from the average after about ten."""
_FUNNEL_PRIORS: Final = {"views": 0.6, "clicks": 0.1, "installs": 0.02}
"""Of a user about whom nothing is known, per ad started; only where the shrinkage leads to, trees find the rest."""


class FunnelFeatures(FeatureSet):
    """float32, as XGBoost sees it."""

    name: ClassVar[str] = "funnel"
    names: ClassVar[tuple[str, ...]] = (
        "logStarts",
        "logViews",
        "logClicks",
        "logInstalls",
        "logStarts1d",
        "logStarts7d",
        "viewsPerStart",
        "clicksPerStart",
        "installsPerStart",
        "installsPerClick",
        "share1d",
        "share7d",
        "logSecondsSinceLastStart",
        "isFirstStart",
        "hourSine",
        "hourCosine",
        "hourOfWeek",
        "dayOfWeek",
        "isIos",
        "versionMajor",
        "versionMinor",
        *(f"{attribute}.installRate" for attribute in _RATED),
        *(f"{attribute}.logRows" for attribute in _RATED),
        *(f"{one}*{other}.installRate" for one, other in _CROSSED),
    )

    def __init__(self, vocabularies: dict[str, Vocabulary], overall_rate: float, rates: dict[str, RateTable]) -> None:
        super().__init__(vocabularies)
        self.overall_rate = overall_rate
        self.rates = rates

    @classmethod
    def fit(cls, impressions: Impressions, installs: NDArray[np.int8]) -> tuple[Self, NDArray[np.float32]]:
        vocabularies = {
            column.attribute: Vocabulary.fit(getattr(impressions, column.attribute)) for column in CATEGORY_COLUMNS
        }
        vocabularies["device_family"] = Vocabulary.fit(_families(impressions.device_type))
        features = cls._fit_rates(vocabularies, impressions, installs)
        matrix = np.empty((len(impressions), len(cls.names)), dtype=np.float32)
        fold = folds(len(impressions))
        for held_out in range(N_FOLDS):
            others, own = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
            blind = cls._fit_rates(vocabularies, impressions.take(others), installs[others])
            matrix[own] = blind.transform(impressions.take(own))
        return features, matrix

    @classmethod
    def _fit_rates(
        cls, vocabularies: dict[str, Vocabulary], impressions: Impressions, installs: NDArray[np.int8]
    ) -> Self:
        features = cls(vocabularies, float(installs.mean()) if len(installs) else 0.0, {})
        codes = features._codes(impressions)
        features.rates = {name: RateTable.fit(codes[name], installs, _RATE_STRENGTH) for name in codes}
        return features

    def transform(self, impressions: Impressions) -> NDArray[np.float32]:
        places = {name: self.rates[name].places(codes) for name, codes in self._codes(impressions).items()}
        rates = {name: self.rates[name].at(places[name], self.overall_rate) for name in (*_RATED, "device_family")}
        columns = [
            *_funnel_columns(impressions),
            *_time_columns(impressions),
            *_device_columns(impressions),
            *(rates[name] for name in _RATED),
            *(self.rates[name].log_rows(places[name]) for name in _RATED),
        ]
        for one, other in _CROSSED:
            # Were the two independent, their pair's rate would be this; only what the pair shows beyond it moves it.
            prior = rates[one] * rates[other] / max(self.overall_rate, 1e-9)
            pair = f"{one}*{other}"
            columns.append(self.rates[pair].at(places[pair], np.minimum(prior, 1.0)))
        matrix = np.empty((len(impressions), len(self.names)), dtype=np.float32)
        for column, values in enumerate(columns):
            matrix[:, column] = values
        return matrix

    def _codes(self, impressions: Impressions) -> dict[str, NDArray[np.int64]]:
        """Of each rated category and each pair: the code of every row."""
        codes = {name: self.vocabularies[name].codes(getattr(impressions, name)) for name in _RATED}
        codes["device_family"] = self.vocabularies["device_family"].codes(_families(impressions.device_type))
        for one, other in _CROSSED:
            codes[f"{one}*{other}"] = codes[one] * (len(self.vocabularies[other]) + 1) + codes[other]
        return codes

    def to_json(self) -> dict[str, Any]:
        return {
            "levels": {name: vocabulary.levels for name, vocabulary in self.vocabularies.items()},
            "overall_rate": self.overall_rate,
            "rates": {name: table.to_json() for name, table in self.rates.items()},
        }

    @classmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self:
        return cls(
            {name: Vocabulary(levels) for name, levels in learnt["levels"].items()},
            learnt["overall_rate"],
            {name: RateTable.from_json(table) for name, table in learnt["rates"].items()},
        )


def _funnel_columns(impressions: Impressions) -> list[NDArray[Any]]:
    starts, views, clicks, installs, starts_1d, starts_7d = (
        column.astype(np.float64)
        for column in (
            impressions.start_count,
            impressions.view_count,
            impressions.click_count,
            impressions.install_count,
            impressions.start_count_1d,
            impressions.start_count_7d,
        )
    )
    strength, priors = _FUNNEL_STRENGTH, _FUNNEL_PRIORS
    return [
        *(np.log1p(count) for count in (starts, views, clicks, installs, starts_1d, starts_7d)),
        (views + strength * priors["views"]) / (starts + strength),
        (clicks + strength * priors["clicks"]) / (starts + strength),
        (installs + strength * priors["installs"]) / (starts + strength),
        (installs + priors["installs"] / priors["clicks"]) / (clicks + 1),
        starts_1d / (starts_7d + 1),
        starts_7d / (starts + 1),
    ]


def _time_columns(impressions: Impressions) -> list[NDArray[Any]]:
    never = impressions.last_start == MISSING_TIME
    since = (impressions.timestamp - np.where(never, impressions.timestamp, impressions.last_start)).astype(np.float64)
    since[never] = np.nan
    days, second_of_day = np.divmod(impressions.timestamp, SECONDS_PER_DAY)
    day_of_week = calendar.day_of_week(days)
    angle = second_of_day * (2 * np.pi / SECONDS_PER_DAY)
    return [
        np.log1p(np.maximum(since, 0)),  # a clock set back gives a last start after now
        never,
        np.sin(angle),
        np.cos(angle),
        day_of_week * 24 + second_of_day // 3600,
        day_of_week,
    ]


def _device_columns(impressions: Impressions) -> list[NDArray[Any]]:
    versions = impressions.software_version
    numbers = np.array([*map(_version_numbers, versions.levels), (np.nan, np.nan)])[versions.codes]
    is_ios = np.array([*(level.lower() == "ios" for level in impressions.platform.levels), np.nan])
    return [is_ios[impressions.platform.codes], numbers[:, 0], numbers[:, 1]]


def _version_numbers(version: str) -> tuple[float, float]:
    """Major and minor of texts like 11.4.1; NaN for what is no number."""
    numbers = [float(part) for part in re.findall(r"\d{1,6}", version)[:2]]
    major, minor = (*numbers, np.nan, np.nan)[:2]
    return major, minor


def _families(devices: Categories) -> Categories:
    """Device types without their generation: iPhone8,1 -> iPhone, SM-G950F -> SM-G."""
    families = [match[0] if (match := re.match(r"[^\d]+", level)) else level for level in devices.levels]
    distinct = tuple(dict.fromkeys(families))
    place = {family: code for code, family in enumerate(distinct)}
    table = np.array([*(place[family] for family in families), -1], dtype=np.int32)
    return Categories(table[devices.codes], distinct)
