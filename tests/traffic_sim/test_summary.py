"""Counting: nothing is lost, latency is counted twice over, and blame goes where it belongs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_sim.latency import Durations
from traffic_sim.results import Feedback, Prediction, Status
from traffic_sim.summary import LATE_SECONDS, MAX_REASONS, Accumulator


def closed(results, *, duration=10.0, rows=4, max_lag=0.05):
    accumulator = Accumulator(duration, rows, max_lag)
    for result in results:
        accumulator.add(result)
    return accumulator.close()


def answered(planned_at, *, lag=0.0, took=0.01, predictor="champion", reward=None):
    sent_at = planned_at + lag
    return Prediction(planned_at, sent_at, sent_at + took, Status.ANSWERED, 4, predictor, 2.0, reward)


def unanswered(planned_at, status, *, error=""):
    sent_at = planned_at if status.was_sent else math.nan
    return Prediction(planned_at, sent_at, planned_at + 1, status, 4, error=error)


results = st.one_of(
    st.builds(
        answered,
        st.floats(0, 9),
        lag=st.floats(0, 2),
        took=st.floats(0, 5),
        predictor=st.sampled_from(["champion", "challenger"]),
        reward=st.sampled_from([None, 0, 1]),
    ),
    st.builds(unanswered, st.floats(0, 9), st.sampled_from([s for s in Status if s is not Status.ANSWERED])),
)


@given(st.lists(results, min_size=1))
def test_every_request_is_counted_once_wherever_it_is_counted(all_results):
    summary = closed(all_results)
    assert summary.planned == len(all_results)
    not_sent = summary.counts[Status.DROPPED] + summary.counts[Status.UNSENT]
    assert summary.sent + not_sent == summary.planned
    answered_by_all = sum(tally.n_answered for tally in summary.predictors.values())
    assert answered_by_all == summary.counts[Status.ANSWERED] == sum(s["answered"] for s in summary.series)
    assert sum(second["planned"] for second in summary.series) == summary.planned
    assert len(summary.lag) == summary.sent
    assert len(summary.latency) == len(summary.service) == answered_by_all + summary.counts[Status.TIMED_OUT]
    errors = sum(n for status, n in summary.counts.items() if status.is_error)
    assert sum(summary.reasons.values()) == errors == sum(s["errors"] for s in summary.series)


@given(st.lists(results, min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_results_does_not_matter(all_results, random):
    shuffled = list(all_results)
    random.shuffle(shuffled)
    one, other = closed(all_results), closed(shuffled)
    assert one.metrics == other.metrics
    assert one.counts == other.counts
    assert one.latency.percentiles() == other.latency.percentiles()


@given(st.lists(st.floats(1e-6, 3_000), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_sorted_durations_to_three_digits(seconds):
    durations = Durations()
    for duration in seconds:
        durations.add(duration)
    found = durations.percentiles()
    ordered = sorted(seconds)
    for percentile in (50, 90, 99):
        exact = ordered[max(1, int(percentile / 100 * len(ordered) + 0.5)) - 1] * 1_000
        assert math.isclose(found[f"p{percentile}"], exact, rel_tol=2e-3, abs_tol=2e-3)
    assert math.isclose(found["max"], ordered[-1] * 1_000, rel_tol=2e-3, abs_tol=2e-3)


@given(st.lists(st.floats(1e-6, 100)), st.lists(st.floats(1e-6, 100)))
def test_merged_durations_are_those_of_both(one, other):
    merged, second, together = Durations(), Durations(), Durations()
    for seconds in one:
        merged.add(seconds)
    for seconds in other:
        second.add(seconds)
    for seconds in one + other:
        together.add(seconds)
    merged.merge(second)
    assert len(merged) == len(together)
    assert merged.percentiles() == together.percentiles()


def test_a_duration_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="nan"):
        Durations().add(math.nan)


def test_latency_counts_from_the_plan_and_service_from_the_send():
    summary = closed([answered(0, lag=0.02, took=0.01)])
    assert summary.latency.percentiles()["p50"] == pytest.approx(30, rel=2e-3)
    assert summary.service.percentiles()["p50"] == pytest.approx(10, rel=2e-3)
    assert summary.lag.percentiles()["p50"] == pytest.approx(20, rel=2e-3)


def test_a_time_out_is_as_slow_as_its_wait_and_a_fast_refusal_is_no_fast_answer():
    failed = unanswered(1, Status.FAILED, error="HTTP 503: away")
    summary = closed([answered(0), unanswered(1, Status.TIMED_OUT), failed])
    assert len(summary.latency) == 2
    assert summary.latency.percentiles()["max"] == pytest.approx(1_000, rel=2e-3)
    assert summary.metrics["error_ratio"] == pytest.approx(2 / 3)
    assert summary.reasons == {"timed out: ": 1, "failed: HTTP 503: away": 1}


@pytest.mark.parametrize(
    ("n_unsent", "n_dropped", "lag", "is_generators_fault"),
    [
        (0, 0, 0.0, False),
        (5, 0, 0.0, False),  # 99.5 % of the plan is enough
        (6, 0, 0.0, True),
        (0, 500, 0.0, False),  # the target did not answer those that were to make room
        (0, 0, 0.049, False),
        (0, 0, 0.051, True),
    ],
)
def test_the_generator_is_blamed_for_what_it_did_not_send_in_time_and_for_nothing_else(
    n_unsent, n_dropped, lag, is_generators_fault
):
    unsent = [unanswered(5, Status.UNSENT)] * n_unsent + [unanswered(5, Status.DROPPED)] * n_dropped
    summary = closed([answered(i / 100, lag=lag) for i in range(1_000 - len(unsent))] + unsent)
    assert (summary.generator_problem is not None) is is_generators_fault
    if is_generators_fault:
        assert "generator too slow: sent" in summary.generator_problem
        assert "of 1,000" in summary.generator_problem


def test_what_the_target_left_no_room_for_is_not_held_against_the_generator():
    unsent = [unanswered(5, Status.UNSENT)] * 100 + [unanswered(5, Status.DROPPED)] * 500
    summary = closed([answered(i / 100) for i in range(400)] + unsent)
    assert summary.generator_problem.startswith("generator too slow: sent 400 of 500 requests that were due")
    assert summary.metrics["sent_ratio"] == 0.4


def test_late_is_what_left_well_after_its_plan():
    assert closed([answered(0, lag=LATE_SECONDS - 0.001), answered(0, lag=LATE_SECONDS + 0.001)]).late == 1


def test_rewards_are_credited_to_the_predictor_that_answered():
    feedback = [Feedback(1, 2, Status.ANSWERED, reward, "challenger") for reward in (0, 1, 1)]
    lost = Feedback(1, 2, Status.FAILED, 1, "challenger", "HTTP 500: no")
    summary = closed([answered(0, reward=1), answered(0, reward=0, predictor="challenger"), *feedback, lost])
    challenger = summary.predictors["challenger"]
    assert (challenger.n_feedback, challenger.feedback_reward_sum) == (3, 2)
    assert (challenger.n_outcomes, challenger.n_installs) == (1, 0)
    assert summary.metrics["feedback_error_ratio"] == 0.25
    assert summary.metrics["error_ratio"] == 0
    assert len(summary.latency) == 2


def test_a_thousand_different_reasons_do_not_fill_the_report():
    summary = closed([unanswered(0, Status.FAILED, error=f"request {i}") for i in range(1_000)])
    assert len(summary.reasons) == MAX_REASONS + 1
    assert summary.reasons["other reasons"] == 1_000 - MAX_REASONS


def test_a_run_without_requests_proves_nothing():
    summary = closed([])
    assert "no request was due" in summary.generator_problem
    assert summary.series == []
    assert summary.metrics["latency_p99_milliseconds"] is None


def test_a_backlog_that_is_worked_off_after_the_run_adds_nothing_to_its_rate():
    in_time, too_late = answered(2.0), answered(2.0, took=9.0)
    assert closed([in_time]).metrics["answered_records_per_second"] == 0.4
    assert closed([in_time, too_late]).metrics["answered_records_per_second"] == 0.4
