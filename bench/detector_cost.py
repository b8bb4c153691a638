"""What does the outlier detector in the graph cost, and how much memory does a predictor with both take?

The same predictor with and without the detector before the model; REST, one raw impression, 32 at a time. CPU time of
the server's processes for each answered request.
"""

from __future__ import annotations

from functools import partial

from rig import harness, served
from rig.world import world


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    served.onto_the_last_core()
    with (
        world() as made,
        served.graph(made, with_detector=False) as without,
        served.graph(made, with_detector=True) as with_detector,
    ):
        sides = {"without": without, "with detector": with_detector}

        def microseconds(server: served.Server) -> float:
            requests = served.requests_of(server, made.bodies(1))
            before = server.cpu_seconds()
            load = served.rest_load(server, requests, at_once=32, seconds=asked.seconds)
            return (server.cpu_seconds() - before) / load.n_answered * 1e6

        seen = harness.in_turns({name: partial(microseconds, each) for name, each in sides.items()}, asked.rounds)
        ratio = seen["with detector"] / seen["without"]
        largest = max(with_detector.resident_megabytes().values())
        figures = [
            harness.Figure("CPU of a request, us, with the detector", ratio, goal=1.2, is_most=True, seen=seen),
            harness.Figure("memory of a predictor with both", largest, "MB", goal=250, is_most=True),
        ]
    harness.tell("The outlier detector in the graph", figures, facts, asked.json)


if __name__ == "__main__":
    main()
