"""What is measured: models, and rows to ask them for.

The same world each time. With FORKCAST_BENCH_WORLD it is kept in that folder, so that several benchmarks, run one after
the other, make it once; else it is gone with the benchmark.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server import artifact
from model_server.impressions import NAMES, Impressions, to_rows
from model_server.training.fit_detector import fit_detector
from model_server.training.train import train
from traffic_sim.population import Population

VARIABLE: Final = "FORKCAST_BENCH_WORLD"
N_TRAINING_ROWS: Final = 50_000
N_ROWS: Final = 2_000
_HOW: Final[dict[str, Any]] = {"data": {"file": "made up"}, "seed": 1, "threads": 1}


@functools.cache
def drawn() -> tuple[Impressions, NDArray[np.int8]]:
    """Impressions, and which of them were followed by an install."""
    rng = np.random.default_rng(1)
    scored = Population(seed=1).sample(N_TRAINING_ROWS, rng)
    return scored.impressions, scored.draw_installs(rng)


@dataclass(frozen=True)
class World:
    """Bundles, each made when it is first asked for; and rows. The folder is one that `forkcast up --volumes` takes."""

    folder: Path

    @property
    def champion(self) -> Path:
        return self._made("champion", functools.partial(train, *drawn(), feature_set="classic"))

    @property
    def challenger(self) -> Path:
        return self._made("challenger", functools.partial(train, *drawn(), feature_set="funnel"))

    @property
    def detector(self) -> Path:
        return self._made("detector", functools.partial(fit_detector, drawn()[0]))

    def _made(self, name: str, make: Callable[..., object]) -> Path:
        folder = self.folder / "models" / name
        if not folder.exists():
            make(folder=folder, **_HOW)
        return folder

    @functools.cached_property
    def impressions(self) -> Impressions:
        """Those that requests ask for."""
        return drawn()[0].take(slice(0, N_ROWS))

    @functools.cached_property
    def rows(self) -> list[list[Any]]:
        """The same, as they stand in a request."""
        return to_rows(self.impressions)

    @functools.cached_property
    def ready(self) -> NDArray[np.float32]:
        """The same, as the champion's features: float32[N_ROWS, 56], as XGBoost takes them."""
        return artifact.load(self.champion).features.transform(self.impressions).astype(np.float32)

    def bodies(self, n_rows: int) -> list[dict[str, Any]]:
        """Messages of so many rows each."""
        return messages(self.rows, n_rows)


def messages(rows: list[list[Any]], n_rows: int) -> list[dict[str, Any]]:
    names = list(NAMES)
    firsts = range(0, len(rows) - n_rows + 1, n_rows)
    return [{"data": {"names": names, "ndarray": rows[first : first + n_rows]}} for first in firsts]


@contextmanager
def world() -> Iterator[World]:
    kept = os.environ.get(VARIABLE)
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
        yield World(Path(folder))
