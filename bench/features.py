"""How many rows a second are preprocessed, on one core?

Rows of requests to columns, ten at a time; columns to either feature set, a whole file at once and in requests of ten.
Rows per second of CPU, of the quickest of the rounds.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
from rig import harness

from model_server.features import FEATURE_SETS, FeatureSet
from model_server.impressions import NAMES, Impressions, from_table, to_rows
from traffic_sim.population import Population

N_ROWS: Final = 200_000
N_ROWS_IN_TENS: Final = 2_000
GOAL_ROWS_PER_SECOND: Final = 300_000


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    rng = np.random.default_rng(1)
    scored = Population(seed=1).sample(N_ROWS, rng)
    impressions, installs = scored.impressions, scored.draw_installs(rng)
    requests = [to_rows(impressions.take(slice(first, first + 10))) for first in range(0, N_ROWS_IN_TENS, 10)]
    tens = columns_of(requests)

    def rows_per_second(n_rows: int, work: Any) -> float:
        return n_rows / harness.best_seconds(work, asked.rounds)

    reading = rows_per_second(N_ROWS_IN_TENS, partial(columns_of, requests))
    figures = [harness.Figure("requests of ten rows to columns", reading, "rows/s")]
    for name, feature_set in FEATURE_SETS.items():
        features, _ = feature_set.fit(impressions, installs)
        whole = rows_per_second(N_ROWS, partial(features.transform, impressions))
        in_tens = rows_per_second(N_ROWS_IN_TENS, partial(features_of, features, tens))
        what = f"columns to {name} features"
        figures.append(harness.Figure(what, whole, "rows/s", goal=GOAL_ROWS_PER_SECOND))
        figures.append(harness.Figure(f"{what}, in requests of ten", in_tens, "rows/s"))
    harness.tell("Preprocessing: rows per CPU second", figures, facts, asked.json)


def columns_of(requests: list[list[list[Any]]]) -> list[Impressions]:
    return [from_table(rows, NAMES) for rows in requests]


def features_of(features: FeatureSet, some: list[Impressions]) -> None:
    for each in some:
        features.transform(each)


if __name__ == "__main__":
    main()
