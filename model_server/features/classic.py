"""The champion's 56 features: raw counts, calendar parts of both times, category codes, plain ratios.

The model's own id and absolute time are among them: that is how the first model was built, and it is kept to the last
digit. What the first model left open is settled here: without a last start its 16 parts and the seconds since are
missing; a ratio over zero is missing; category codes are places in the sorted vocabulary from 1, 0 for missing or
unknown.
"""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from model_server.features import calendar
from model_server.features.feature_set import FeatureSet
from model_server.features.vocabulary import Vocabulary
from model_server.impressions import BY_NAME, MISSING_TIME, Impressions

_COUNTS: Final = ("id", "startCount", "viewCount", "clickCount", "installCount", "startCount1d", "startCount7d")
_CODED: Final = (
    "platform",
    "softwareVersion",
    "campaignId",
    "sourceGameId",
    "country",
    "connectionType",
    "deviceType",
)
_COUNT_ATTRIBUTES: Final = tuple(BY_NAME[name].attribute for name in _COUNTS)
_CODED_ATTRIBUTES: Final = tuple(BY_NAME[name].attribute for name in _CODED)
_NUMERATORS: Final = [_COUNTS.index(name) for name in ("clickCount", "viewCount", "installCount")]
_DENOMINATORS: Final = [_COUNTS.index(name) for name in ("startCount", "startCount1d", "startCount7d")]

_TIMESTAMP: Final = len(_COUNTS)
_LAST_START: Final = _TIMESTAMP + len(calendar.PARTS)
_SECONDS_SINCE: Final = _LAST_START + len(calendar.PARTS)
_CODES: Final = _SECONDS_SINCE + 1
_FIRST_RATIO: Final = _CODES + len(_CODED)


class ClassicFeatures(FeatureSet):
    """float64, since an id and a time in seconds do not fit float32; XGBoost itself rounds to float32."""

    name: ClassVar[str] = "classic"
    names: ClassVar[tuple[str, ...]] = (
        *_COUNTS,
        *(f"timestamp{part}" for part in calendar.PARTS),
        *(f"lastStart{part}" for part in calendar.PARTS),
        "secondsSinceLastStart",
        *(f"{column}Code" for column in _CODED),
        *(f"{_COUNTS[above]}/{_COUNTS[below]}" for below, above in product(_DENOMINATORS, _NUMERATORS)),
    )

    @classmethod
    def fit(cls, impressions: Impressions, installs: NDArray[np.int8]) -> tuple[Self, NDArray[np.float64]]:
        del installs  # nothing here is learnt from labels
        features = cls({attribute: Vocabulary.fit(getattr(impressions, attribute)) for attribute in _CODED_ATTRIBUTES})
        return features, features.transform(impressions)

    def transform(self, impressions: Impressions) -> NDArray[np.float64]:
        matrix = np.empty((len(impressions), len(self.names)))
        for column, attribute in enumerate(_COUNT_ATTRIBUTES):
            matrix[:, column] = getattr(impressions, attribute)
        never = impressions.last_start == MISSING_TIME
        last_start = np.where(never, impressions.timestamp, impressions.last_start)
        parts = calendar.parts(np.concatenate([impressions.timestamp, last_start]))
        matrix[:, _TIMESTAMP:_LAST_START] = parts[: len(impressions)]
        matrix[:, _LAST_START:_SECONDS_SINCE] = parts[len(impressions) :]
        matrix[:, _SECONDS_SINCE] = impressions.timestamp - last_start
        matrix[never, _LAST_START:_CODES] = np.nan
        for column, attribute in enumerate(_CODED_ATTRIBUTES, start=_CODES):
            matrix[:, column] = self.vocabularies[attribute].codes(getattr(impressions, attribute))
        below = matrix[:, _DENOMINATORS]
        below[below == 0] = np.nan
        ratios = matrix[:, np.newaxis, _NUMERATORS] / below[:, :, np.newaxis]
        matrix[:, _FIRST_RATIO:] = ratios.reshape(len(impressions), -1)
        return matrix

    def to_json(self) -> dict[str, Any]:
        return {"levels": {attribute: vocabulary.levels for attribute, vocabulary in self.vocabularies.items()}}

    @classmethod
    def from_json(cls, learnt: dict[str, Any]) -> Self:
        return cls({attribute: Vocabulary(levels) for attribute, levels in learnt["levels"].items()})
