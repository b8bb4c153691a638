"""How much faster is the graph server, given raw impressions, than MLServer, given ready features?

MLServer 1.7.1 with its XGBoost runtime and the same model, in its easy case: a [1, 56] tensor in V2's JSON. First its
adaptive batching is tuned: each setting for one measurement, REST, 32 at a time. The best one then takes turns with the
graph server, which validates and preprocesses one raw impression a request. Either has one core; the client another.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rig import harness, peers, served
from rig.world import World, world

from model_server import artifact

TITLE = "Graph server, raw impressions, against MLServer 1.7.1, ready features: requests/s"
BATCHES = ((0, 0.0), (8, 0.001), (16, 0.001), (16, 0.05), (32, 0.001), (32, 0.01), (32, 0.05), (32, 0.2))
TUNINGS = [peers.Tuning(size, seconds, workers) for workers, (size, seconds) in product((0, 1), BATCHES)]
"""More requests than 32 are never there to be batched."""


def main() -> None:
    asked = harness.arguments(__doc__)
    if not peers.MLSERVER.exists():
        harness.tell_skipped(
            TITLE, "MLServer is not in .tools/peers/mlserver; `make bench-peers` puts it there", asked.json
        )
        return
    facts = harness.machine()
    served.onto_the_last_core()
    with world() as made:
        rows = made.ready[~np.isnan(made.ready).any(axis=1)]
        ready = peers.tensors(rows)

        def rate(server: served.Server, messages: list[dict[str, Any]]) -> float:
            requests = served.requests_of(server, messages)
            return served.rest_load(server, requests, at_once=32, seconds=asked.seconds).requests_per_second

        rates = {}
        for tuning in TUNINGS:
            with peers.mlserver(made, tuning) as server:
                require_same_model(made, server, ready[0], rows[:1])
                rates[tuning] = rate(server, ready)
        best = max(rates, key=lambda tuning: rates[tuning])
        with peers.mlserver(made, best) as theirs, served.graph_server(made) as ours:
            sides = {"MLServer": partial(rate, theirs, ready), "graph server": partial(rate, ours, made.bodies(1))}
            seen = harness.in_turns(sides, asked.rounds)
    ratio = seen["graph server"] / seen["MLServer"]
    figures = [harness.Figure("one impression, 32 at a time", ratio, goal=8.0, seen=seen)]
    figures += [harness.Figure(f"MLServer: {tuning}", rate, "requests/s") for tuning, rate in rates.items()]
    harness.tell(TITLE, figures, facts, asked.json)
    Console().print(f"MLServer at its best: {best}", highlight=False)


def require_same_model(made: World, server: served.Server, message: dict[str, Any], row: NDArray[np.float32]) -> None:
    """Errors: RuntimeError where its answer is not the model's."""
    (told,) = served.answer(server, message)["outputs"][0]["data"]
    (expected,) = artifact.load(made.champion).booster.predict(row)
    if np.float32(told) != expected:
        raise RuntimeError(f"MLServer answers {told}, the model {expected}: they do not serve the same")


if __name__ == "__main__":
    main()
