"""How much faster is the graph server than Seldon's own wrapper with the same class?

Both serve InstallModel as a single component, one worker each, on one core; the client has another. REST with 1, 10 and
50 raw impressions a request and 32 requests at a time; REST with one at a time; gRPC with one impression.
"""

from __future__ import annotations

from functools import partial

from rig import harness, served
from rig.world import world


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    served.onto_the_last_core()
    figures = []
    with world() as made, served.stock_wrapper(made) as stock, served.graph_server(made) as ours:
        sides = {"stock": stock, "graph server": ours}

        def rate(server: served.Server, n_rows: int, at_once: int) -> float:
            requests = served.requests_of(server, made.bodies(n_rows))
            return served.rest_load(server, requests, at_once=at_once, seconds=asked.seconds).requests_per_second

        for n_rows, goal in ((1, 10.0), (10, None), (50, 4.0)):
            seen = harness.in_turns(
                {name: partial(rate, server, n_rows, 32) for name, server in sides.items()}, asked.rounds
            )
            what = (
                f"REST, {n_rows} rows a request, 32 at a time" if n_rows > 1 else "REST, one impression, 32 at a time"
            )
            figures.append(harness.Figure(what, seen["graph server"] / seen["stock"], goal=goal, seen=seen))

        def p50(server: served.Server) -> float:
            requests = served.requests_of(server, made.bodies(1))
            return served.rest_load(server, requests, at_once=1, seconds=asked.seconds).p50_milliseconds

        seen = harness.in_turns({name: partial(p50, server) for name, server in sides.items()}, asked.rounds)
        what = "REST, one impression, one at a time: p50, ms"
        figures.append(harness.Figure(what, seen["graph server"] / seen["stock"], goal=0.5, is_most=True, seen=seen))

        def grpc_rate(server: served.Server) -> float:
            return served.grpc_load(server, made.bodies(1), at_once=32, seconds=asked.seconds).requests_per_second

        seen = harness.in_turns({name: partial(grpc_rate, server) for name, server in sides.items()}, asked.rounds)
        figures.append(
            harness.Figure(
                "gRPC, one impression, 32 at a time", seen["graph server"] / seen["stock"], goal=4.0, seen=seen
            )
        )
    harness.tell("Graph server against the stock wrapper: requests/s", figures, facts, asked.json)


if __name__ == "__main__":
    main()
