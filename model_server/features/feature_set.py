"""What every feature set can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from model_server.features.vocabulary import Vocabulary
from model_server.impressions import COLUMNS, Categories, Impressions, Kind

CATEGORY_COLUMNS = tuple(column for column in COLUMNS if column.kind is Kind.CATEGORY)


class FeatureSet(ABC):
    """A fitted feature set. `names` are its columns in order."""

    name: ClassVar[str]
    names: ClassVar[tuple[str, ...]]

    def __init__(self, vocabularies: dict[str, Vocabulary]) -> None:
        """`vocabularies`: for each category column, by its attribute, the levels that training saw."""
        self.vocabularies = vocabularies

    @classmethod
    @abstractmethod
    def fit(cls, impressions: Impressions, installs: NDArray[np.int8]) -> tuple[Self, NDArray[Any]]:
        """The fitted set, and the matrix to train on, [n, n_features].

        A row of that matrix never holds anything learnt from the row's own label: where a feature is made from labels,
        it comes from other rows, so it may differ from what `transform` gives.
        """

    @abstractmethod
    def transform(self, impressions: Impressions) -> NDArray[Any]:
        """The features of impressions whose labels played no part in fitting, [n, n_features]; NaN is missing."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All that was learnt, as JSON; `from_json` is its inverse."""

    @classmethod
    @abstractmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self: ...

    def unknown_rows(self, impressions: Impressions) -> dict[str, NDArray[np.int64]]:
        """For each category column with text that training never saw, by its name: in which rows, ascending."""
        rows: dict[str, NDArray[np.int64]] = {}
        for column in CATEGORY_COLUMNS:
            values: Categories = getattr(impressions, column.attribute)
            known = self.vocabularies[column.attribute].index
            if known.keys() >= set(values.levels):
                continue
            is_unknown = np.array([*(level not in known for level in values.levels), False])  # -1, missing: the last
            found = np.flatnonzero(is_unknown[values.codes])
            if len(found):
                rows[column.name] = found
        return rows
