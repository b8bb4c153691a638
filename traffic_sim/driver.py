"""Sends a plan, each request when it is due, whatever has become of those before: an open loop.

Warm up, send, cool down. The driver knows neither what is in a request nor what is counted: a transport carries, a sink
is told of every request planned so far, exactly once.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from traffic_sim.plan import Plan
from traffic_sim.results import UNKNOWN_PREDICTOR, Feedback, Prediction, Status
from traffic_sim.transports.transport import Answer, Transport
from traffic_sim.wakeup import Alarm

END_GRACE_SECONDS: Final = 1.0
"""How long after the planned end a request that is still due may leave. A stumble of the machine in the last moment is
no reason to fail a run; what would leave later than this is counted as unsent."""
INTERRUPT_GRACE_SECONDS: Final = 1.0
"""How long an interrupted run waits for the answers still out."""

type Sink = Callable[[Prediction | Feedback], None]


async def warm_up(plan: Plan, transport: Transport, n_requests: int) -> list[Answer]:
    """Send the first requests of the plan, a few at a time, and count none of them."""
    answers: list[Answer] = []
    payloads = [plan.payloads[i % len(plan)] for i in range(n_requests)] if len(plan) else []
    for first in range(0, len(payloads), 4):
        calls = (transport.predict(payload, plan.rows_per_request) for payload in payloads[first : first + 4])
        answers.extend(await asyncio.gather(*calls))
    return answers


class Driver:
    """One run of one plan over one open transport."""

    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        sink: Sink,
        *,
        max_in_flight: int,
        timeout_seconds: float,
        feedback_delay_seconds: float,
    ) -> None:
        self._plan = plan
        self._transport = transport
        self._sink = sink
        self._max_in_flight = max_in_flight
        self._timeout_seconds = timeout_seconds
        self._feedback_delay_seconds = feedback_delay_seconds
        self._loop = asyncio.get_running_loop()
        self._predictions: set[asyncio.Task[None]] = set()
        self._feedback: set[asyncio.Task[None]] = set()
        self._n_sent = 0
        self._start = 0.0
        self._stop = asyncio.Event()
        self._bug: BaseException | None = None

    async def run(self, start_at: float, stop: asyncio.Event) -> None:
        """Send everything from `start_at` (seconds of `time.monotonic()`) on; return when all answers are in.

        If `stop` is set meanwhile: send no more, wait a moment for the answers that are out, and return.
        """
        self._start, self._stop = start_at, stop
        gc.collect()
        gc.freeze()  # what was made before the run is not looked through again while requests are due
        try:
            sending = asyncio.create_task(self._send_all())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self._tell_unsent(time.monotonic() - start_at)
            await self._cool_down(stopping)
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            if not sending.cancelled():
                sending.result()
            if self._bug is not None:
                raise self._bug
        finally:
            gc.unfreeze()

    async def _send_all(self) -> None:
        plan, give_up_at = self._plan, self._start + self._plan.duration_seconds + END_GRACE_SECONDS
        with Alarm() as alarm:
            for index, planned_at in enumerate(plan.planned_at.tolist()):
                due = self._start + planned_at
                if due > time.monotonic():
                    await alarm.until(due)
                elif index % 32 == 0:
                    await asyncio.sleep(0)  # behind schedule: let answers be read now and then
                if time.monotonic() > give_up_at:
                    return
                self._n_sent = index + 1
                if len(self._predictions) >= self._max_in_flight:
                    now = time.monotonic() - self._start
                    self._sink(Prediction(planned_at, math.nan, now, Status.DROPPED, plan.rows_per_request))
                else:
                    self._spawn(self._predict(index, planned_at), self._predictions)

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        # Eager: the request is on its way before the next one is looked at, not at the loop's next turn.
        task = asyncio.Task(work, loop=self._loop, eager_start=True)
        if not task.done():
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        task.add_done_callback(self._notice_bug)

    def _notice_bug(self, task: asyncio.Task[None]) -> None:
        """Transports report failures as answers; whatever else is raised is ours, and must not pass for a short run."""
        if not task.cancelled() and self._bug is None:
            self._bug = task.exception()

    async def _predict(self, index: int, planned_at: float) -> None:
        plan = self._plan
        try:
            answer = await self._transport.predict(plan.payloads[index], plan.rows_per_request)
        except asyncio.CancelledError:
            now = time.monotonic() - self._start
            # When it was sent is not known here any more; that it was planned and never answered is.
            self._sink(Prediction(planned_at, math.nan, now, Status.ABANDONED, plan.rows_per_request))
            return
        predictor, score_sum, reward = UNKNOWN_PREDICTOR, math.nan, None
        if answer.scores is not None:
            predictor, score_sum = answer.scores.predictor, sum(answer.scores.values)
            reward = plan.reward(index, answer.scores.values)
        self._sink(
            Prediction(
                planned_at,
                answer.sent_at - self._start,
                answer.finished_at - self._start,
                answer.status,
                plan.rows_per_request,
                predictor,
                score_sum,
                reward,
                answer.error,
                plan.user(index),
            )
        )
        if reward is not None and plan.wants_feedback[index] and not self._stop.is_set():
            self._spawn(self._send_feedback(index, answer, reward, predictor), self._feedback)

    async def _send_feedback(self, index: int, answer: Answer, reward: int, predictor: str) -> None:
        try:
            await asyncio.sleep(self._feedback_delay_seconds)
            said = await self._transport.feedback(self._plan.payloads[index], answer, reward)
        except asyncio.CancelledError:
            now = time.monotonic() - self._start
            self._sink(Feedback(math.nan, now, Status.ABANDONED, reward, predictor))
            return
        self._sink(
            Feedback(
                said.sent_at - self._start, said.finished_at - self._start, said.status, reward, predictor, said.error
            )
        )

    def _tell_unsent(self, elapsed: float) -> None:
        """Requests that were due by now and have not left. Those planned for later were never due."""
        for planned_at in self._plan.planned_at[self._n_sent :].tolist():
            if planned_at <= elapsed:
                self._sink(Prediction(planned_at, math.nan, elapsed, Status.UNSENT, self._plan.rows_per_request))

    async def _cool_down(self, stopping: asyncio.Task[bool]) -> None:
        """Wait for what is out, no longer than it may take; end what is left."""
        # A transport's own timeout ends every call; the second on top is for one that does not keep its promise.
        longest = self._timeout_seconds + 1
        await _finished(self._predictions, longest, unless=stopping)
        await _finished(self._feedback, self._feedback_delay_seconds + longest, unless=stopping)
        if self._stop.is_set() and self._predictions:
            await asyncio.wait(self._predictions, timeout=INTERRUPT_GRACE_SECONDS)
        left = self._predictions | self._feedback
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _finished(tasks: set[asyncio.Task[None]], timeout_seconds: float, *, unless: asyncio.Task[bool]) -> None:
    """Return when all of the tasks are done, or the time is up, or `unless` is done."""
    if tasks:
        either: set[asyncio.Future[Any]] = {asyncio.gather(*tasks, return_exceptions=True), unless}
        await asyncio.wait(either, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
