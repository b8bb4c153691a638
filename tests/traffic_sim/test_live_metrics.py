"""What a run tells Prometheus: the record's numbers, the vocabulary's words, at a port that is free afterwards."""

import asyncio
import os
import signal
import socket
import threading
import time
import urllib.request
from datetime import UTC, datetime

import pytest
from free_ports import free_ports
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from model_server import metric_names as names
from traffic_sim.live_metrics import BUCKET_SECONDS, MAX_PREDICTORS, OTHER_PREDICTORS, VOCABULARY, LiveMetrics
from traffic_sim.metrics_page import MetricsPortTaken, metrics_served
from traffic_sim.record import record_of
from traffic_sim.results import Feedback, Prediction, Status
from traffic_sim.summary import Accumulator

PROCESSES = pytest.mark.parametrize("processes", [1, 2])


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def numbers(text):
    """Name of the sample and values of its labels, but for buckets -> value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families(text).values()
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def buckets(text, name):
    return {
        float(sample.labels["le"]): sample.value for sample in families(text)[name].samples if "le" in sample.labels
    }


def page_of(live):
    registry = CollectorRegistry()
    registry.register(live)
    return generate_latest(registry).decode()


def fetched(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return answer.read().decode()


@pytest.fixture
def port():
    return free_ports(1)[0]


def expected(record):
    """The page that a record stands for."""
    told = {
        (f"{names.SIM_PLANNED}_total",): record["requests"]["planned"],
        (f"{names.SIM_RECORDS}_total",): sum(each["rows"] for each in record["predictors"].values()),
        (f"{names.SIM_LATENCY}_count",): record["latency"]["count"],
        (f"{names.SIM_LAG}_count",): record["generator"]["lag"]["count"],
        (names.SIM_IN_FLIGHT,): 0,
    }
    for name, each in record["predictors"].items():
        told[f"{names.SIM_REQUESTS}_total", "answered", name] = each["answered"]
        if each["feedback"]:
            told[f"{names.SIM_FEEDBACK}_total", "answered", name] = each["feedback"]
            told[f"{names.SIM_REWARD}_total", name] = each["feedback_reward_sum"]
    for status in set(Status) - {Status.ANSWERED}:
        if record["requests"][status]:
            told[f"{names.SIM_REQUESTS}_total", status.value, "unknown"] = record["requests"][status]
    return told


def without_sums(found):
    return {key: value for key, value in found.items() if not key[0].endswith("_sum")}


@PROCESSES
def test_at_the_end_the_page_has_the_records_numbers(simulate, target, port, processes):
    with metrics_served(port) as live:
        run = simulate(live=live, metrics_port=port, processes=processes, feedback_ratio=1)
        page = numbers(fetched(port))
    record = record_of(run, datetime.now(UTC))
    assert record["requests"]["answered"] == record["feedback"]["answered"] == 40
    assert without_sums(page) == expected(record)
    assert sum(page[f"{names.SIM_REWARD}_total", name] for name in ("champion", "challenger")) == 20
    # The record's mean is from a histogram of three digits.
    assert page[f"{names.SIM_LATENCY}_sum",] >= 40 * record["latency"]["milliseconds"]["p50"] / 1_000 / 2


def test_errors_and_requests_that_never_left_are_told_as_in_the_record(simulate, target, port):
    async def moody(number, _message):
        if number % 4 == 0:
            return 500, {"status": {"info": "out of memory", "status": "FAILURE"}}
        if number % 4 == 1:
            await asyncio.Event().wait()
        return 200, {"data": {"ndarray": [0.5] * (4 if number % 4 == 2 else 1)}}

    target.behaviour = moody
    with metrics_served(port) as live:
        run = simulate(live=live, timeout_seconds=2, max_in_flight=5)
        page = numbers(fetched(port))
    counts = run.summary.counts
    assert counts[Status.DROPPED]
    assert counts[Status.TIMED_OUT]
    assert without_sums(page) == expected(record_of(run, datetime.now(UTC)))


@PROCESSES
def test_meanwhile_the_page_says_what_is_due_and_what_is_out(simulate, target, port, processes):
    """All 40 requests wait for their answers until the page has told so."""
    seen = threading.Event()

    async def wait_to_be_seen(_number, message):
        while not seen.is_set():
            await asyncio.sleep(0.01)
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    def watch():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not seen.is_set():
            page = numbers(fetched(port))
            if page[names.SIM_IN_FLIGHT,] == 40 == page[f"{names.SIM_PLANNED}_total",]:
                pages.append(page)
                seen.set()
            time.sleep(0.01)
        seen.set()

    target.behaviour = wait_to_be_seen
    pages = []
    with metrics_served(port) as live:
        watching = threading.Thread(target=watch)
        watching.start()
        simulate(live=live, processes=processes, timeout_seconds=100)
        watching.join()
        after = numbers(fetched(port))
    (page,) = pages
    assert page[f"{names.SIM_RECORDS}_total",] == 0
    assert not any(key[0].startswith(names.SIM_REQUESTS + "_total") for key in page)
    assert after[names.SIM_IN_FLIGHT,] == 0
    assert after[f"{names.SIM_REQUESTS}_total", "answered", "unknown"] == 40


class Remembering(LiveMetrics):
    """Knows all that it was told to be due."""

    def __init__(self):
        super().__init__()
        self.planned = []

    def tell(self, planned, in_flight):
        self.planned.append(planned)
        super().tell(planned, in_flight)


@PROCESSES
def test_after_ctrl_c_no_more_is_due_and_the_counter_never_falls(simulate, target, processes):
    async def interrupt(number, message):
        if number == 120:  # 1.5 s: the next second ends while the run waits for those that are out
            os.kill(os.getpid(), signal.SIGINT)
        if number >= 120:
            await asyncio.Event().wait()
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    target.behaviour = interrupt
    live = Remembering()
    run = simulate(live=live, duration_seconds=60, processes=processes)
    assert run.summary.counts[Status.ABANDONED]
    assert numbers(page_of(live))[f"{names.SIM_PLANNED}_total",] == run.summary.planned < 4_800
    assert live.planned == sorted(live.planned)


def test_counters_go_on_over_several_runs(simulate, target, port):
    with metrics_served(port) as live:
        for _ in range(2):
            simulate(live=live)
        page = numbers(fetched(port))
    assert page[f"{names.SIM_PLANNED}_total",] == page[f"{names.SIM_LATENCY}_count",] == 80


def test_the_page_is_told_in_the_vocabularys_words(simulate, target, port):
    with metrics_served(port) as live:
        simulate(live=live, feedback_ratio=1)
        text = fetched(port)
    for metric in VOCABULARY:
        assert f"# HELP {metric.exposed_name} {metric.meaning}\n" in text
    told = families(text)
    assert set(told) == {metric.name for metric in VOCABULARY}
    for metric in VOCABULARY:
        labels = {label for sample in told[metric.name].samples for label in sample.labels} - {"le"}
        assert (told[metric.name].type, labels) == (metric.kind, set(metric.labels)), metric.name
        assert metric.meaning.endswith(".")
        assert metric.question.endswith("?")


def test_nothing_is_left_when_the_run_is_over_even_if_it_failed(port):
    def fail():
        with metrics_served(port):
            assert names.SIM_PLANNED in fetched(port)
            raise KeyError

    before = set(threading.enumerate())
    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=20).close()


def test_it_listens_on_this_machine_only(port):
    with metrics_served(port):  # another address of it is free
        socket.create_server(("127.0.0.2", port)).close()


def test_a_taken_port_is_refused_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MetricsPortTaken) as refusal, metrics_served(port):
            pass
    for part in (f"port {port} of 127.0.0.1 is in use", "--metrics-port", f"ss -ltnp 'sport = :{port}'"):
        assert part in str(refusal.value)
    assert refusal.value.exit_code == 1


def test_without_a_port_there_is_nothing_to_tell():
    with metrics_served(None) as live:
        assert live is None


def answered(planned_at, lag, took, predictor):
    sent_at = planned_at + lag
    return Prediction(planned_at, sent_at, sent_at + took, Status.ANSWERED, 4, predictor, 2.0)


def unanswered(planned_at, status, took):
    sent_at = planned_at if status.was_sent else float("nan")
    return Prediction(planned_at, sent_at, planned_at + took, status, 4, error="e")


of_the_bounds = st.sampled_from([*BUCKET_SECONDS, 0.0, 11.0])
results = st.one_of(
    st.builds(
        answered,
        st.just(0.0),
        st.floats(-0.001, 2) | of_the_bounds,
        st.floats(0, 12),
        st.sampled_from(["champion", "challenger"]),
    ),
    st.builds(unanswered, st.just(0.0), st.sampled_from(sorted(set(Status) - {Status.ANSWERED})), of_the_bounds),
)
rewards = st.builds(
    Feedback, st.just(1.0), st.just(2.0), st.sampled_from(Status), st.integers(0, 1), st.sampled_from(["a", "b"])
)


@settings(deadline=None)
@given(st.lists(results | rewards))
def test_whatever_the_results_are_page_and_summary_count_the_same(all_results):
    live = LiveMetrics()
    accumulator = Accumulator(10.0, 4, 0.05, live)
    for result in all_results:
        accumulator.add(result)
    summary = accumulator.close()
    live.end(summary.planned)
    page, text = numbers(page_of(live)), page_of(live)
    predictions = [each for each in all_results if isinstance(each, Prediction)]
    feedback = [each for each in all_results if isinstance(each, Feedback)]
    for status in Status:
        of_status = [key for key in page if key[1:2] == (status.value,)]
        assert sum(page[key] for key in of_status if key[0] == f"{names.SIM_REQUESTS}_total") == summary.counts[status]
        told = sum(page[key] for key in of_status if key[0] == f"{names.SIM_FEEDBACK}_total")
        assert told == summary.feedback_counts[status]
    accepted = [each for each in feedback if each.status is Status.ANSWERED]
    told = sum(value for key, value in page.items() if key[0] == f"{names.SIM_REWARD}_total")
    assert told == sum(each.reward for each in accepted)
    for name, durations, seconds in (
        (names.SIM_LAG, summary.lag, [p.sent_at - p.planned_at for p in predictions if p.status.was_sent]),
        (
            names.SIM_LATENCY,
            summary.latency,
            [p.finished_at - p.planned_at for p in predictions if p.status in {Status.ANSWERED, Status.TIMED_OUT}],
        ),
    ):
        assert page[f"{name}_count",] == len(durations) == len(seconds)
        assert page[f"{name}_sum",] == pytest.approx(sum(max(0, each) for each in seconds))
        for bound, n in buckets(text, name).items():
            assert n == sum(each <= bound for each in seconds)


def test_a_target_that_makes_up_names_does_not_fill_prometheus():
    live = LiveMetrics()
    accumulator = Accumulator(10.0, 4, 0.05, live)
    for i in range(3 * MAX_PREDICTORS):
        accumulator.add(answered(0.0, 0.0, 0.01, f"p{i}"))
        accumulator.add(Feedback(1, 2, Status.ANSWERED, 1, f"p{i}"))
    accumulator.close()
    page = numbers(page_of(live))
    told = {key[2]: value for key, value in page.items() if key[0] == f"{names.SIM_REQUESTS}_total"}
    assert len(told) == MAX_PREDICTORS + 1
    assert told[OTHER_PREDICTORS] == page[f"{names.SIM_REWARD}_total", OTHER_PREDICTORS] == 2 * MAX_PREDICTORS
