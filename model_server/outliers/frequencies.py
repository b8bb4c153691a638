"""How often training saw each level of a category, and each level beside each platform. Pure.

A missing value is a level like any other, since devices that do not tell are ordinary to a degree. Level 0 is what
training never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import Categories

type KeyOf = Callable[[str], str]
"""What of a text counts, such as the family of a device."""


def whole(text: str) -> str:
    return text


class Levels:
    """The levels that training saw, numbered from 1; 0 for one that it did not."""

    def __init__(self, levels: Sequence[str | None], key_of: KeyOf = whole) -> None:
        self.levels = tuple(levels)
        self._key_of = key_of
        self._index = {level: number for number, level in enumerate(self.levels, start=1)}
        self._missing = self._index.get(None, 0)

    def __len__(self) -> int:
        """With level 0."""
        return len(self.levels) + 1

    @classmethod
    def fit(cls, values: Categories, key_of: KeyOf = whole) -> Self:
        used = np.unique(values.codes).tolist()
        texts = sorted({key_of(values.levels[code]) for code in used if code >= 0})
        return cls([*texts, *([None] if -1 in used else [])], key_of)

    def numbers(self, values: Categories) -> NDArray[np.int64]:
        """int64[n] in 0..len(self)-1."""
        index, key_of = self._index, self._key_of
        if key_of is whole:
            of_level = [index.get(level, 0) for level in values.levels]
        else:
            of_level = [index.get(key_of(level), 0) for level in values.levels]
        numbers: NDArray[np.int64] = np.array([*of_level, self._missing])[values.codes]  # -1, missing, picks the last
        return numbers


class Frequencies:
    """Rows of training by level and platform.

    Others_only, below: as the other rows see it, when a row of training itself is looked at; without its own row every
    level of training would have been seen at least once, and one never seen before would seem odder than it is.
    """

    def __init__(self, rows: NDArray[np.int64]) -> None:
        """Shapes: rows int64[n_levels, n_platforms]."""
        self.rows = rows
        self._of_level = rows.sum(axis=1)
        self._scarcity = 1.0 / (self._of_level + 1.0)
        self._mismatch = _mismatch(self._of_level[:, None], rows)

    @classmethod
    def fit(cls, levels: NDArray[np.int64], platforms: NDArray[np.int64], n_levels: int, n_platforms: int) -> Self:
        rows = np.bincount(levels * n_platforms + platforms, minlength=n_levels * n_platforms)
        return cls(rows.reshape(n_levels, n_platforms))

    def scarcity(self, levels: NDArray[np.int64], *, others_only: bool = False) -> NDArray[np.float64]:
        """1 / (rows with this level + 1): 1 for a level that nobody else has."""
        if others_only:
            return np.asarray(1.0 / np.maximum(self._of_level[levels], 1))
        return np.asarray(self._scarcity[levels])

    def mismatch(
        self, levels: NDArray[np.int64], platforms: NDArray[np.int64], *, others_only: bool = False
    ) -> NDArray[np.float64]:
        """(rows with this level + 1) / (those on this platform as well + 1).

        1 where the two always go together, and where nothing is known of the level; large where the level is common
        and never on this platform.
        """
        if others_only:
            own = 1
            return _mismatch(self._of_level[levels] - own, self.rows[levels, platforms] - own)
        return np.asarray(self._mismatch[levels, platforms])

    def to_json(self) -> list[list[int]]:
        rows: list[list[int]] = self.rows.tolist()
        return rows

    @classmethod
    def from_json(cls, rows: list[list[int]]) -> Self:
        return cls(np.array(rows, dtype=np.int64))


def _mismatch(of_level: NDArray[Any], with_platform: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = (of_level + 1.0) / (with_platform + 1.0)
    return ratio
