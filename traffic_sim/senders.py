"""The processes that send: this one, or several beside it, each with its part of the plan and the same clock.

Either way the caller gets every result as it happens, and how much CPU the sending took.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

import uvloop

from model_server.scheduling import run_in_turns
from traffic_sim.driver import Driver, Sink, warm_up
from traffic_sim.errors import OursToMend
from traffic_sim.plan import Plan
from traffic_sim.results import Feedback, Prediction, Status
from traffic_sim.scenario import Scenario, TransportName
from traffic_sim.transports.choice import make_transport
from traffic_sim.transports.transport import Answer, Target

LEAD_SECONDS: Final = 0.1
"""Between the last process's being ready and the start of the clock."""
BATCH_SECONDS: Final = 0.2
"""How often a process hands over its results."""


type OnStart = Callable[[float, Callable[[], int]], None]
"""Is told the start, in seconds of `time.monotonic()`, and whom to ask how many requests are in flight."""


class TargetNotReady(OursToMend):
    """Not one of the warm-up requests was answered."""


class SenderDied(OursToMend):
    """A sending process ended before its part was done."""


@dataclass(frozen=True)
class Orders:
    """All that a sending process needs to know besides its part of the plan. Crosses process borders."""

    transport: TransportName
    target: Target
    warm_up_requests: int
    feedback_delay_seconds: float
    end_grace_seconds: float

    @classmethod
    def of(cls, scenario: Scenario) -> Orders:
        return cls(
            scenario.transport,
            target_of(scenario),
            scenario.warm_up_requests,
            scenario.feedback_delay_seconds,
            scenario.end_grace_seconds,
        )

    def driver(self, plan: Plan, transport: Any, sink: Sink) -> Driver:
        return Driver(
            plan,
            transport,
            sink,
            max_in_flight=self.target.max_in_flight,
            timeout_seconds=self.target.timeout_seconds,
            feedback_delay_seconds=self.feedback_delay_seconds,
            end_grace_seconds=self.end_grace_seconds,
        )


@dataclass(frozen=True)
class Effort:
    """What the sending took."""

    elapsed_seconds: float
    """From the start of the clock to the last answer; 0 if the run was interrupted before."""
    cpu_seconds: float
    """Of all sending processes, over that time."""
    n_processes: int


def target_of(scenario: Scenario) -> Target:
    return Target(
        gateway=scenario.gateway,
        namespace=scenario.namespace,
        deployment=scenario.deployment,
        timeout_seconds=scenario.timeout_seconds,
        direct=scenario.direct,
        max_in_flight=scenario.max_in_flight,
        max_connections=scenario.max_connections,
        threads=scenario.threads_per_process,
    )


async def send_here(orders: Orders, plan: Plan, sink: Sink, stop: asyncio.Event, on_start: OnStart) -> Effort:
    """Send the plan from this process. Errors: TargetNotReady."""
    run_in_turns()
    async with make_transport(orders.transport, orders.target) as transport:
        refuse_silence(await warm_up(plan, transport, orders.warm_up_requests), orders.target)
        with _garbage_left_alone():
            cpu_before = time.process_time()
            start_at = time.monotonic() + LEAD_SECONDS
            driver = orders.driver(plan, transport, sink)
            on_start(start_at, lambda: driver.in_flight)
            await driver.run(start_at, stop)
            return Effort(max(0.0, time.monotonic() - start_at), time.process_time() - cpu_before, 1)


@contextlib.contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """What was made before the run is looked through now, which takes a tenth of a second, and not again during it."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def refuse_silence(answers: list[Answer], target: Target) -> None:
    """Errors: TargetNotReady if there are answers and none of them is good."""
    if answers and all(answer.status is not Status.ANSWERED for answer in answers):
        raise TargetNotReady(
            f"{target}: none of {len(answers)} warm-up requests was answered: {answers[-1].error}; is the deployment "
            "up, and is this its gateway, namespace and name?"
        )


async def send_from_processes(
    orders: Orders,
    plan: Plan,
    sink: Sink,
    stop: asyncio.Event,
    on_start: OnStart,
    *,
    n_processes: int,
) -> Effort:
    """Send the plan from `n_processes` others. Errors: TargetNotReady, SenderDied; none of them is left running."""
    shared = replace(
        orders,
        target=replace(
            orders.target,
            max_in_flight=math.ceil(orders.target.max_in_flight / n_processes),
            max_connections=math.ceil(orders.target.max_connections / n_processes),
        ),
        warm_up_requests=math.ceil(orders.warm_up_requests / n_processes),
    )
    # Not fork: gRPC's threads and the event loop would not survive it.
    context = multiprocessing.get_context("spawn")
    senders = []
    try:
        for index in range(n_processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, shared, plan.part(index, n_processes)), daemon=True)
            process.start()
            theirs.close()
            senders.append(_Sender(process, ours, sink))
        return await _conduct(senders, orders.target, stop, on_start)
    finally:
        for sender in senders:
            sender.end()


async def _conduct(senders: list[_Sender], target: Target, stop: asyncio.Event, on_start: OnStart) -> Effort:
    stopping = asyncio.create_task(stop.wait())
    try:
        ready = asyncio.gather(*(sender.ready for sender in senders))
        await _either(ready, stopping)
        if not ready.done():
            ready.cancel()
            return Effort(0.0, 0.0, len(senders))
        refuse_silence([answer for answers in ready.result() for answer in answers], target)
        start_at = time.monotonic() + LEAD_SECONDS
        on_start(start_at, lambda: sum(sender.in_flight for sender in senders))
        for sender in senders:
            sender.tell(start_at)
        done = asyncio.gather(*(sender.done for sender in senders))
        await _either(done, stopping)
        if not done.done():
            for sender in senders:
                sender.tell(None)
        cpu_seconds = sum(await done)
        return Effort(max(0.0, time.monotonic() - start_at), cpu_seconds, len(senders))
    finally:
        stopping.cancel()


async def _either(one: asyncio.Future[Any], other: asyncio.Future[Any]) -> None:
    await asyncio.wait({one, other}, return_when=asyncio.FIRST_COMPLETED)


class _Sender:
    """The parent's end of one sending process."""

    def __init__(self, process: BaseProcess, connection: Connection, sink: Sink) -> None:
        self._process = process
        self._connection = connection
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[list[Answer]] = self._loop.create_future()
        """The answers to its warm-up."""
        self.done: asyncio.Future[float] = self._loop.create_future()
        """Its CPU seconds."""
        self.in_flight = 0
        """When it last handed over."""
        self._loop.add_reader(connection.fileno(), self._receive)

    def tell(self, start_at: float | None) -> None:
        """When to start; None: stop."""
        with contextlib.suppress(OSError):  # it died; `done` says so
            self._connection.send(start_at)

    def end(self) -> None:
        self._loop.remove_reader(self._connection.fileno())
        self._connection.close()  # ends a process that still waits for orders
        for future in (self.ready, self.done):
            if future.done() and not future.cancelled():
                future.exception()  # seen: told once is enough
        self._process.join(timeout=2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()

    def _receive(self) -> None:
        try:
            message = self._connection.recv()
        except (EOFError, OSError):
            self._loop.remove_reader(self._connection.fileno())
            died = SenderDied("a sending process ended before its part was done; its last words stand above")
            for future in (self.ready, self.done):
                if not future.done():
                    future.set_exception(died)
            return
        match message:
            case ("ready", answers):
                self.ready.set_result(answers)
            case ("results", results, in_flight):
                self.in_flight = in_flight
                for result in results:
                    self._sink(result)
            case ("done", cpu_seconds):
                self._loop.remove_reader(self._connection.fileno())
                self.done.set_result(cpu_seconds)


def _work(connection: Connection, orders: Orders, plan: Plan) -> None:
    """A sending process, from start to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says what it means
    uvloop.run(_follow(connection, orders, plan))
    connection.close()
    # A call of Seldon's client that the target never answers would hold its thread, and so this process, for ever.
    os._exit(0)


async def _follow(connection: Connection, orders: Orders, plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    start: asyncio.Future[float] = loop.create_future()
    stop = asyncio.Event()

    def obey() -> None:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone, and with it whoever wanted this
        if order is None:
            stop.set()
        else:
            start.set_result(order)

    loop.add_reader(connection.fileno(), obey)
    results: list[Prediction | Feedback] = []

    def hand_over(in_flight: int) -> None:
        connection.send(("results", results, in_flight))
        results.clear()

    async def hand_over_now_and_then(driver: Driver) -> None:
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            hand_over(driver.in_flight)

    async with make_transport(orders.transport, orders.target) as transport:
        answers = await warm_up(plan, transport, orders.warm_up_requests)
        with _garbage_left_alone():
            connection.send(("ready", [answer._replace(reply=None) for answer in answers]))
            start_at = await start
            driver = orders.driver(plan, transport, results.append)
            handing_over = asyncio.create_task(hand_over_now_and_then(driver))
            cpu_before = time.process_time()
            await driver.run(start_at, stop)
            cpu_seconds = time.process_time() - cpu_before
        handing_over.cancel()
        hand_over(driver.in_flight)
        connection.send(("done", cpu_seconds))
    loop.remove_reader(connection.fileno())
