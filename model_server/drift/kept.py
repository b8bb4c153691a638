"""A few rows of training and the probabilities that it gave them: whether a server computes the same. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from model_server.drift.errors import InvalidRecord
from model_server.impressions import NAMES, Impressions, InvalidImpressions, from_table, to_rows

N_KEPT: Final = 50


@dataclass(frozen=True, eq=False)
class Kept:
    """Rows in the form of a request, named by NAMES, and what training said of each. Shapes: [n][16], float32[n]."""

    rows: list[list[Any]]
    probabilities: NDArray[np.float32]

    @classmethod
    def choose(cls, impressions: Impressions, probabilities: NDArray[np.float32]) -> Self:
        """N_KEPT of the rows, evenly spread over them; all where there are fewer."""
        places = np.unique(np.linspace(0, len(impressions) - 1, N_KEPT).astype(np.int64))
        return cls(to_rows(impressions.take(places)), probabilities[places])

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "probabilities": self.probabilities.astype(np.float64).tolist()}

    @classmethod
    def from_json(cls, learnt: Any) -> Self:
        """What `to_json` gave. Errors: InvalidRecord."""
        rows, probabilities = (
            (learnt.get("rows"), learnt.get("probabilities")) if isinstance(learnt, dict) else ((), ())
        )
        if not isinstance(rows, list) or not isinstance(probabilities, list) or len(rows) != len(probabilities):
            raise InvalidRecord("kept: a list of rows and one of as many probabilities are expected")
        if not all(type(p) is float and 0 <= p <= 1 for p in probabilities):
            raise InvalidRecord("kept: probabilities are not numbers from 0 to 1")
        try:
            from_table(rows, NAMES)
        except InvalidImpressions as error:
            raise InvalidRecord(f"kept: {error.message}") from error
        return cls(rows, np.array(probabilities, dtype=np.float32))


def largest_difference(scorer_probabilities: NDArray[np.floating[Any]], kept: Kept) -> float:
    """The largest |here - training| over the kept rows, in their order; NaN if a score here is NaN. 0: to the bit.

    Shapes: [n]. Errors: ValueError where that is not the number of kept rows.
    """
    if scorer_probabilities.shape != kept.probabilities.shape:
        raise ValueError(f"{scorer_probabilities.shape} probabilities for {len(kept.rows)} kept rows")
    return float(np.abs(scorer_probabilities.astype(np.float64) - kept.probabilities).max())
