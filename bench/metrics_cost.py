"""What do the metrics cost on the hot path?

The same predictor, detector and model, as it is and without any telemetry (`rig.without_metrics`): REST, one raw
impression and 50, 32 requests at a time.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from rig import harness, served
from rig.world import world

FINDS_RIG: Final = {"PYTHONPATH": str(Path(__file__).parent)}


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    served.onto_the_last_core()
    figures = []
    with (
        world() as made,
        served.graph(made, with_detector=True, program="rig.without_metrics", environment=FINDS_RIG) as without,
        served.graph(made, with_detector=True) as with_metrics,
    ):
        sides = {"without": without, "with metrics": with_metrics}

        def rate(server: served.Server, n_rows: int) -> float:
            requests = served.requests_of(server, made.bodies(n_rows))
            return served.rest_load(server, requests, at_once=32, seconds=asked.seconds).requests_per_second

        for n_rows in (1, 50):
            seen = harness.in_turns(
                {name: partial(rate, server, n_rows) for name, server in sides.items()}, asked.rounds
            )
            what = f"requests/s with all metrics, of those without, {n_rows} row{'s' * (n_rows > 1)} a request"
            figures.append(harness.Figure(what, seen["with metrics"] / seen["without"], goal=0.95, seen=seen))
    harness.tell("What metrics cost: requests/s", figures, facts, asked.json)


if __name__ == "__main__":
    main()
