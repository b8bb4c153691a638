"""Drift that is injected into traffic from a moment of the run on, so that an alarm can be held against the truth.

Each kind moves one column and leaves every other, and what comes of the rows, as it is. All of them leave legal
impressions by the request contract. Pure, seeded.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import BY_NAME, MISSING_TIME, Categories, Impressions
from model_server.impressions.contract import MAX_COUNT
from traffic_sim.errors import CallersFault
from traffic_sim.outliers import OF_THE_AD, is_android, where

DriftKind = Literal[
    "one-country",
    "new-version",
    "more-starts",
    "no-device",
    "cellular",
    "no-last-start",
    "one-platform",
    "new-campaign",
]

COUNTRY: Final = "BR"
"""Known to training, where 4 in 100 rows have it."""
PLATFORM: Final = "android"
NEW_VERSIONS: Final = ("12.2", "10")
"""Of iOS and Android: the first that were released after the population's weeks, so training never saw them."""

type Mask = NDArray[np.bool_]
type Change = Callable[[Impressions, Mask, float, int], Any]
"""Of impressions, the rows that were chosen, the kind's value and the rows per user: the column as it is then."""


class InvalidDrift(CallersFault):
    """There is no such drift; the message says which there are."""


@dataclass(frozen=True)
class Kind:
    """One kind of drift."""

    column: str
    """The only one that it moves, by its name on the wire."""
    change: Change
    is_factor: bool = False
    """The kind's value multiplies each row's, and is 1 or more; else it is the share of the rows that change."""

    @property
    def attribute(self) -> str:
        return BY_NAME[self.column].attribute

    def problem(self, value: float) -> str | None:
        """What is wrong with a value of this kind."""
        if self.is_factor:
            return None if value >= 1 else f"{value:g}; what {self.column} is multiplied by is expected, 1 or more"
        return None if 0 <= value <= 1 else f"{value:g}; a share of the rows is expected, 0 to 1"

    def shown(self, value: float) -> str:
        return f"{self.column} x {value:g}" if self.is_factor else f"{self.column} of {value:.2%}"


def inject(
    impressions: Impressions,
    drift: Mapping[DriftKind, float],
    has_begun: Mask,
    rng: np.random.Generator,
    rows_per_user: int = 1,
) -> Impressions:
    """The same impressions, in which the columns of `drift` have moved where it has begun.

    Each user changes with the share of the kind, all of their rows alike; an ad's column row by row. Each kind draws by
    itself, for all rows: neither another kind nor a later moment changes whom it meets. Kinds see the rows as they
    were, so their order means nothing.

    Shapes: has_begun bool[n]. `rows_per_user`: as in `traffic_sim.outliers.inject`.
    """
    moved: dict[str, Any] = {}
    streams = dict(zip(DRIFTS, rng.spawn(len(DRIFTS)), strict=True))
    for name, value in drift.items():
        kind, chosen = DRIFTS[name], has_begun
        if not kind.is_factor:
            alike = 1 if kind.attribute in OF_THE_AD else rows_per_user
            chosen = has_begun & np.repeat(streams[name].random(len(impressions) // alike) < value, alike)
        moved[kind.attribute] = kind.change(impressions, chosen, value, rows_per_user)
    return replace(impressions, **moved)


def parse(text: str) -> tuple[str, float]:
    """Kind and value of `KIND=VALUE`. Errors: InvalidDrift."""
    name, separator, number = (part.strip() for part in text.partition("="))
    if name not in DRIFTS:
        near = difflib.get_close_matches(name, DRIFTS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InvalidDrift(f"drift {text!r}: no such kind; {hint}KIND=VALUE is expected, of {', '.join(DRIFTS)}")
    try:
        return name, float(number)
    except ValueError as error:
        example = "more-starts=2" if DRIFTS[name].is_factor else f"{name}=0.3"
        what = f"{number!r} is no number" if separator else "it has no value"
        raise InvalidDrift(f"drift {text!r}: {what}; KIND=VALUE is expected, as in {example}") from error


def _one_country(x: Impressions, chosen: Mask, *_: Any) -> Categories:
    return _put(x.country, chosen, COUNTRY)


def _new_version(x: Impressions, chosen: Mask, *_: Any) -> Categories:
    """Of the row's own platform, so that no other column tells."""
    android = is_android(x.platform).astype(np.bool_)
    return _put(_put(x.software_version, chosen & ~android, NEW_VERSIONS[0]), chosen & android, NEW_VERSIONS[1])


def _more_starts(x: Impressions, chosen: Mask, factor: float, _: int) -> NDArray[np.int64]:
    """No fewer than before, so that a user has still started all that they viewed, and all of the last days."""
    more = np.minimum(np.floor(x.start_count * factor), MAX_COUNT).astype(np.int64)
    return np.where(chosen, more, x.start_count)


def _no_device(x: Impressions, chosen: Mask, *_: Any) -> Categories:
    return _put(x.device_type, chosen, None)


def _cellular(x: Impressions, chosen: Mask, *_: Any) -> Categories:
    return _put(x.connection_type, chosen, "cellular")


def _no_last_start(x: Impressions, chosen: Mask, *_: Any) -> NDArray[np.int64]:
    return np.where(chosen, MISSING_TIME, x.last_start)


def _one_platform(x: Impressions, chosen: Mask, *_: Any) -> Categories:
    """For them all the same one: as many the other way would leave the shares of the two where they were."""
    return _put(x.platform, chosen, PLATFORM)


def _new_campaign(x: Impressions, chosen: Mask, _: float, rows_per_user: int) -> Categories:
    """A new one for each place in a moment, whose ads stay distinct."""
    place = (np.arange(len(x)) % rows_per_user).astype(np.int32)
    names = tuple(f"new-campaign-{i + 1}" for i in range(rows_per_user))
    return where(chosen, Categories(place, names), x.campaign_id)


DRIFTS: Final[Mapping[str, Kind]] = {
    "one-country": Kind("country", _one_country),
    "new-version": Kind("softwareVersion", _new_version),
    "more-starts": Kind("startCount", _more_starts, is_factor=True),
    "no-device": Kind("deviceType", _no_device),
    "cellular": Kind("connectionType", _cellular),
    "no-last-start": Kind("lastStart", _no_last_start),
    "one-platform": Kind("platform", _one_platform),
    "new-campaign": Kind("campaignId", _new_campaign),
}


def _put(column: Categories, chosen: Mask, text: str | None) -> Categories:
    """The column with that text, or none, where it is chosen."""
    codes = np.full(len(chosen), -1 if text is None else 0, dtype=np.int32)
    return where(chosen, Categories(codes, () if text is None else (text,)), column)
