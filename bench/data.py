"""How many impressions a second are drawn, written to a CSV file and read from one?

Rows per second of CPU, of the quickest of the rounds; one core.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from rig import harness

from model_server.impressions.csv_files import read_impressions, write_impressions
from traffic_sim.population import Population

N_ROWS: Final = 250_000


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    population = Population(seed=1)
    scored = population.sample(N_ROWS, np.random.default_rng(1))
    installs = scored.draw_installs(np.random.default_rng(2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "impressions.csv"
        work = {
            "draw": lambda: population.sample(N_ROWS, np.random.default_rng(1)),
            "draw, 10 candidates a moment": lambda: population.moments(N_ROWS // 10, 10, np.random.default_rng(1)),
            "write": lambda: write_impressions(path, scored.impressions, installs),
            "read": lambda: read_impressions(path),
        }
        figures = [
            harness.Figure(what, N_ROWS / harness.best_seconds(each, asked.rounds), "rows/s")
            for what, each in work.items()
        ]
    harness.tell(f"{N_ROWS:,} impressions: rows per CPU second", figures, facts, asked.json)


if __name__ == "__main__":
    main()
