"""CPU time of marking outliers, beside that of the model behind: by rows, and where requests come together.

Then of the forest alone: scored by treelite, as served, and by scikit-learn, as alibi-detect scores it. Microseconds of
one thread, the least of many calls, so that other load on the machine matters little.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from model_server.impressions import NAMES, to_rows
from model_server.install_model import InstallModel
from model_server.outliers import detector_bundle
from model_server.outliers.forest import Forest
from model_server.outliers.outlier_detector import OutlierDetector
from model_server.training.fit_detector import fit_detector
from model_server.training.isolation_forest import checkpoint_of, fit_forest
from model_server.training.train import train
from traffic_sim.population import Population

N_CALLS = 200
N_TOGETHER = 20


def microseconds(call: Callable[[Any], object], asked: Any) -> float:
    least = np.inf
    for _ in range(N_CALLS):
        began = time.thread_time()
        call(asked)
        least = min(least, time.thread_time() - began)
    return least * 1e6


def message(rows: list[list[Any]]) -> dict[str, Any]:
    return {"data": {"names": list(NAMES), "ndarray": rows}}


def main() -> None:
    rng = np.random.default_rng([1, 1])
    scored = Population(1).sample(200_000, rng)
    impressions, installs = scored.impressions, scored.draw_installs(rng)
    rows = to_rows(impressions.take(slice(0, 10 * N_TOGETHER)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fit_detector(impressions, folder=folder / "detector", data={}, seed=1, threads=1)
        train(impressions, installs, feature_set="classic", folder=folder / "champion", data={}, seed=1, threads=1)
        detector, model = OutlierDetector(str(folder / "detector")), InstallModel(str(folder / "champion"))
        bundle = detector_bundle.load(folder / "detector")
    print(f"{'':28}{'detector':>10}{'model':>10}   us of CPU")
    for n_rows in (1, 10, 50):
        asked = message(rows[:n_rows])
        took = microseconds(detector.transform_input_raw, asked), microseconds(model.predict_raw, asked)
        print(f"{f'a request of {n_rows} rows':28}{took[0]:>10,.0f}{took[1]:>10,.0f}")
    many = [json.loads(json.dumps(message(rows[i : i + 10]))) for i in range(0, len(rows), 10)]
    took = microseconds(detector.transform_input_many, many), microseconds(model.predict_many, many)
    each = [total / len(many) for total in took]
    print(f"{f'each of {len(many)} requests of 10':28}{each[0]:>10,.0f}{each[1]:>10,.0f}")
    columns = bundle.view.transform(impressions.take(slice(0, 20_000)))
    fitted = fit_forest(columns, seed=1, threads=1)
    forest = Forest.from_bytes(checkpoint_of(fitted))
    print(f"\n{'':28}{'treelite':>10}{'sklearn':>10}   us of CPU")
    for n_rows in (1, 10, 50):
        some = columns[:n_rows]
        took = microseconds(forest.scores, some), microseconds(fitted.score, some)
        print(f"{f'the forest alone, {n_rows} rows':28}{took[0]:>10,.0f}{took[1]:>10,.0f}")


if __name__ == "__main__":
    main()
