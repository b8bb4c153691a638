"""Targets for the simulator to talk to: real servers on loopback that can be slow, fail, hang or talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pytest
from aiohttp import web
from rich.console import Console
from seldon_core.proto import prediction_pb2, prediction_pb2_grpc

from model_server.impressions import NAMES, from_table
from traffic_sim.live_metrics import LiveMetrics
from traffic_sim.plan import Encounters
from traffic_sim.progress import Progress
from traffic_sim.scenario import Scenario
from traffic_sim.simulate import Run, World, carry_out, plan_of

Behaviour = Callable[[int, dict[str, Any]], Awaitable[tuple[int, Any]]]
"""From the request's number and message to an HTTP status and a message (or text, for nonsense)."""


async def well(number: int, message: dict[str, Any]) -> tuple[int, Any]:
    """A probability for each row, from two predictors in turn."""
    rows = message["data"]["ndarray"]
    predictor = "champion" if number % 2 == 0 else "challenger"
    scores = [0.1 + i / (10 * len(rows)) for i in range(len(rows))]
    return 200, {"data": {"names": [], "ndarray": scores}, "meta": {"tags": {"predictor": predictor}}}


@dataclass
class FakeTarget:
    """A gateway with one deployment behind it, which behaves as told."""

    behaviour: Behaviour = well
    predictions: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    rest_port: int = 0
    grpc_port: int = 0

    def request_id(self, told: str | None) -> str:
        """The caller's, or one of its own, as a gateway makes it."""
        self.request_ids.append(told or f"made-{len(self.request_ids)}")
        return self.request_ids[-1]

    async def predict(self, message: dict[str, Any]) -> tuple[int, Any]:
        number = len(self.predictions)
        self.predictions.append(message)
        return await self.behaviour(number, message)

    async def on_predictions(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        status, answer = await self.predict(json.loads(body))
        text = answer if isinstance(answer, str) else json.dumps(answer)
        known_by = {"Seldon-Puid": self.request_id(request.headers.get("Seldon-Puid"))}
        return web.Response(status=status, text=text, content_type="application/json", headers=known_by)

    async def on_feedback(self, request: web.Request) -> web.Response:
        self.feedback.append(json.loads(await request.read()))
        return web.json_response({"meta": {}})

    @contextlib.contextmanager
    def serving(self) -> Iterator[FakeTarget]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            closing = asyncio.run_coroutine_threadsafe(self._open(), loop).result(30)
            yield self
            asyncio.run_coroutine_threadsafe(closing(), loop).result(30)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _open(self) -> Callable[[], Awaitable[None]]:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/seldon/seldon/xgboost/api/v1.0/predictions", self.on_predictions)
        app.router.add_post("/seldon/seldon/xgboost/api/v1.0/feedback", self.on_feedback)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.rest_port = runner.addresses[0][1]
        server = grpc.aio.server()
        prediction_pb2_grpc.add_SeldonServicer_to_server(_Servicer(self), server)
        self.grpc_port = server.add_insecure_port("127.0.0.1:0")
        await server.start()

        async def close() -> None:
            await server.stop(0.1)
            await runner.cleanup()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        return close


class _Servicer(prediction_pb2_grpc.SeldonServicer):
    def __init__(self, target: FakeTarget) -> None:
        self._target = target

    async def Predict(self, request, context):  # noqa: N802  # the protocol's name
        from google.protobuf import json_format

        self._target.metadata.append(dict(context.invocation_metadata()))
        status, answer = await self._target.predict(json_format.MessageToDict(request))
        if status != 200:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(answer))
        told = self._target.metadata[-1].get("seldon-puid")
        await context.send_initial_metadata((("seldon-puid", self._target.request_id(told)),))
        return json_format.ParseDict(answer, prediction_pb2.SeldonMessage())

    async def SendFeedback(self, request, context):  # noqa: N802
        from google.protobuf import json_format

        self._target.feedback.append(json_format.MessageToDict(request))
        return prediction_pb2.SeldonMessage()


@pytest.fixture
def target() -> Iterator[FakeTarget]:
    with FakeTarget().serving() as running:
        yield running


def some_encounters(scenario: Scenario, n_requests: int) -> Encounters:
    """A world that needs no file: ids count up; the last ad of each request, which scores best, is installed in every
    second request.
    """
    k = scenario.rows_per_request
    first = {"id": 0, "timestamp": "2019-01-21T09:00:14Z", "lastStart": None, "country": "US", "startCount": 3}
    row = [first.get(name, 0 if name.endswith(("Count", "1d", "7d")) else "a") for name in NAMES]
    rows = [[i, *row[1:]] for i in range(min(n_requests * k, 10_000))]
    impressions = from_table(rows, list(NAMES)).take(np.arange(n_requests * k) % len(rows))
    installs = np.zeros((n_requests, k), dtype=np.bool_)
    installs[::2, -1] = True
    return Encounters(impressions, installs)


@pytest.fixture
def world() -> World:
    return some_encounters


@pytest.fixture
def simulate(target: FakeTarget) -> Callable[..., Run]:
    """Run a scenario against the fake target: 40 requests of 4 rows in half a second, unless told otherwise.

    The limits on lag and on the end are out of the way: on a busy machine a test is not about how punctual it is.
    """

    def run(*, live: LiveMetrics | None = None, **fields: Any) -> Run:
        port = target.grpc_port if fields.get("transport") == "grpc" else target.rest_port
        defaults = {
            "rate_records_per_second": 320,
            "rows_per_request": 4,
            "duration_seconds": 0.5,
            "gateway": f"127.0.0.1:{port}",
            "warm_up_requests": 0,
            "feedback_ratio": 0,
            "feedback_delay_seconds": 0,
            "timeout_seconds": 20,
            "max_lag_p99_seconds": 60,
            "end_grace_seconds": 60,
        }
        scenario = Scenario.from_mapping({**defaults, **fields}, "a test")
        plan = plan_of(scenario, some_encounters)
        return asyncio.run(carry_out(scenario, plan, Progress(Console(file=io.StringIO()), 1), live))

    return run
