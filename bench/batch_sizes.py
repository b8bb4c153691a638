"""How many requests does one call of the model answer, as load grows?

Whatever has arrived while the last call ran is answered by the next: nobody waits for a batch to fill. The mean, and
the share of calls with so many requests, from the server's own metric graph_server_batch_requests; REST, one raw
impression a request; the server on one core, the client on another.
"""

from __future__ import annotations

from rig import harness, metrics, served
from rig.world import world

from model_server.metric_names import BATCH_REQUESTS

AT_ONCE = (1, 8, 32, 128)


def main() -> None:
    asked = harness.arguments(__doc__, rounds=1, seconds=2.0)
    facts = harness.machine()
    served.onto_the_last_core()
    figures = []
    with world() as made, served.graph_server(made) as server:
        requests = served.requests_of(server, made.bodies(1))
        for at_once in AT_ONCE:
            before = metrics.told_by(server)
            for _ in range(asked.rounds):
                served.rest_load(server, requests, at_once=at_once, seconds=asked.seconds)
            after = metrics.told_by(server)
            percent = {
                f"of {told}": share * 100 for told, share in metrics.shares(before, after, BATCH_REQUESTS).items()
            }
            mean = metrics.mean(before, after, BATCH_REQUESTS)
            figures.append(harness.Figure(f"{at_once} at a time", mean, "requests a call", seen=percent))
    harness.tell("Requests answered by one call; seen: % of calls by their requests", figures, facts, asked.json)


if __name__ == "__main__":
    main()
