"""What the isolation forest sees of an impression: five columns, each how rare the oddest thing of its kind is. Pure.

| column  | what can be odd |
|---------|-----------------|
| funnel  | many starts; more views than starts, clicks than views, installs than clicks; rates far up or down |
| recency | many starts of late; counts of 1 day, 7 days and ever that contradict each other or the last start |
| time    | a last start long ago or after now; a date more than a year away from training |
| device  | a device family that few have; a family or software version of the other platform |
| place   | a country, connection or platform that few have; a game or campaign of the other platform |

Within a column the largest rarity counts (`rarity`), then how rare *that* is: so every column has the same scale, and
none weighs more for having more measures. A forest splits only where training rows differ. What never happens in
training, as an install without a click, would be invisible in a column of its own; here it stands beyond the rarest
of what does happen. New campaigns, games, software versions and models of a known device family come every week and
are not odd for being new.

Every value is finite, whatever is missing, and is held by a float32.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import Impressions
from model_server.outliers import measures
from model_server.outliers.frequencies import Frequencies, KeyOf, Levels, whole
from model_server.outliers.rarity import RarityTable

NAMES: Final = ("funnel", "recency", "time", "device", "place")


@functools.lru_cache(maxsize=16_384)
def family(device: str) -> str:
    """Without its generation: iPhone8,1 -> iPhone, SM-G950F -> SM-G."""
    match = re.match(r"[^\d]+", device)
    return match[0] if match else device


def major(version: str) -> str:
    """11.4.1 -> 11."""
    return version.partition(".")[0]


_CATEGORIES: Final[dict[str, tuple[str, KeyOf]]] = {
    "platform": ("platform", whole),
    "family": ("device_type", family),
    "version": ("software_version", whole),
    "major": ("software_version", major),
    "country": ("country", whole),
    "connection": ("connection_type", whole),
    "game": ("source_game_id", whole),
    "campaign": ("campaign_id", whole),
}
"""Of each category that is looked at: the column it is made of, and what of it."""
_DEVICE_SCARCE, _DEVICE_MATCHED = ("family",), ("family", "version", "major")
_PLACE_SCARCE, _PLACE_MATCHED = ("country", "connection", "platform"), ("game", "campaign")
_SIZES: Final = (
    len(measures.FUNNEL),
    len(measures.RECENCY),
    len(measures.TIME),
    len(_DEVICE_SCARCE) + len(_DEVICE_MATCHED),
    len(_PLACE_SCARCE) + len(_PLACE_MATCHED),
)
_FIRST_OF_COLUMN: Final = np.cumsum([0, *_SIZES[:-1]])


class View:
    """What was learnt from training, and the columns by it."""

    def __init__(
        self,
        span: tuple[int, int],
        levels: dict[str, Levels],
        frequencies: dict[str, Frequencies],
        inner: RarityTable | None = None,
        outer: RarityTable | None = None,
    ) -> None:
        """`span`: first and last timestamp of training. `inner` is of the measures, `outer` of the columns."""
        self._span, self._levels, self._frequencies = span, levels, frequencies
        self._inner, self._outer = inner, outer

    @classmethod
    def fit(cls, x: Impressions) -> tuple[Self, NDArray[np.float64]]:
        """The view learnt from at least one impression, and their own columns, [n, 5].

        A row counts in the frequencies of the others only: its columns may differ from what `transform` gives.
        """
        levels = {name: Levels.fit(getattr(x, column), key_of) for name, (column, key_of) in _CATEGORIES.items()}
        numbers = {name: levels[name].numbers(getattr(x, column)) for name, (column, _) in _CATEGORIES.items()}
        frequencies = {
            name: Frequencies.fit(numbers[name], numbers["platform"], len(levels[name]), len(levels["platform"]))
            for name in _CATEGORIES
        }
        view = cls((int(x.timestamp.min()), int(x.timestamp.max())), levels, frequencies)
        measured = view._measures(x, others_only=True)
        view._inner = RarityTable.fit(measured)
        columns = view._columns(measured)
        view._outer = RarityTable.fit(columns)
        return view, np.ascontiguousarray(view._outer(columns).T)

    def transform(self, x: Impressions) -> NDArray[np.float64]:
        """The columns NAMES of each impression, float64[n, 5], each row by itself, to the bit."""
        if self._outer is None:
            raise ValueError("a view is fitted, or read, before it is used")
        return np.ascontiguousarray(self._outer(self._columns(self._measures(x, others_only=False))).T)

    def _columns(self, measured: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._inner is None:
            raise ValueError("a view is fitted, or read, before it is used")
        columns: NDArray[np.float64] = np.maximum.reduceat(self._inner(measured), _FIRST_OF_COLUMN, axis=0)
        return columns

    def _measures(self, x: Impressions, *, others_only: bool) -> NDArray[np.float64]:
        """Everything that may be odd, float64[sum(_SIZES), n]."""
        numbers = {name: self._levels[name].numbers(getattr(x, column)) for name, (column, _) in _CATEGORIES.items()}
        platforms = numbers["platform"]

        def scarcity(name: str) -> NDArray[np.float64]:
            return self._frequencies[name].scarcity(numbers[name], others_only=others_only)

        def mismatch(name: str) -> NDArray[np.float64]:
            return self._frequencies[name].mismatch(numbers[name], platforms, others_only=others_only)

        rows = [
            *measures.funnel(x),
            *measures.recency(x),
            *measures.time(x, *self._span),
            *map(scarcity, _DEVICE_SCARCE),
            *map(mismatch, _DEVICE_MATCHED),
            *map(scarcity, _PLACE_SCARCE),
            *map(mismatch, _PLACE_MATCHED),
        ]
        measured = np.empty((len(rows), len(x)))
        for row, values in enumerate(rows):
            measured[row] = values
        return measured

    def to_json(self) -> dict[str, Any]:
        if self._inner is None or self._outer is None:
            raise ValueError("a view is fitted before it is written")
        return {
            "span": list(self._span),
            "levels": {name: list(levels.levels) for name, levels in self._levels.items()},
            "frequencies": {name: frequencies.to_json() for name, frequencies in self._frequencies.items()},
            "rarity_of_measures": self._inner.to_json(),
            "rarity_of_columns": self._outer.to_json(),
        }

    @classmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self:
        first, last = learnt["span"]
        return cls(
            (first, last),
            {name: Levels(learnt["levels"][name], key_of) for name, (_, key_of) in _CATEGORIES.items()},
            {name: Frequencies.from_json(learnt["frequencies"][name]) for name in _CATEGORIES},
            RarityTable.from_json(learnt["rarity_of_measures"]),
            RarityTable.from_json(learnt["rarity_of_columns"]),
        )
