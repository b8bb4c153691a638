"""Impressions column by column: what features, files and requests hand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MISSING_TIME: Final = np.iinfo(np.int64).min
"""Stands in `last_start` for a user who never started an ad before."""


_FIRST: Final = np.zeros(1, dtype=np.int32)
_MISSING: Final = np.full(1, -1, dtype=np.int32)
for _shared in (_FIRST, _MISSING):
    _shared.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Categories:
    """A column of text, dictionary-encoded.

    Shapes: codes int32[n], an index into `levels`; -1 is missing. Levels are distinct, in no particular order, and
    need not all occur.
    """

    codes: NDArray[np.int32]
    levels: tuple[str, ...]

    @classmethod
    def from_values(cls, values: Sequence[str | None]) -> Categories:
        if len(values) == 1:  # a request of one row has seven such columns
            return cls(_MISSING, ()) if values[0] is None else cls(_FIRST, (values[0],))
        levels = tuple(level for level in dict.fromkeys(values) if level is not None)
        place: dict[str | None, int] = {None: -1, **{level: code for code, level in enumerate(levels)}}
        return cls(np.array([*map(place.__getitem__, values)], dtype=np.int32), levels)

    def values(self) -> list[str | None]:
        texts = (*self.levels, None)  # code -1 picks the last
        return [texts[code] for code in self.codes.tolist()]

    def take(self, rows: Any) -> Categories:
        return Categories(self.codes[rows], self.levels)


@dataclass(frozen=True, eq=False)
class Impressions:
    """n checked impressions.

    Shapes: every column [n]. Units: times in whole seconds since 1970 UTC, MISSING_TIME where there is none (only in
    `last_start`); counts in ads.
    """

    id: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    campaign_id: Categories
    platform: Categories
    software_version: Categories
    source_game_id: Categories
    country: Categories
    start_count: NDArray[np.int64]
    view_count: NDArray[np.int64]
    click_count: NDArray[np.int64]
    install_count: NDArray[np.int64]
    last_start: NDArray[np.int64]
    start_count_1d: NDArray[np.int64]
    start_count_7d: NDArray[np.int64]
    connection_type: Categories
    device_type: Categories

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: Any) -> Impressions:
        """The impressions at `rows` (an index array, a mask or a slice), in that order."""

        def taken(column: Any) -> Any:
            return column.take(rows) if isinstance(column, Categories) else column[rows]

        return Impressions(**{field.name: taken(getattr(self, field.name)) for field in fields(self)})
