"""How much of XGBoost's own speed is left behind REST, validation and preprocessing?

Records a second at 50 rows a request: the graph server over REST, given raw impressions, 32 requests at a time; and
`Booster.inplace_predict` of the Python package, called over and over in one process with 50 ready rows of the same
impressions (float32, nthread=1). Either on the first core; the client has the last.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from rig import harness, served
from rig.world import world

N_ROWS = 50


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    served.onto_the_last_core()
    with world() as made, served.graph_server(made) as ours:
        booster = xgb.Booster({"nthread": 1}, model_file=made.champion / "model.ubj")
        chunks = np.split(made.ready, range(N_ROWS, len(made.ready), N_ROWS))
        requests = served.requests_of(ours, made.bodies(N_ROWS))
        require_same(booster, chunks[0], served.answer(ours, made.bodies(N_ROWS)[0]))

        def over_rest() -> float:
            load = served.rest_load(ours, requests, at_once=32, seconds=asked.seconds)
            return load.requests_per_second * N_ROWS

        sides = {"bare": partial(bare, booster, chunks, asked.seconds), "graph server": over_rest}
        seen = harness.in_turns(sides, asked.rounds)
    ratio = seen["graph server"] / seen["bare"]
    what = f"REST, {N_ROWS} raw rows a request, of bare inplace_predict"
    figures = [harness.Figure(what, ratio, goal=0.4, seen=seen)]
    harness.tell("Graph server against bare XGBoost: records/s", figures, facts, asked.json)


def bare(booster: Any, chunks: list[NDArray[np.float32]], seconds: float) -> float:
    """Records a second on the first core."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {0})
    try:
        n, began = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds:
            booster.inplace_predict(chunks[n % len(chunks)])
            n += 1
        return n * N_ROWS / elapsed
    finally:
        os.sched_setaffinity(0, own)


def require_same(booster: Any, chunk: NDArray[np.float32], told: Any) -> None:
    """Errors: RuntimeError where the two sides do not answer the same."""
    expected = booster.inplace_predict(chunk)
    if not np.array_equal(np.float32(told["data"]["ndarray"]), expected):
        raise RuntimeError(f"the graph server answers {told}, the model {expected}")


if __name__ == "__main__":
    main()
