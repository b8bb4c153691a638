"""Requests per second of the graph server and of the stock Seldon wrapper: the same class, the same requests.

Both serve InstallModel as a single component, one worker each, on one core; the client has another. Rounds alternate;
what counts is the ratio of their medians. Also shown: how many requests the graph server answered in one call.

Run: .venv/bin/python bench/graph_server.py [seconds of a round]
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import httptools
import numpy as np
import uvloop

from model_server.impressions import NAMES, to_rows
from model_server.training.train import train
from traffic_sim.population import Population

ROUNDS = 5
CONCURRENCY = 32
SERVERS = {"stock wrapper": "seldon_core.microservice", "graph server": "model_server.graph"}


class Connection(asyncio.Protocol):
    """Sends its requests one after the other, over and over, and counts the answers."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests, self.answered, self.failed = requests, 0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.parser = transport, httptools.HttpResponseParser(self)
        self.send()

    def send(self) -> None:
        self.transport.write(self.requests[self.answered % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.answered += 1
        self.failed += self.parser.get_status_code() != 200
        if not self.parser.should_keep_alive():
            raise RuntimeError("the server closes connections; start it with threads and a keep-alive")
        self.send()


async def requests_per_second(port: int, requests: list[bytes], seconds: float) -> float:
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Connection(requests), "127.0.0.1", port) for _ in range(CONCURRENCY)]
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    answered = sum(connection.answered for _, connection in opened)
    elapsed = time.perf_counter() - began
    for transport, connection in opened:
        transport.abort()
        if connection.failed:
            raise RuntimeError(f"{connection.failed} requests failed")
    return answered / elapsed


def start(module: str, bundle: Path, log: Path) -> tuple[subprocess.Popen[bytes], int, int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    flags = ["--http-port", str(ports[0]), "--grpc-port", str(ports[1]), "--metrics-port", str(ports[2])]
    own = {"MLSERVER_MODEL_URI": str(bundle), "PREDICTIVE_UNIT_ID": "classifier", "OMP_NUM_THREADS": "1"}
    own |= {"GUNICORN_THREADS": "2", "GUNICORN_KEEPALIVE": "65"} if "seldon_core" in module else {}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, "-m", module, "model_server.install_model.InstallModel", *flags],
            env={**os.environ, **own}, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/health/ping", timeout=1).close()
            return process, ports[0], ports[2]
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.1)


def encoded(rows: list[list[object]]) -> bytes:
    body = json.dumps({"data": {"names": list(NAMES), "ndarray": rows}}).encode()
    head = "POST /predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


def batch_sizes(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    numbers = {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("graph_server_b")}
    calls = numbers["graph_server_batch_requests_count"]
    return f"{numbers['graph_server_batch_requests_sum'] / calls:.1f} requests in a call, of {calls:,.0f} calls"


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    rng = np.random.default_rng(1)
    scored = Population(seed=1).sample(20_000, rng)
    installs = (rng.random(20_000) < scored.probability).astype(np.int8)
    rows = to_rows(scored.impressions.take(slice(0, 2_000)))
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "champion"
        data = {"file": "made up"}
        train(scored.impressions, installs, feature_set="classic", folder=bundle, data=data, seed=1, threads=1)
        running = {name: start(module, bundle, Path(folder) / f"{name}.log") for name, module in SERVERS.items()}
        try:
            for n_rows in (1, 10, 50):
                requests = [encoded(rows[first : first + n_rows]) for first in range(0, 2_000, n_rows)]
                rates: dict[str, list[float]] = {name: [] for name in SERVERS}
                for _ in range(ROUNDS):
                    for name, (_, port, _) in running.items():
                        rates[name].append(uvloop.run(requests_per_second(port, requests, seconds)))
                stock, ours = (statistics.median(rates[name]) for name in SERVERS)
                print(
                    f"{n_rows:3} rows a request, {CONCURRENCY} at a time: stock {stock:8,.0f} requests/s, graph server "
                    f"{ours:8,.0f}: {ours / stock:4.1f} times"
                )
            print(f"graph server: {batch_sizes(running['graph server'][2])}")
        finally:
            for process, _, _ in running.values():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


if __name__ == "__main__":
    main()
