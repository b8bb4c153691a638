"""How much faster is `forkcast predict` than the same with pandas?

Whole commands in turns, from the start of Python to the last byte of the predictions: a CSV of impressions, the classic
features, XGBoost, all cores. The other side is bench/rig/pandas_way.py. Both must predict the same, to the bit.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from rig import harness, pandas_way
from rig.stack import FORKCAST, ROOT
from rig.world import World, world

from model_server import artifact
from model_server.impressions.csv_files import read_impressions, write_impressions
from traffic_sim.population import Population

N_ROWS: Final = 500_000
PANDAS_WAY: Final = Path(__file__).parent / "rig/pandas_way.py"


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    with world() as made, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = folder / "impressions.csv"
        write_impressions(data, Population(seed=1).sample(N_ROWS, np.random.default_rng(2)).impressions)
        out = {"pandas": folder / "pandas.csv", "forkcast predict": folder / "forkcast.csv"}
        files = ["--model", str(made.champion), "--data", str(data), "--out", str(out["forkcast predict"])]
        commands = {
            "pandas": [sys.executable, str(PANDAS_WAY), str(made.champion), str(data), str(out["pandas"])],
            "forkcast predict": [*FORKCAST, "predict", *files],
        }
        sides = {name: partial(seconds_of, command) for name, command in commands.items()}
        seen = harness.in_turns(sides, asked.rounds)
        require_same(*out.values())
        features = harness.in_turns(preprocessing(made, data), asked.rounds)
    figures = [
        harness.Figure(what, each["pandas"] / each["forkcast predict"], goal=goal, seen=each)
        for what, goal, each in (
            (f"{N_ROWS:,} rows from CSV to CSV, seconds", 5.0, seen),
            ("of that, columns to features, CPU seconds", None, features),
        )
    ]
    harness.tell("forkcast predict against pandas", figures, facts, asked.json)


def preprocessing(made: World, data: Path) -> dict[str, Callable[[], float]]:
    """The part that is of features alone, in this process."""
    table, impressions = pandas_way.read(data), read_impressions(data).impressions
    features = artifact.load(made.champion).features
    levels = features.to_json()["levels"]

    def by_pandas() -> object:
        return pandas_way.features_of(table, levels)[list(features.names)].to_numpy(np.float32)

    return {
        "pandas": partial(harness.best_seconds, by_pandas, 1),
        "forkcast predict": partial(harness.best_seconds, partial(features.transform, impressions), 1),
    }


def seconds_of(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def require_same(*files: Path) -> None:
    """Errors: RuntimeError where two files do not hold the same predictions."""
    for one, other in pairwise(files):
        for line, (row, row_there) in enumerate(zip(rows_of(one), rows_of(other), strict=True), start=2):
            if row != row_there:
                raise RuntimeError(f"line {line}: {one.name} has {row}, {other.name} {row_there}")


def rows_of(file: Path) -> Iterator[tuple[str, np.float32]]:
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            yield row["id"], np.float32(row["prob_install"])


if __name__ == "__main__":
    main()
