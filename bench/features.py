"""Preprocessing, on one core: rows per second of either feature set, for a whole file and in requests of ten rows.

Run: .venv/bin/python bench/features.py [rows]
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from model_server.features import FEATURE_SETS
from model_server.impressions import NAMES, from_table, to_rows
from traffic_sim.population import Population

ROUNDS = 5
TARGET_ROWS_PER_SECOND = 300_000


def best_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the best of ROUNDS: what the machine's other work disturbed least."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rng = np.random.default_rng(1)
    scored = Population(seed=1).sample(n, rng)
    installs = (rng.random(n) < scored.probability).astype(np.int8)
    impressions = scored.impressions
    requests = [to_rows(impressions.take(slice(first, first + 10))) for first in range(0, 2_000, 10)]
    seconds = best_seconds(lambda: [from_table(rows, NAMES) for rows in requests])
    print(f"request of 10 rows -> columns: {2_000 / seconds:12,.0f} rows/s")
    columns = [from_table(rows, NAMES) for rows in requests]
    for name, feature_set in FEATURE_SETS.items():
        features, _ = feature_set.fit(impressions, installs)
        whole = n / best_seconds(lambda features=features: features.transform(impressions))
        tens = 2_000 / best_seconds(lambda features=features: [features.transform(ten) for ten in columns])
        print(
            f"{name:8} columns -> features: {whole:12,.0f} rows/s, {whole / TARGET_ROWS_PER_SECOND:.1f} times the "
            f"{TARGET_ROWS_PER_SECOND:,} asked for; in requests of ten {tens:10,.0f}, {whole / tens:.0f} times less"
        )


if __name__ == "__main__":
    main()
