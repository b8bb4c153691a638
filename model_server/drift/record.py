"""What training keeps in a bundle for serving to compare with: the content of `drift.json`. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from model_server.drift.errors import InvalidRecord
from model_server.drift.kept import Kept
from model_server.drift.reference import Reference
from model_server.impressions import Impressions

FORMAT: Final = 1


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """The distribution of every column and of the scores, and a few rows with theirs."""

    reference: Reference
    kept: Kept

    @classmethod
    def fit(cls, impressions: Impressions, probabilities: NDArray[np.float32]) -> Self:
        """From rows that the model did not learn from, in order of time. Shapes: n rows, at least 1; float32[n]."""
        return cls(Reference.fit(impressions, probabilities), Kept.choose(impressions, probabilities))

    def to_bytes(self) -> bytes:
        content = {"format": FORMAT, "reference": self.reference.to_json(), "kept": self.kept.to_json()}
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What `to_bytes` gave. Errors: InvalidRecord."""
        try:
            learnt = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise InvalidRecord(f"no JSON: {error}") from error
        if not isinstance(learnt, dict) or learnt.get("format") != FORMAT:
            seen = learnt.get("format") if isinstance(learnt, dict) else "no object"
            raise InvalidRecord(f"format {seen}; this release reads format {FORMAT}")
        return cls(Reference.from_json(learnt.get("reference")), Kept.from_json(learnt.get("kept")))
