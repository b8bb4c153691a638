"""Where do the microseconds of a request go? By stage, with the detector in front, in batches of one and of 32.

Each stage by itself, in this process, over and over: the best of its rounds, for each request. Beside them what a
server takes for a request in all, under load: sockets, the event loop, the walk and the metrics are in that, and that
nothing stays in the caches where everything takes turns.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from rig import harness, served
from rig.world import World, world

from model_server import artifact
from model_server.graph.doors.http_connections import Connections
from model_server.graph.doors.http_exchange import Exchange, header_lines
from model_server.graph.doors.http_limits import Limits
from model_server.graph.doors.http_protocol import HttpConnection
from model_server.graph.wrapper import bodies
from model_server.install_model import InstallModel
from model_server.outliers import detector_bundle
from model_server.outliers.outlier_detector import OutlierDetector
from model_server.reading import read_together
from model_server.seldon_messages import decode

SIZES: Final = (1, 32)
ROUNDS: Final = 300
PATH: Final = "/api/v1.0/predictions"


def main() -> None:
    asked = harness.arguments(__doc__, seconds=1.0)
    facts = harness.machine()
    served.onto_the_last_core()
    with world() as made:
        stages = {n: stages_of(made, n) for n in SIZES}
        with served.graph(made, with_detector=True) as server:
            sides = {n: partial(whole, server, made, n, asked.seconds) for n in SIZES}
            in_all = harness.in_turns({str(n): side for n, side in sides.items()}, asked.rounds)
    rows = {name: {n: stages[n][name] for n in SIZES} for name in stages[SIZES[0]]}
    rows["all else"] = {n: in_all[str(n)] - sum(stages[n].values()) for n in SIZES}
    rows["a request, CPU of the server"] = {n: in_all[str(n)] for n in SIZES}
    figures = [
        harness.Figure(name, by_size[SIZES[-1]], "us", seen={f"in a batch of {n}": by_size[n] for n in SIZES})
        for name, by_size in rows.items()
    ]
    harness.tell("Where a request's microseconds go", figures, facts, asked.json)


def stages_of(made: World, n: int) -> dict[str, float]:
    """Microseconds of each stage for one of n requests that go together."""
    messages = made.bodies(1)[:n]
    texts = [json.dumps(message).encode() for message in messages]
    model, detector = InstallModel(str(made.champion)), OutlierDetector(str(made.detector))
    bundle, outliers = artifact.load(made.champion), detector_bundle.load(made.detector)
    payloads: dict[int, Any] = {i: decode(message).payload for i, message in enumerate(messages)}
    impressions: Any = read_together(payloads).impressions
    matrix = bundle.features.transform(impressions)
    answers = model.predict_many(messages)

    took = partial(best_microseconds, n)
    reading = took(partial(read_together, payloads))
    scores = took(partial(outliers.scores, impressions))
    features = took(partial(bundle.features.transform, impressions))
    trees = took(partial(bundle.booster.predict, matrix))
    return {
        "HTTP: the request parsed, the answer written": took(partial(exchanged, *http_of(texts))),
        "JSON of the request read": took(lambda: [bodies.decode(text, bodies.JSON) for text in texts]),
        "the row checked and cut into columns": reading,
        "detector: the score": scores,
        "detector: messages and tags": took(partial(detector.transform_input_many, messages)) - reading - scores,
        "model: features": features,
        "model: XGBoost": trees,
        "model: messages, tags and metrics": took(partial(model.predict_many, messages)) - reading - features - trees,
        "JSON of the answer written": took(lambda: [bodies.encode_json(answer) for answer in answers]),
    }


def best_microseconds(n: int, work: Callable[[], object]) -> float:
    best = min(_seconds(work) for _ in range(ROUNDS))
    return best / n * 1e6


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class _Transport(asyncio.Transport):
    """To nowhere: a system call is not this stage's."""

    def write(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return False


def http_of(texts: list[bytes]) -> tuple[asyncio.AbstractEventLoop, list[HttpConnection], list[bytes]]:
    """Connections, and a request for each."""
    lines = header_lines([(b"content-type", b"application/json")])

    async def app(exchange: Exchange) -> None:
        await exchange.answer(200, lines, await exchange.body(1_000_000))

    loop = asyncio.new_event_loop()
    shared = Connections(Limits(), lambda _: None)
    connections = [HttpConnection(app, shared, loop) for _ in texts]
    for connection in connections:
        connection.connection_made(_Transport())
    head = f"POST {PATH} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
    return loop, connections, [f"{head}{len(text)}\r\n\r\n".encode() + text for text in texts]


def exchanged(loop: asyncio.AbstractEventLoop, connections: list[HttpConnection], requests: list[bytes]) -> None:
    async def all_come() -> None:
        for connection, request in zip(connections, requests, strict=True):
            connection.data_received(request)

    coroutine = all_come()
    asyncio.Task(coroutine, loop=loop, eager_start=False)
    loop.call_soon(loop.stop)
    loop.run_forever()


def whole(server: served.Server, made: World, at_once: int, seconds: float) -> float:
    """Microseconds of the server's CPU for each answered request."""
    before = server.cpu_seconds()
    load = served.rest_load(server, served.requests_of(server, made.bodies(1)), at_once=at_once, seconds=seconds)
    return (server.cpu_seconds() - before) / load.n_answered * 1e6


if __name__ == "__main__":
    main()
