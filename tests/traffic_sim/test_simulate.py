"""Whole runs against a real server on loopback, over each transport."""

import asyncio
import io
import json
import os
import signal
import socket
from collections import Counter
from datetime import UTC, datetime
from multiprocessing import active_children

import pytest
from rich.console import Console

from traffic_sim.record import NotWritable, check_writable, record_of, write_record
from traffic_sim.report import show
from traffic_sim.results import Status
from traffic_sim.senders import SenderDied, TargetNotReady

TRANSPORTS = pytest.mark.parametrize("transport", ["http", "grpc", "seldon-client"])


async def well(number, message):
    """From two predictors in turn, as the fake target does by itself."""
    rows = message["data"]["ndarray"]
    predictor = ("champion", "challenger")[number % 2]
    scores = [0.1 + i / (10 * len(rows)) for i in range(len(rows))]
    return 200, {"data": {"ndarray": scores}, "meta": {"tags": {"predictor": predictor}}}


def shown(run):
    console = Console(file=io.StringIO(), width=140)
    show(run, console)
    return console.file.getvalue()


@TRANSPORTS
def test_every_request_is_sent_answered_and_counted_for_the_predictor_that_answered(simulate, target, transport):
    run = simulate(transport=transport, feedback_ratio=1)
    assert run.exit_code == 0
    assert run.summary.planned == run.summary.counts[Status.ANSWERED] == 40
    assert {name: tally.n_answered for name, tally in run.summary.predictors.items()} == {
        "champion": 20,
        "challenger": 20,
    }
    # Ids count up: no row was lost or sent twice.
    ids = sorted(row[0] for message in target.predictions for row in message["data"]["ndarray"])
    assert ids == list(range(160))


@TRANSPORTS
def test_feedback_says_what_was_asked_what_was_answered_and_what_came_of_it(simulate, target, transport):
    run = simulate(transport=transport, feedback_ratio=1)
    assert run.summary.feedback_counts[Status.ANSWERED] == len(target.feedback) == 40
    by_id = {message["request"]["data"]["ndarray"][0][0]: message for message in target.feedback}
    for request, message in by_id.items():
        # The fake world installs the last ad, which scores best, in every second request.
        assert message.get("reward", 0) == (request % 8 == 0)
        assert len(message["response"]["data"]["ndarray"]) == 4
    credited = Counter(message["response"]["meta"]["tags"]["predictor"] for message in target.feedback)
    assert credited == {name: tally.n_feedback for name, tally in run.summary.predictors.items()}
    assert sum(tally.n_installs for tally in run.summary.predictors.values()) == 20


@TRANSPORTS
def test_feedback_carries_the_id_of_the_request_unless_the_answer_has_one(simulate, target, transport):
    async def with_an_id_now_and_then(number, message):
        status, answer = await well(number, message)
        return status, {**answer, "meta": {**answer["meta"], "routing": {"router": 1}, "puid": "own" * (number % 2)}}

    target.behaviour = with_an_id_now_and_then
    simulate(transport=transport, feedback_ratio=1)
    told = Counter(message["response"]["meta"]["puid"] for message in target.feedback)
    assert told.pop("own") == 20
    assert set(told) <= set(target.request_ids)
    assert set(told.values()) == {1}
    assert all(message["response"]["meta"]["routing"] == {"router": 1} for message in target.feedback)


async def by_user(number, message):
    """As a sticky router in the graph: users of even numbers to one arm, of odd ones to the other."""
    status, answer = await well(number, message)
    arm = ("champion", "challenger")[int(message["meta"]["tags"]["user"].removeprefix("u")) % 2]
    return status, {**answer, "meta": {"tags": {"predictor": "arms", "arm": arm, "propensity": 0.5}}}


@TRANSPORTS
def test_users_come_back_and_are_told_apart(simulate, target, transport):
    target.behaviour = by_user
    run = simulate(transport=transport, n_users=7, thresholds=["inconsistent_users <= 0"], feedback_ratio=1)
    users = Counter(message["meta"]["tags"]["user"] for message in target.predictions)
    assert set(users) <= {f"u{k}" for k in range(7)}
    assert max(users.values()) > 1
    assert sorted(run.summary.predictors) == ["challenger", "champion"]  # the arms, not the predictor
    assert run.exit_code == 0
    assert f"users: {len(users)} were answered, 0 of them by more than one arm" in shown(run)
    assert all(message["request"]["meta"]["tags"]["user"] in users for message in target.feedback)


def test_a_split_that_is_not_sticky_is_found_out(simulate, target):
    run = simulate(n_users=3, thresholds=["inconsistent_users <= 0"])  # the fake gateway answers in turn
    assert run.summary.metrics["inconsistent_users"] == 3
    assert run.exit_code == 1
    assert "FAIL  inconsistent_users <= 0  (3)" in shown(run)
    record = record_of(run, datetime.now(UTC))
    assert (record["users_seen"], record["metrics"]["inconsistent_users"]) == (3, 3)


def test_where_nobody_says_who_answered_stickiness_is_not_taken_for_granted(simulate, target):
    async def anonymous(_number, message):
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    target.behaviour = anonymous
    run = simulate(n_users=3, thresholds=["inconsistent_users <= 0"])
    assert run.summary.metrics["inconsistent_users"] is None
    assert run.exit_code == 1
    assert "nothing tells who answered whom" in shown(run)


def test_grpc_tells_the_gateway_which_deployment_is_meant(simulate, target):
    simulate(transport="grpc")
    assert all(sent["seldon"] == "xgboost" and sent["namespace"] == "seldon" for sent in target.metadata)


def test_requests_leave_on_schedule_whatever_has_become_of_those_before(simulate, target):
    everybody_is_here = asyncio.Event()

    async def answer_when_all_have_come(number, message):
        if number == 39:
            everybody_is_here.set()
        await everybody_is_here.wait()
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    target.behaviour = answer_when_all_have_come  # a closed loop would wait for the first answer for ever
    run = simulate()
    assert run.summary.counts[Status.ANSWERED] == 40
    assert list(run.summary.predictors) == ["unknown"]


async def never(_number, _message):
    await asyncio.Event().wait()


def test_requests_beyond_the_most_in_flight_are_dropped_and_the_target_is_to_blame(simulate, target):
    target.behaviour = never
    run = simulate(max_in_flight=5, timeout_seconds=2)
    assert run.summary.counts[Status.TIMED_OUT] == 5
    assert run.summary.counts[Status.DROPPED] == 35
    assert run.summary.generator_problem is None
    assert run.exit_code == 1
    assert "35 requests were dropped" in shown(run)


@TRANSPORTS
def test_silence_is_a_time_out_whose_wait_is_counted(simulate, target, transport):
    async def silent_at_first(number, message):
        if number < 4:
            await never(number, message)
        return 200, {"data": {"ndarray": [0.5] * 4}}

    target.behaviour = silent_at_first
    run = simulate(transport=transport, timeout_seconds=2)
    assert run.summary.counts[Status.TIMED_OUT] == 4
    assert run.summary.counts[Status.ANSWERED] == 36
    assert run.summary.latency.percentiles()["max"] >= 1_999
    assert run.exit_code == 1


@TRANSPORTS
def test_errors_and_nonsense_are_told_apart_and_counted_by_reason(simulate, target, transport):
    async def moody(number, _message):
        if number % 4 == 0:
            return 500, {"status": {"info": "out of memory", "status": "FAILURE"}}
        if number % 4 == 1:
            return 200, {"data": {"ndarray": [0.5]}}
        return 200, {"data": {"ndarray": [0.5] * 4}}

    target.behaviour = moody
    run = simulate(transport=transport)
    counts = run.summary.counts
    assert (counts[Status.FAILED], counts[Status.MALFORMED], counts[Status.ANSWERED]) == (10, 10, 20)
    assert run.summary.reasons["malformed: 1 values for 4 rows"] == 10
    (failure,) = (reason for reason in run.summary.reasons if reason.startswith("failed"))
    assert ("HTTP 500" if transport != "grpc" else "INVALID_ARGUMENT") in failure
    assert run.exit_code == 1
    assert failure in shown(run)


def test_text_that_is_no_json_is_malformed(simulate, target):
    async def html(_number, _message):
        return 200, "<html>"

    target.behaviour = html
    assert simulate().summary.reasons == {"malformed: not JSON": 40}


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_nobody_listening_is_told_before_the_run(simulate, transport):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses for as long as it is open
        gateway = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TargetNotReady, match="none of 3 warm-up requests was answered"):
            simulate(transport=transport, gateway=gateway, warm_up_requests=3)


def test_warm_up_reaches_the_target_and_is_not_counted(simulate, target):
    run = simulate(warm_up_requests=7)
    assert len(target.predictions) == 47
    assert run.summary.planned == 40


def test_several_processes_send_each_request_once(simulate, target):
    run = simulate(processes=2, feedback_ratio=1)
    assert run.effort.n_processes == 2
    assert run.summary.counts[Status.ANSWERED] == run.summary.feedback_counts[Status.ANSWERED] == 40
    ids = sorted(row[0] for message in target.predictions for row in message["data"]["ndarray"])
    assert ids == list(range(160))
    assert not active_children()


def test_a_sending_process_that_dies_ends_the_run_with_an_error(simulate, target):
    async def murder(number, message):
        if number == 10:
            active_children()[0].kill()
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    target.behaviour = murder
    with pytest.raises(SenderDied):
        simulate(processes=2, duration_seconds=3)
    assert not active_children()


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_stops_the_sending_and_shows_what_was_done(simulate, target, processes):
    async def interrupt(number, message):
        if number == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    target.behaviour = interrupt
    run = simulate(duration_seconds=60, processes=processes)
    assert run.exit_code == 130
    assert 20 <= run.summary.counts[Status.ANSWERED] < 4_800
    assert run.summary.planned < 4_800
    assert "interrupted" in shown(run)
    assert not active_children()


def test_a_stall_is_seen_from_the_plan_and_hidden_from_the_send(simulate, target):
    """Coordinated omission: one blocking client waits out a stall, and asks quickly ever after.

    Counted from the send only one request was slow. Counted from the plan, all that should have left meanwhile were.
    """

    async def stall_once(number, message):
        if number == 0:
            await asyncio.sleep(2)
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    target.behaviour = stall_once
    run = simulate(
        transport="seldon-client", processes=1, threads_per_process=1, rate_records_per_second=80, duration_seconds=2
    )
    from_plan, from_send = run.summary.latency.percentiles(), run.summary.service.percentiles()
    assert from_plan["max"] >= 1_999
    assert from_send["max"] >= 1_999
    # 20 of the 40 were planned within the stall's first second, and so waited for at least the other.
    assert from_plan["p50"] >= 900
    assert from_send["p50"] < from_plan["p50"] / 2


def test_the_record_holds_what_the_tables_show_and_is_written_whole(simulate, tmp_path):
    run = simulate(feedback_ratio=0.5)
    path = tmp_path / "run.json"
    write_record(record_of(run, datetime(2026, 1, 2, tzinfo=UTC)), path)
    record = json.loads(path.read_text())
    assert record["exit_code"] == 0
    assert record["requests"]["answered"] == 40
    names = ("population", "schedule", "moments", "outcomes", "feedback", "outliers", "users", "drift")
    assert record["scenario"]["seeds"] == {name: seed for seed, name in enumerate(names, 1)}
    assert sum(second["answered"] for second in record["series"]) == 40
    assert sum(predictor["answered"] for predictor in record["predictors"].values()) == 40
    assert sum(p["feedback"] for p in record["predictors"].values()) == record["feedback"]["answered"]
    assert record["latency"]["count"] == 40
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_that_cannot_be_written_is_refused_before_the_run(tmp_path):
    with pytest.raises(NotWritable):
        check_writable(tmp_path / "no such folder" / "run.json")
    check_writable(tmp_path / "run.json")


def test_a_generator_that_was_too_slow_fails_the_run_and_leaves_the_target_unjudged(simulate):
    run = simulate(max_lag_p99_seconds=1e-6, thresholds=["sent_ratio >= 0.5"])
    assert run.exit_code == 1
    assert "pass  sent_ratio" in shown(run)
    assert "generator too slow: sent 40 of 40" in shown(run)
    unjudged = simulate(max_lag_p99_seconds=1e-6, thresholds=["latency_p99_milliseconds <= 0.001"])
    assert [verdict.holds for verdict in unjudged.verdicts] == [None]


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_during_the_warm_up_shows_an_empty_table(simulate, target, processes):
    async def interrupt(_number, message):
        os.kill(os.getpid(), signal.SIGINT)
        return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}

    target.behaviour = interrupt
    run = simulate(warm_up_requests=1, duration_seconds=60, processes=processes)
    assert run.exit_code == 130
    assert "interrupted" in shown(run)
    assert not active_children()


async def slow(number, message):
    await asyncio.sleep(0.02)
    return 200, {"data": {"ndarray": [0.5] * len(message["data"]["ndarray"])}}


def test_requests_wait_for_a_free_connection_in_order_and_the_wait_is_in_their_latency_not_in_the_lag(simulate, target):
    target.behaviour = slow
    run = simulate(max_connections=1, rate_records_per_second=1_600)  # 200 requests, one at a time: 4 s at least
    summary = run.summary
    assert summary.counts[Status.ANSWERED] == 200
    ids = [message["data"]["ndarray"][0][0] for message in target.predictions]
    assert ids == sorted(ids)
    from_plan, from_send = summary.latency.percentiles(), summary.service.percentiles()
    assert from_plan["max"] >= 3_400  # the last was planned within 0.5 s, and 199 x 20 ms stood before it
    assert from_send["p50"] < from_plan["p50"] / 2
    assert summary.waited.percentiles()["max"] >= from_plan["max"] / 2
    assert summary.lag.percentiles()["p50"] < summary.waited.percentiles()["p50"]
    assert "waited for one of 1 connections" in shown(run)


def test_those_for_whom_no_connection_is_free_in_time_are_dropped_and_the_target_is_to_blame(simulate, target):
    target.behaviour = never
    run = simulate(max_connections=3, timeout_seconds=2)
    assert run.summary.counts[Status.TIMED_OUT] + run.summary.counts[Status.DROPPED] == 40
    assert run.summary.counts[Status.TIMED_OUT] >= 3
    assert run.summary.generator_problem is None
    assert run.exit_code == 1


def test_a_mistake_of_ours_in_reading_an_answer_does_not_pass_for_a_short_run(simulate, monkeypatch):
    def mistake(body, n_rows):
        raise KeyError("ours")

    monkeypatch.setattr("traffic_sim.transports.http.from_json", mistake)
    with pytest.raises(KeyError, match="ours"):
        simulate(timeout_seconds=2)
