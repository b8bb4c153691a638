"""The search against a real server whose capacity is limited by construction, however fast the machine is."""

import asyncio
import io
import json
import os
import signal

import pytest
from rich.console import Console

from traffic_sim.limit.probing import MACHINE, Watch, probes
from traffic_sim.limit.report import limit_record, show_limit
from traffic_sim.limit.search import Search
from traffic_sim.limit.slo import Slo
from traffic_sim.progress import Progress
from traffic_sim.scenario import Scenario
from traffic_sim.simulate import carry_out, plan_of

CAPACITY = 70
"""Requests of a probe that are answered; the rest are refused."""
SLO = Slo(p99_milliseconds=60_000, errors_percent=0, sent_percent=99)
SEARCH = Search(first=30, least=1, most=10_000, precision=0.1)


class Limited:
    """Refuses what is beyond its capacity in one probe. A probe begins with row 0, since the world's ids count up."""

    def __init__(self):
        self.n_asked = 0

    async def __call__(self, _number, message):
        rows = message["data"]["ndarray"]
        self.n_asked = 1 if rows[0][0] == 0 else self.n_asked + 1
        if self.n_asked > CAPACITY:
            return 503, {"status": {"info": "full"}}
        return 200, {"data": {"ndarray": [0.5] * len(rows)}}


@pytest.fixture
def search(target, world):
    def run(slo=SLO, **fields):
        scenario = Scenario.from_mapping(
            {
                "rows_per_request": 1,
                "duration_seconds": 1,
                "gateway": f"127.0.0.1:{target.rest_port}",
                "warm_up_requests": 0,
                "feedback_ratio": 0,
                "timeout_seconds": 60,
                "max_connections": 1,  # so that requests come in their order
                "max_lag_p99_seconds": 60,
                "end_grace_seconds": 60,
                **fields,
            },
            "a test",
        )

        def prepare(asked):
            plan = plan_of(asked, world)
            return lambda: asyncio.run(carry_out(asked, plan, Progress(Console(file=io.StringIO()), 1)))

        done = list(probes(scenario, SEARCH, slo, prepare, Watch(lambda: {MACHINE: 0.0, "gateway": 0.0})))
        interrupted = any(probe.was_interrupted for probe in done)
        record = limit_record(scenario, slo, SEARCH, done, was_interrupted=interrupted)
        console = Console(file=io.StringIO(), width=140)
        show_limit(scenario, slo, done, record, console)
        return record, console.file.getvalue()

    return run


def test_the_limit_of_a_server_is_found_and_why_it_is_one(search, target):
    target.behaviour = Limited()
    record, shown = search()
    # A probe of one second sends ceil(rate) requests.
    assert CAPACITY / 1.1 - 1 <= record["limit_records_per_second"] <= CAPACITY < record["broken_records_per_second"]
    assert "nothing that was seen was saturated" in record["saturated_first"]
    assert "HTTP 503: full" in record["saturated_first"]
    assert [probe["rate"] for probe in record["probes"]][:3] == [30, 60, 120]
    assert "keep it" in shown
    json.dumps(record, allow_nan=False)


def test_a_server_that_refuses_everything_keeps_no_rate(search, target):
    async def refuse(_number, _message):
        return 503, {"status": {"info": "away"}}

    target.behaviour = refuse
    record, shown = search()
    assert record["limit_records_per_second"] is None
    assert "no rate that was tried keeps it" in shown


def test_ctrl_c_ends_the_search_and_shows_what_is_known(search, target):
    limited = Limited()

    async def interrupt_the_second(number, message):
        if number == 40:
            os.kill(os.getpid(), signal.SIGINT)
        return await limited(number, message)

    target.behaviour = interrupt_the_second
    record, shown = search()
    assert record["was_interrupted"]
    assert record["limit_records_per_second"] == 30
    assert "interrupted: this is what was known until then" in shown
