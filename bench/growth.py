"""How does the cost of a request grow: with its rows, with requests at a time, with trees, with unknown categories?

CPU time of the server for each answered request, REST, raw impressions; one row, 32 at a time, the champion's own trees
unless said. The server on one core, the client on another. Microseconds grow least where batches are large.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import xgboost as xgb
from rig import harness, served
from rig.world import World, drawn, messages, world

from model_server import artifact
from model_server.impressions import COLUMNS, Kind
from model_server.training.train import PARAMETERS

ROWS: Final = (1, 10, 50, 200)
AT_ONCE: Final = (1, 8, 32, 128)
TREES: Final = (100, 200, 400, 800)
CATEGORIES: Final = [place for place, column in enumerate(COLUMNS) if column.kind is Kind.CATEGORY]
UNKNOWN: Final = (0, 1, len(CATEGORIES))


def main() -> None:
    asked = harness.arguments(__doc__, seconds=0.5)
    facts = harness.machine()
    served.onto_the_last_core()
    with world() as made, ExitStack() as stack:
        server = stack.enter_context(served.graph_server(made))
        measure = functools.partial(microseconds, seconds=asked.seconds)
        sides: dict[str, Callable[[], float]] = {}
        for n_rows in ROWS:
            sides[f"{n_rows} rows a request"] = functools.partial(measure, server, made.bodies(n_rows))
        for at_once in AT_ONCE:
            sides[f"{at_once} at a time"] = functools.partial(measure, server, made.bodies(1), at_once=at_once)
        for n_cells in UNKNOWN:
            some = messages(with_unknown(made.rows, n_cells), 1)
            sides[f"{n_cells} unknown categories"] = functools.partial(measure, server, some)
        for n_trees, bundle in of_trees(made).items():
            other = stack.enter_context(served.graph_server(made, bundle))
            sides[f"{n_trees} trees"] = functools.partial(measure, other, made.bodies(1))
        cost = harness.in_turns(sides, asked.rounds)
    figures = [harness.Figure(what, cost_of_one, "us") for what, cost_of_one in cost.items()]
    harness.tell("CPU of a request as it grows", figures, facts, asked.json)


def microseconds(server: served.Server, bodies: list[dict[str, Any]], *, at_once: int = 32, seconds: float) -> float:
    """Of the server's CPU for each answered request."""
    before = server.cpu_seconds()
    load = served.rest_load(server, served.requests_of(server, bodies), at_once=at_once, seconds=seconds)
    return (server.cpu_seconds() - before) / load.n_answered * 1e6


def with_unknown(rows: list[list[Any]], n_cells: int) -> list[list[Any]]:
    """In each row so many categories that training never saw, other ones in each row."""
    places = set(CATEGORIES[:n_cells])
    return [
        [f"never seen {n}" if place in places else cell for place, cell in enumerate(row)] for n, row in enumerate(rows)
    ]


def of_trees(made: World) -> dict[int, Path]:
    """Bundles of one training, cut off after so many trees; with the features and the settings of the champion."""
    impressions, installs = drawn()
    features = artifact.load(made.champion).features
    whole = xgb.train(
        {**PARAMETERS, "seed": 1, "nthread": 1}, xgb.QuantileDMatrix(features.transform(impressions), installs),
        num_boost_round=max(TREES),
    )  # fmt: skip
    bundles = {n_trees: made.folder / "models" / f"trees-{n_trees}" for n_trees in TREES}
    for n_trees, folder in bundles.items():
        artifact.save(folder, features=features, model=bytes(whole[:n_trees].save_raw("ubj")), about={})
    return bundles


if __name__ == "__main__":
    main()
