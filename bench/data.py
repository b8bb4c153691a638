"""Rows per second of drawing, writing and reading impressions. Run: python bench/data.py [rows]."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from model_server.impressions.csv_files import read_impressions, write_impressions
from traffic_sim.population import Population

REPEATS = 5


def main(n: int) -> None:
    population = Population(seed=1)
    scored = population.sample(n, np.random.default_rng(1))
    installs = scored.draw_installs(np.random.default_rng(2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "impressions.csv"
        _print("draw", n, lambda: population.sample(n, np.random.default_rng(1)))
        _print("draw, 10 candidates a moment", n, lambda: population.moments(n // 10, 10, np.random.default_rng(1)))
        _print("write", n, lambda: write_impressions(path, scored.impressions, installs))
        _print("read", n, lambda: read_impressions(path))


def _print(what: str, n: int, run: Callable[[], object]) -> None:
    wall, cpu = [], []
    for _ in range(REPEATS):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    print(f"{what:30s} {n / min(wall):12,.0f} rows/s {n / min(cpu):12,.0f} rows per CPU second (best of {REPEATS})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 250_000)
