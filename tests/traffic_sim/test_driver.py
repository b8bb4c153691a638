"""The driver over transports that no server could be: ones that block, leak and raise."""

import asyncio
import time

import numpy as np
import pytest

from traffic_sim.driver import Driver
from traffic_sim.messages.answers import Scores
from traffic_sim.plan import Plan
from traffic_sim.results import Status
from traffic_sim.summary import Accumulator
from traffic_sim.transports.transport import Answer
from traffic_sim.wakeup import Alarm


class Transport:
    """Answers at once, after doing what it is told for each request."""

    def __init__(self, on_predict=lambda: None):
        self.on_predict = on_predict

    async def predict(self, payload, n_rows):
        sent_at = time.monotonic()
        self.on_predict()
        return Answer(Status.ANSWERED, sent_at, time.monotonic(), Scores((0.5,) * n_rows))

    async def feedback(self, payload, reply, reward):
        return Answer(Status.ANSWERED, time.monotonic(), time.monotonic())


def plan_of(n, duration):
    return Plan(duration, 1, np.arange(n) * duration / n, [b""] * n, np.zeros(n, dtype=np.bool_), None)


def drive(plan, transport):
    accumulator = Accumulator(plan.duration_seconds, plan.rows_per_request, 0.05)

    async def run():
        driver = Driver(plan, transport, accumulator.add, max_in_flight=10, timeout_seconds=1, feedback_delay_seconds=0)
        await driver.run(time.monotonic(), asyncio.Event())

    asyncio.run(run())
    return accumulator.close()


def test_a_generator_that_cannot_keep_up_says_so_and_sends_no_longer_than_the_run():
    # 20 ms of its own time for each of 500 requests in one second: at most 100 fit before the grace after it is over.
    summary = drive(plan_of(500, 1.0), Transport(lambda: time.sleep(0.02)))
    assert summary.counts[Status.UNSENT] >= 390
    assert summary.planned == 500
    assert "generator too slow: sent" in summary.generator_problem
    assert "use fewer records/s or more rows per request" in summary.generator_problem


def test_a_request_is_never_sent_before_its_time():
    early = []
    plan = plan_of(200, 0.5)
    start = time.monotonic()
    moments = iter(plan.planned_at.tolist())
    drive(plan, Transport(lambda: early.append(time.monotonic() - start - next(moments))))
    assert len(early) == 200
    assert min(early) >= 0


def test_a_mistake_of_ours_does_not_pass_for_a_short_run():
    def mistake():
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        drive(plan_of(5, 0.1), Transport(mistake))


def test_an_empty_plan_is_over_at_once():
    assert drive(plan_of(0, 60.0), Transport()).planned == 0


def test_an_alarm_rings_not_before_its_moment_and_at_once_for_the_past():
    async def ring():
        with Alarm() as alarm:
            for delay in (0.0, 0.0003, 0.002, 0.05, -1.0):
                moment = time.monotonic() + delay
                await alarm.until(moment)
                assert time.monotonic() >= moment

    asyncio.run(asyncio.wait_for(ring(), 10))


def test_an_alarm_can_be_given_up_and_set_again():
    async def ring():
        with Alarm() as alarm:
            waiting = asyncio.create_task(alarm.until(time.monotonic() + 3_600))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await alarm.until(time.monotonic() + 0.01)

    asyncio.run(asyncio.wait_for(ring(), 10))
