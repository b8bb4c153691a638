"""Sends a plan, each request when it is due, whatever has become of those before: an open loop.

Warm up, send, cool down. The driver knows neither what is in a request nor what is counted: a transport carries, a sink
is told of every request planned so far, exactly once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from traffic_sim.outstanding import Outstanding
from traffic_sim.plan import Plan
from traffic_sim.results import UNKNOWN_PREDICTOR, Feedback, Prediction, Status
from traffic_sim.transports.by_callback import answer_of, by_callback
from traffic_sim.transports.transport import Answer, Transport
from traffic_sim.wakeup import Alarm

INTERRUPT_GRACE_SECONDS: Final = 1.0
"""How long an interrupted run waits for the answers still out."""
WAKE_SECONDS: Final = 0.0005
"""How long to sleep at least. Requests that are due less than this apart leave together, the first up to this much
after its moment, counted as lag: at 5,000 a second a wake-up for each would cost a quarter of what a request does."""

type Sink = Callable[[Prediction | Feedback], None]


async def warm_up(plan: Plan, transport: Transport, n_requests: int) -> list[Answer]:
    """Send the first requests of the plan, a few at a time, and count none of them."""
    answers: list[Answer] = []
    payloads = [plan.payloads[i % len(plan)] for i in range(n_requests)] if len(plan) else []
    for first in range(0, len(payloads), 4):
        calls = (answer_of(transport, payload, plan.rows_per_request) for payload in payloads[first : first + 4])
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
        end_grace_seconds: float = 1.0,
    ) -> None:
        """`end_grace_seconds`: as in `Scenario`."""
        self._plan = plan
        self._calls = by_callback(transport, self._notice_bug)
        self._sink = sink
        self._max_in_flight = max_in_flight
        self._timeout_seconds = timeout_seconds
        self._feedback_delay_seconds = feedback_delay_seconds
        self._end_grace_seconds = end_grace_seconds
        self._loop = asyncio.get_running_loop()
        self._predictions: Outstanding[float] = Outstanding()
        """When each was planned."""
        self._feedback: Outstanding[tuple[int, str]] = Outstanding()
        """Reward and predictor of each, from the answer on."""
        self._n_sent = 0
        self._start = 0.0
        self._stop = asyncio.Event()
        self._bug: BaseException | None = None

    @property
    def in_flight(self) -> int:
        """Predictions that have no answer yet."""
        return len(self._predictions)

    async def run(self, start_at: float, stop: asyncio.Event) -> None:
        """Send everything from `start_at` (seconds of `time.monotonic()`) on; return when all answers are in.

        If `stop` is set meanwhile: send no more, wait a moment for the answers that are out, and return.
        """
        self._start, self._stop = start_at, stop
        handler = self._loop.get_exception_handler()
        self._loop.set_exception_handler(self._on_unhandled)
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
            self._loop.set_exception_handler(handler)

    async def _send_all(self) -> None:
        plan, give_up_at = self._plan, self._start + self._plan.duration_seconds + self._end_grace_seconds
        with Alarm() as alarm:
            for index, planned_at in enumerate(plan.planned_at.tolist()):
                due = self._start + planned_at
                now = time.monotonic()
                if due > now:
                    await alarm.until(max(due, now + WAKE_SECONDS))
                    now = time.monotonic()
                elif index % 32 == 0:
                    await asyncio.sleep(0)  # behind schedule: let answers be read now and then
                    now = time.monotonic()
                if now > give_up_at:
                    return
                self._n_sent = index + 1
                self._send(index, planned_at)

    def _send(self, index: int, planned_at: float) -> None:
        plan = self._plan
        if len(self._predictions) >= self._max_in_flight:
            now = time.monotonic() - self._start
            self._sink(Prediction(planned_at, math.nan, now, Status.DROPPED, plan.rows_per_request))
            return
        self._predictions.begin(index, planned_at)
        self._calls.predict_then(plan.payloads[index], plan.rows_per_request, partial(self._on_answer, index))

    def _on_answer(self, index: int, answer: Answer) -> None:
        planned_at = self._predictions.end(index)
        if planned_at is None:
            return  # given up, and told so
        plan = self._plan
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
                answer.waited_seconds,
            )
        )
        if reward is not None and plan.wants_feedback.item(index) and not self._stop.is_set():
            self._feedback.begin(index, (reward, predictor))
            self._loop.call_later(self._feedback_delay_seconds, self._send_feedback, index, answer, reward)

    def _send_feedback(self, index: int, answer: Answer, reward: int) -> None:
        if index in self._feedback:
            on_answer = partial(self._on_feedback, index)
            self._calls.feedback_then(self._plan.payloads[index], answer, reward, on_answer)

    def _on_feedback(self, index: int, said: Answer) -> None:
        known = self._feedback.end(index)
        if known is not None:
            sent_at, finished_at = said.sent_at - self._start, said.finished_at - self._start
            self._sink(Feedback(sent_at, finished_at, said.status, *known, said.error))

    def _tell_unsent(self, elapsed: float) -> None:
        """Requests that were due by now and have not left. Those planned for later were never due."""
        for planned_at in self._plan.planned_at[self._n_sent :].tolist():
            if planned_at <= elapsed:
                self._sink(Prediction(planned_at, math.nan, elapsed, Status.UNSENT, self._plan.rows_per_request))

    async def _cool_down(self, stopping: asyncio.Task[bool]) -> None:
        """Wait for what is out, no longer than it may take; give up what is left."""
        # A transport's own timeout ends every call; the second on top is for one that does not keep its promise.
        longest = self._timeout_seconds + 1
        await self._predictions.emptied(longest, unless=stopping)
        await self._feedback.emptied(self._feedback_delay_seconds + longest, unless=stopping)
        if self._stop.is_set():
            await self._predictions.emptied(INTERRUPT_GRACE_SECONDS)
        now = time.monotonic() - self._start
        for planned_at in self._predictions.give_up():
            # When it was sent is not known here; that it was planned and never answered is.
            self._sink(Prediction(planned_at, math.nan, now, Status.ABANDONED, self._plan.rows_per_request))
        for reward, predictor in self._feedback.give_up():
            self._sink(Feedback(math.nan, now, Status.ABANDONED, reward, predictor))
        await self._calls.abandon()

    def _notice_bug(self, bug: BaseException) -> None:
        """Transports report failures as answers; whatever else is raised is ours, and must not pass for a short run."""
        self._bug = self._bug or bug

    def _on_unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not isinstance(error, OSError):  # grpc.aio's poller lets some of these go
            self._notice_bug(error)
        loop.default_exception_handler(context)
