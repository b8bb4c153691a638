"""What does the traffic simulator itself cost, and does it leave on time?

`forkcast simulate` over REST, one row a request, 5,000 requests a second, feedback on one in twenty; a server that
has its answers ready is on the first core, the simulator on the last. CPU time of the simulator for each planned
request, all that it counts included; its lag, from the planned to the real send.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import statistics
from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any, Final

import httptools
import uvloop
from rich.console import Console
from rig import harness, served

from traffic_sim.progress import Progress
from traffic_sim.scenario import Scenario
from traffic_sim.simulate import Run, carry_out, plan_of
from traffic_sim.worlds import encounters

RATE_PER_SECOND: Final = 5_000
_PUID: Final = b"0b0a3e0e-4ac8-4c39-9b2e-1f8a8a1d6b57"
_BODIES: Final = [
    b'{"data":{"names":[],"ndarray":[0.%02d342217206954956]},"meta":{"puid":"%b","requestPath":{"classifier":"model-server:1",'
    b'"outlier-detector":"model-server:1"},"tags":{"model_version":"1","outlier":[false],"outlier_score":[-0.0331],'
    b'"predictor":"%b"}}}' % (i, _PUID, b"challenger" if i % 2 else b"champion")
    for i in range(100)
]
ANSWERS: Final = [
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nseldon-puid: %b\r\ncontent-length: %d\r\n"
    b"x-envoy-upstream-service-time: 3\r\ndate: Tue, 24 Nov 2026 12:00:00 GMT\r\nserver: envoy\r\n\r\n%b"
    % (_PUID, len(body), body)
    for body in _BODIES
]
"""Such as Envoy brings from a graph of detector and model."""


class _Ready(asyncio.Protocol):
    """Answers each request at once, with the next of its answers."""

    def __init__(self) -> None:
        self._n = 0

    def connection_made(self, transport: Any) -> None:
        self._transport, self._parser = transport, httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._n += 1
        self._transport.write(ANSWERS[self._n % len(ANSWERS)])


@contextlib.contextmanager
def ready_server() -> Iterator[int]:
    """Its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=4_096) as listening:
        process = get_context("fork").Process(target=_serve, args=(listening,), daemon=True)
        process.start()
        try:
            yield listening.getsockname()[1]
        finally:
            process.kill()
            process.join()


def _serve(listening: socket.socket) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Ready, sock=listening)
        await server.serve_forever()

    os.sched_setaffinity(0, {0})
    uvloop.run(serve())


def a_run(port: int, seconds: float) -> Run:
    scenario = Scenario(
        world="ranked", gateway=f"127.0.0.1:{port}", rate_records_per_second=RATE_PER_SECOND, rows_per_request=1,
        duration_seconds=seconds, feedback_ratio=0.05, feedback_delay_seconds=1,
    )  # fmt: skip
    return uvloop.run(
        carry_out(scenario, plan_of(scenario, encounters), Progress(Console(file=io.StringIO()), seconds))
    )


def main() -> None:
    asked = harness.arguments(__doc__, seconds=6.0)
    facts = harness.machine()
    with ready_server() as port:
        served.onto_the_last_core()
        runs = [a_run(port, asked.seconds) for _ in range(asked.rounds)]
    errors = sum(sum(run.summary.reasons.values()) for run in runs)
    if errors:
        raise RuntimeError(f"{errors} requests failed: {runs[-1].summary.reasons}")

    def median(values: list[float]) -> float:
        return statistics.median(values)

    cost = [run.effort.cpu_seconds / run.summary.planned * 1e6 for run in runs]
    sent = [(run.summary.metrics["sent_ratio"] or 0.0) * 100 for run in runs]
    lag = [run.summary.lag.percentiles() or {} for run in runs]
    seen = {"best": min(cost), "worst": max(cost)}
    lags = {name: median([each[name] for each in lag]) for name in ("p50", "p99")}
    figures = [
        harness.Figure("CPU of the simulator for a request", median(cost), "us", goal=60, is_most=True, seen=seen),
        harness.Figure("share of the plan that was sent", median(sent), "%", goal=99),
        harness.Figure("lag of the simulator, p99", lags["p99"], "ms", seen=lags),
    ]
    harness.tell(f"The simulator at {RATE_PER_SECOND:,} requests/s of one row", figures, facts, asked.json)


if __name__ == "__main__":
    main()
