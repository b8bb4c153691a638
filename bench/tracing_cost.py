"""What do spans cost on the hot path, where there is whom to tell?

The same predictor, detector and model: without an OTLP endpoint, with every request traced, and with one in a hundred.
REST, 32 requests at a time, of one raw impression and of 50. The receiver only reads what it is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rig import harness, served
from rig.world import world

ONE_IN_A_HUNDRED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}


class Swallowing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Swallowing) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    served.onto_the_last_core()
    figures = []
    with world() as made, endpoint() as url:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
        graph = partial(served.graph, made, with_detector=True)
        with graph() as without, graph(environment=told) as every, graph(environment=told | ONE_IN_A_HUNDRED) as few:
            sides = {"without": without, "every request": every, "one in a hundred": few}

            def rate(server: served.Server, n_rows: int) -> float:
                requests = served.requests_of(server, made.bodies(n_rows))
                return served.rest_load(server, requests, at_once=32, seconds=asked.seconds).requests_per_second

            for n_rows in (1, 50):
                seen = harness.in_turns(
                    {name: partial(rate, server, n_rows) for name, server in sides.items()}, asked.rounds
                )
                for name in ("every request", "one in a hundred"):
                    what = f"requests/s with spans of {name}, of those without, {n_rows} row{'s' * (n_rows > 1)}"
                    figures.append(harness.Figure(what, seen[name] / seen["without"], seen=seen))
    harness.tell("What spans cost: requests/s", figures, facts, asked.json)


if __name__ == "__main__":
    main()
