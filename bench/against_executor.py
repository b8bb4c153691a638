"""How much faster is a graph of two nodes in one graph server than under Seldon's executor?

The outlier detector before the model, one raw impression a request, REST, 32 at a time. There: Seldon's executor and a
stock wrapper for each node, three programs. Here: one. All of either side on one core; the client has another.
The executor is in no package index: FORKCAST_SELDON_EXECUTOR names the program, as taken from its image
(seldonio/seldon-core-executor, /executor).
"""

from __future__ import annotations

import os
from functools import partial

from rig import harness, peers, served
from rig.world import world

TITLE = "A graph of detector and model against Seldon's executor: requests/s"


def main() -> None:
    asked = harness.arguments(__doc__)
    if not os.environ.get(peers.EXECUTOR):
        harness.tell_skipped(TITLE, f"{peers.EXECUTOR} does not name the program of Seldon's executor", asked.json)
        return
    facts = harness.machine()
    served.onto_the_last_core()
    with world() as made, peers.executor(made) as theirs, served.graph(made, with_detector=True) as ours:
        sides = {"executor": theirs, "graph server": ours}
        told = {name: served.answer(server, made.bodies(1)[0])["data"] for name, server in sides.items()}
        if told["executor"] != told["graph server"]:
            raise RuntimeError(f"they do not answer the same: {told}")

        def rate(server: served.Server) -> float:
            requests = served.requests_of(server, made.bodies(1))
            return served.rest_load(server, requests, at_once=32, seconds=asked.seconds).requests_per_second

        seen = harness.in_turns({name: partial(rate, server) for name, server in sides.items()}, asked.rounds)
        ratio = seen["graph server"] / seen["executor"]
        figures = [harness.Figure("detector and model, one impression, 32 at a time", ratio, goal=20.0, seen=seen)]
    harness.tell(TITLE, figures, facts, asked.json)


if __name__ == "__main__":
    main()
