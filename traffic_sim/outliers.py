"""Impressions that no honest user sends, put in the place of some that the population made. Pure, seeded.

- impossible-funnel: more views than starts, clicks than views or installs than clicks, as click injection makes them.
- far-device: a device or software version of the other platform, or an emulator in no country: spoofed or farmed.
- time-jump: a clock set years away, a last start after now or years ago.

All of them are legal impressions by the request contract: a model answers them, and only a detector can tell. Their
sizes, such as how far a clock jumps, are this simulator's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import MISSING_TIME, Categories, Impressions
from model_server.impressions.contract import MAX_COUNT
from traffic_sim.population import devices, versions
from traffic_sim.population.clock import SECONDS_PER_DAY

OutlierKind = Literal["impossible-funnel", "far-device", "time-jump"]
KINDS: Final[tuple[OutlierKind, ...]] = ("impossible-funnel", "far-device", "time-jump")
"""A row's kind is told by its place here; NORMAL for the others."""
NORMAL: Final = -1

MEAN_EXCESS: Final = 3.0
"""Of one count over the one that it cannot exceed, in ads; 1 plus a Poisson draw of one less."""
EMULATORS: Final = ("generic_x86", "vbox86p", "Android SDK built for x86")
NO_COUNTRIES: Final = ("A1", "T1", "XX")
"""What services for locating addresses say of anonymous proxies, of Tor, and where they know nothing."""
JUMP_YEARS: Final = (2.0, 10.0)
"""A clock set wrong, or a last start long ago."""
AHEAD_SECONDS: Final = (3_600.0, 365.0 * SECONDS_PER_DAY)
"""A last start after now: longer than clocks drift apart."""
_YEAR_SECONDS: Final = 365 * SECONDS_PER_DAY
_FIRST_TIME: Final = 946_684_800
"""2000-01-01, before which the request contract knows no time."""
OF_THE_AD: Final = frozenset({"id", "campaign_id"})
"""Columns in which the ads of one user's moment differ; no outlier is made by them."""

type Change = Callable[[Impressions, np.random.Generator], Impressions]


@dataclass(frozen=True, eq=False)
class Injected:
    """Impressions, some of them outliers. Shapes: kind int8[n], the row's place in KINDS, or NORMAL."""

    impressions: Impressions
    kind: NDArray[np.int8]


def inject(
    impressions: Impressions, rates: Mapping[OutlierKind, float], rng: np.random.Generator, rows_per_user: int = 1
) -> Injected:
    """Each user becomes an outlier of a kind with the rate of that kind, all of their rows alike.

    `rates` sum to at most 1. `rows_per_user`: consecutive rows that are one user's moment and differ in id and
    campaign only; 1 where rows have nothing to do with each other.
    """
    users = impressions.take(slice(None, None, rows_per_user))
    edges = np.cumsum([rates.get(kind, 0.0) for kind in KINDS])
    place = np.searchsorted(edges, rng.random(len(users)), side="right")
    kind = np.where(place < len(KINDS), place, NORMAL).astype(np.int8)
    for i, name in enumerate(KINDS):
        rows = np.flatnonzero(kind == i)
        if len(rows):
            users = _put(users, rows, CHANGES[name](users.take(rows), rng))
    if rows_per_user == 1:
        return Injected(users, kind)
    of_row = np.repeat(np.arange(len(users)), rows_per_user)
    own = {name: getattr(impressions, name) for name in OF_THE_AD}
    return Injected(replace(users.take(of_row), **own), kind[of_row])


def impossible_funnel(x: Impressions, rng: np.random.Generator) -> Impressions:
    """One step of the funnel, at random, holds more than the step before it; what follows is left as it is."""
    step = rng.integers(3, size=len(x))
    excess = 1 + rng.poisson(MEAN_EXCESS - 1, len(x))

    def beyond(count: NDArray[np.int64], before: NDArray[np.int64], place: int) -> NDArray[np.int64]:
        return np.where(step == place, np.minimum(before + excess, MAX_COUNT), count)

    return replace(
        x,
        view_count=beyond(x.view_count, x.start_count, 0),
        click_count=beyond(x.click_count, x.view_count, 1),
        install_count=beyond(x.install_count, x.click_count, 2),
    )


def far_device(x: Impressions, rng: np.random.Generator) -> Impressions:
    """One of three, at random: a device of the other platform, a version of the other platform, an emulator."""
    what = rng.integers(3, size=len(x))
    catalogue = devices.catalogue()
    other = 1 - is_android(x.platform)
    device = _of_platform(other, catalogue.platform, catalogue.weight, rng)
    version = _of_platform(other, versions.PLATFORM, np.ones(len(versions.NAMES)), rng)
    emulator = rng.integers(len(EMULATORS), size=len(x))
    country = rng.integers(len(NO_COUNTRIES), size=len(x))
    is_emulator = what == 2
    made_up = where(is_emulator, Categories(emulator.astype(np.int32), EMULATORS), x.device_type)
    return replace(
        x,
        device_type=where(what == 0, Categories(device, catalogue.names), made_up),
        software_version=where(what == 1, Categories(version, versions.NAMES), x.software_version),
        country=where(is_emulator, Categories(country.astype(np.int32), NO_COUNTRIES), x.country),
    )


def time_jump(x: Impressions, rng: np.random.Generator) -> Impressions:
    """One of three, at random: the clock years ahead or behind, a last start after now, a last start years ago.

    A user who never started an ad has no last start to be wrong: then it is the clock.
    """
    n = len(x)
    years = (rng.uniform(*JUMP_YEARS, n) * _YEAR_SECONDS).astype(np.int64)
    shortest, longest = np.log(AHEAD_SECONDS).tolist()
    ahead = np.exp(rng.uniform(shortest, longest, n)).astype(np.int64)
    has_room_behind = x.timestamp - years >= _FIRST_TIME
    what = rng.integers(3, size=n)
    what[(x.last_start == MISSING_TIME) | ((what == 2) & ~has_room_behind)] = 0
    clock = np.where(what == 0, np.where(has_room_behind, rng.choice([-1, 1], n), 1) * years, 0)
    last_start = np.select([what == 1, what == 2], [x.timestamp + ahead, x.timestamp - years], x.last_start)
    return replace(x, timestamp=x.timestamp + clock, last_start=last_start)


CHANGES: Final[dict[OutlierKind, Change]] = {
    "impossible-funnel": impossible_funnel,
    "far-device": far_device,
    "time-jump": time_jump,
}


def _of_platform(
    platform: NDArray[np.int64], of_option: NDArray[np.int64], weight: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int32]:
    """An option of each row's platform by weight, int32[n]."""
    drawn = np.zeros(len(platform), dtype=np.int32)
    for each in (0, 1):
        rows = np.flatnonzero(platform == each)
        shares = weight * (of_option == each)
        drawn[rows] = rng.choice(len(shares), size=len(rows), p=shares / shares.sum())
    return drawn


def is_android(platform: Categories) -> NDArray[np.int64]:
    """1 for all that is not iOS, in whatever spelling, so that the other platform is never the row's own."""
    of_level = np.array([*(level.lower() != "ios" for level in platform.levels), True])
    return of_level[platform.codes].astype(np.int64)


def where(chosen: NDArray[np.bool_], one: Categories, other: Categories) -> Categories:
    """`one` where chosen, else `other`; over the levels of both."""
    levels = tuple(dict.fromkeys((*other.levels, *one.levels)))
    place = {level: code for code, level in enumerate(levels)}
    recoded = np.array([*(place[level] for level in one.levels), -1], dtype=np.int32)[one.codes]
    return Categories(np.where(chosen, recoded, other.codes), levels)


def _put(x: Impressions, rows: NDArray[np.int64], changed: Impressions) -> Impressions:
    """`x` with other impressions at `rows`."""

    def column(name: str) -> Any:
        old, new = getattr(x, name), getattr(changed, name)
        is_changed = np.zeros(len(x), dtype=np.bool_)
        is_changed[rows] = True
        if isinstance(old, Categories):
            codes = np.full(len(x), -1, dtype=np.int32)
            codes[rows] = new.codes
            return where(is_changed, Categories(codes, new.levels), old)
        values = old.copy()
        values[rows] = new
        return values

    return Impressions(**{field.name: column(field.name) for field in fields(x)})
