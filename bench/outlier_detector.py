"""What does marking outliers cost, beside the model behind it, without a server around either?

By rows of a request, and where requests come together; then the forest alone, as it is served (treelite) and as
alibi-detect scores it (scikit-learn). Microseconds of CPU of one thread, of the quickest of many calls, so that other
load on the machine matters little. The figure is the detector's, or treelite's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from rig import harness
from rig.world import drawn, world

from model_server.install_model import InstallModel
from model_server.outliers import detector_bundle
from model_server.outliers.forest import Forest
from model_server.outliers.outlier_detector import OutlierDetector
from model_server.training.isolation_forest import checkpoint_of, fit_forest

N_CALLS: Final = 40
"""In each round."""
ROWS: Final = (1, 10, 50)
N_TOGETHER: Final = 20


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    n_calls = N_CALLS * asked.rounds
    with world() as made:
        detector, model = OutlierDetector(str(made.detector)), InstallModel(str(made.champion))
        view = detector_bundle.load(made.detector).view
        bodies = {n_rows: made.bodies(n_rows) for n_rows in ROWS}
    figures = []

    def compare(what: str, one: tuple[str, Callable[[], object]], other: tuple[str, Callable[[], object]]) -> None:
        seen = {name: microseconds(call, n_calls) for name, call in (one, other)}
        figures.append(harness.Figure(what, seen[one[0]], "us", seen=seen))

    for n_rows in ROWS:
        asking = bodies[n_rows][0]
        compare(
            f"a request of {n_rows} rows",
            ("detector", lambda asking=asking: detector.transform_input_raw(asking)),
            ("model", lambda asking=asking: model.predict_raw(asking)),
        )
    many = bodies[10][:N_TOGETHER]
    compare(
        f"{N_TOGETHER} requests of 10 rows together",
        ("detector", lambda: detector.transform_input_many(many)),
        ("model", lambda: model.predict_many(many)),
    )
    columns = view.transform(drawn()[0].take(slice(0, 20_000)))
    fitted = fit_forest(columns, seed=1, threads=1)
    forest = Forest.from_bytes(checkpoint_of(fitted))
    for n_rows in ROWS:
        some = columns[:n_rows]
        compare(
            f"the forest alone, {n_rows} rows",
            ("treelite", lambda some=some: forest.scores(some)),
            ("scikit-learn", lambda some=some: fitted.score(some)),
        )
    harness.tell("Marking outliers: us of CPU", figures, facts, asked.json)


def microseconds(call: Callable[[], Any], n_calls: int) -> float:
    least = np.inf
    for _ in range(n_calls):
        began = time.thread_time()
        call()
        least = min(least, time.thread_time() - began)
    return float(least) * 1e6


if __name__ == "__main__":
    main()
