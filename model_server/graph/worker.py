"""One worker process: an event loop with both doors, from the loading of its components to its last answer."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import select
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import uvloop

from model_server.graph import assembly
from model_server.graph.components.in_process import InProcess
from model_server.graph.doors import component as component_door
from model_server.graph.doors import executor as executor_door
from model_server.graph.doors.grpc import Answer, GrpcDoor
from model_server.graph.doors.http_limits import Limits as HttpLimits
from model_server.graph.doors.http_server import HttpServer
from model_server.graph.doors.reception import Reception
from model_server.graph.doors.rest import RestDoor, Surface
from model_server.graph.metrics_files import before_it_is_told
from model_server.graph.serving import Graph, Readiness
from model_server.graph.settings import Settings
from model_server.graph.telemetry import Telemetry
from model_server.graph.user_objects import UserObjects
from model_server.graph.wrapper.identity import Identity
from model_server.scheduling import run_in_turns

if TYPE_CHECKING:
    from model_server.graph.span_export import Exporting
    from model_server.graph.tracing import Tracing

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
"""How often a worker looks whether one of its components is stuck."""
STUCK_GRACE_SECONDS: Final = 2.0
"""What the other requests of a worker get that is replaced because a component is stuck."""
EXIT_STUCK: Final = 75  # EX_TEMPFAIL
COLLECTED_FROM: Final = (10_000, 20, 20)
"""Objects made and not freed, from which garbage is looked for. Requests under way are not garbage: looking for it
after every 700 objects, as Python does by itself, cost a busy server 2 % of its requests/s."""
WRITTEN_AFTER_SECONDS: Final = 0.05
"""What was counted, at the latest. To write it at each turn of the loop cost a busy server 2 % of its requests/s."""
ROUNDS_TO_ACCEPT: Final = 3
"""Turns of the loop in which what has connected already is taken."""


@dataclass(frozen=True)
class Inheritance:
    """What a worker gets from its parent."""

    settings: Settings
    user_objects: UserObjects
    http: socket.socket
    metrics: socket.socket | None
    all_end: int
    """A file descriptor that can be read once all workers are to end: told so, or their parent gone."""
    on_ready: Callable[[], None]


def run(inheritance: Inheritance) -> int:
    """Serve until told to end (SIGTERM), until all are to end, or until a component is stuck; the exit code."""
    run_in_turns()
    inheritance.user_objects.load()
    gc.collect()
    gc.freeze()  # models and libraries stay for good; no collection need look at them again
    gc.set_threshold(*COLLECTED_FROM)
    return uvloop.run(_serve(inheritance))


async def _serve(inheritance: Inheritance) -> int:
    settings = inheritance.settings
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    def end_with_all() -> None:
        loop.remove_reader(inheritance.all_end)
        end(0)

    loop.add_signal_handler(signal.SIGTERM, end, 0)
    loop.add_reader(inheritance.all_end, end_with_all)

    telemetry = _telemetry(settings, loop)
    reception = Reception(telemetry, settings.limits)
    exporting = _exporting(settings) if settings.is_traced else None
    tracing = None if exporting is None else exporting.tracing
    async with assembly.Assembly(settings, inheritance.user_objects, telemetry, tracing) as parts:
        readiness = Readiness(
            parts.components.values(),
            is_draining=lambda: reception.is_draining,
            full_health_checks=settings.full_health_checks,
        )
        surface, methods = _outside(settings, parts, readiness, tracing)

        def http(surface: Surface, listening: socket.socket) -> HttpServer:
            return HttpServer(
                RestDoor(surface, reception),
                listening,
                limits=HttpLimits(max_body_bytes=settings.limits.max_body_bytes),
                on_refusal=telemetry.refused,
            )

        doors = [http(surface, inheritance.http)]
        if inheritance.metrics is not None:
            doors.append(http(component_door.metrics_surface(settings.metrics_path), inheritance.metrics))
        grpc_door = None
        if settings.grpc_port is not None:
            grpc_door = GrpcDoor(methods, reception, settings.host, settings.grpc_port)
            await grpc_door.start()
        for door in doors:
            await door.start()
        inheritance.on_ready()
        watching = asyncio.create_task(_watch(parts.in_process, end))
        code = await stop
        watching.cancel()

        is_stuck = code == EXIT_STUCK
        grace = STUCK_GRACE_SECONDS if is_stuck else settings.grace_seconds
        reception.is_draining = True
        logger.info("ending: not ready any more, %d requests under way", reception.in_flight)
        for door in doors:
            door.begin_drain()
        if not is_stuck:  # else what still comes had better wait for another worker
            await asyncio.sleep(min(settings.lame_duck_seconds, grace))
        if _can_be_read(inheritance.all_end):
            await _refuse_from_now_on(inheritance.http)
        stopping = [door.stop(grace) for door in doors]
        if grpc_door is not None:
            stopping.append(grpc_door.stop(grace))
        await asyncio.gather(*stopping)
        if not is_stuck:
            parts.observer.stop()
        telemetry.write()
    if exporting is not None:
        exporting.close()
    logger.info("ended")
    return code


def _outside(
    settings: Settings, parts: assembly.Assembly, readiness: Readiness, tracing: Tracing | None
) -> tuple[Surface, Mapping[str, Answer]]:
    """What answers over REST and over gRPC. Errors: InvalidPredictor."""
    if settings.predictor is None:
        (component,) = parts.components.values()
        if tracing is not None:
            from model_server.graph.components.traced import TracedAlone  # noqa: PLC0415 -- it needs OpenTelemetry

            component = TracedAlone(component, _where(settings), tracing)
        metrics_path = settings.metrics_path if settings.metrics_port is None else None
        return component_door.rest_surface(component, readiness, metrics_path), component_door.grpc_methods(component)
    graph = Graph(settings.predictor, parts.walk(settings.predictor, random.random), readiness)
    if tracing is not None:
        where, seldon = _where(settings), "/seldon.protos.Seldon"
        graph.predict = tracing.served("predict", where, f"{seldon}/Predict", graph.predict)
        graph.send_feedback = tracing.served("feedback", where, f"{seldon}/SendFeedback", graph.send_feedback)
    return executor_door.rest_surface(graph, settings), executor_door.grpc_methods(graph)


def _telemetry(settings: Settings, loop: asyncio.AbstractEventLoop) -> Telemetry:
    predictor = settings.predictor
    telemetry = Telemetry(
        settings.deployment,
        predictor.name if predictor else "",
        predictor.version if predictor else "",
        later=partial(loop.call_later, WRITTEN_AFTER_SECONDS),
        in_flight_limit=settings.limits.max_requests_waiting,
    )
    before_it_is_told(telemetry.write)
    return telemetry


def _exporting(settings: Settings) -> Exporting | None:
    """In the worker: it has a thread, which no fork survives."""
    from model_server.graph import span_export  # noqa: PLC0415 -- nothing of it is imported where nothing is traced

    return span_export.opened(settings, _where(settings))


def _where(settings: Settings) -> dict[str, str]:
    """Where what is served belongs, as its spans say it."""
    if settings.predictor is not None:
        return {"deployment": settings.deployment, "predictor": settings.predictor.name}
    identity = Identity.from_environ(os.environ)
    return {"deployment": identity.deployment, "predictor": identity.predictor, "unit": identity.unit}


def _can_be_read(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


async def _refuse_from_now_on(listening: socket.socket) -> None:
    """All workers end: whoever connects must hear at once that nobody is there, not wait in the kernel for nobody."""
    for _ in range(ROUNDS_TO_ACCEPT):
        await asyncio.sleep(0)
    with suppress(OSError):  # another worker was first
        listening.shutdown(socket.SHUT_RDWR)


async def _watch(components: list[InProcess], end: Callable[[int], None]) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for component in components:
            if component.is_stuck():
                logger.error(
                    "component %s has not come back from a call that timed out; worker %d is replaced",
                    component.name,
                    os.getpid(),
                )
                end(EXIT_STUCK)
                return
