"""Pages of metrics -> what each predictor has done, against prometheus_client, which writes them."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from deployments.experiment.mean_rewards import Rewards
from deployments.top.readings import Counts, Reading, is_an_error, read
from model_server import metric_names as names

CHAMPION = ("xgboost", "champion")
NOTHING = Reading({"a": {}, "b": {}}, {})


def page(requests=(), rewards=(), **rows):
    """`requests`: (predictor, service, code, seconds); `rewards`: (receiver, credited, reward)."""
    registry = CollectorRegistry()
    served = Histogram(
        names.EXECUTOR_SERVER,
        "",
        ("deployment_name", "predictor_name", "service", "code"),
        buckets=(0.005, 0.01, 0.1),
        registry=registry,
    )
    for predictor, service, code, seconds in requests:
        served.labels("xgboost", predictor, service, code).observe(seconds)
    labels = ("deployment_name", "predictor_name")
    feedback, reward = (
        Counter(name, "", (*labels, names.CREDITED_PREDICTOR_LABEL), registry=registry)
        for name in (names.FEEDBACK, names.REWARD)
    )
    for receiver, credited, value in rewards:
        feedback.labels("xgboost", receiver, credited).inc()
        reward.labels("xgboost", receiver, credited).inc(value)
    exposures = Counter(names.EXPOSURES, "", labels, registry=registry)
    for predictor, n_rows in rows.items():
        exposures.labels("xgboost", predictor).inc(n_rows)
    return generate_latest(registry).decode()


def test_predictions_are_counted_by_predictor_over_both_doors_and_all_pages():
    one = [("champion", "predictions", "200", 0.001), ("champion", "/seldon.protos.Seldon/Predict", "Unavailable", 0.2)]
    two = [("champion", "predictions", "503", 0.001), ("champion", "predictions", "400", 0.001)]
    beside = [("champion", "feedback", "500", 0.001), ("", "predict", "200", 0.001)]
    found = read({"a": page(one, champion=10), "b": page([*two, *beside], champion=5)})
    assert {key for of_page in found.counts.values() for key in of_page} == {CHAMPION}
    counts = found.since(NOTHING, CHAMPION)
    assert (counts.requests, counts.errors, counts.rows) == (4, 2, 15)


def test_rewards_go_to_who_had_answered_whoever_received_them():
    pages = [page(rewards=[("champion", "challenger", 1), ("champion", "champion", 0)])]
    pages.append(page(rewards=[("challenger", "challenger", 0)]))
    found = read(dict(enumerate(pages))).rewards
    assert found == {("xgboost", "challenger"): Rewards(2, 1), ("xgboost", "champion"): Rewards(1, 0)}


def test_behind_a_router_rewards_go_to_the_child_that_had_answered():
    registry = CollectorRegistry()
    labels = ("deployment_name", "predictor_name", "model_name")
    choices = Counter(names.ROUTER_CHOICES, "", (*labels, names.ARM_LABEL), registry=registry)
    feedback = Counter(names.FEEDBACK, "", (*labels, names.CREDITED_PREDICTOR_LABEL), registry=registry)
    choices.labels("xgboost", "arms", "router", "challenger").inc(5)
    feedback.labels("xgboost", "arms", "challenger", "arms").inc(3)
    assert read({"a": generate_latest(registry).decode()}).rewards == {("xgboost", "challenger"): Rewards(3, 0)}


def looked(**n_requests):
    """A look in which pages told of so many requests."""
    return read({place: page([("champion", "predictions", "200", 0.001)] * n) for place, n in n_requests.items()})


def test_between_two_looks_is_what_was_added_and_a_program_that_started_anew_counts_from_its_start():
    assert looked(a=5).since(looked(a=2), CHAMPION).requests == 3
    assert looked(a=5).since(looked(a=2), CHAMPION).seconds_up_to[0.005] == 3
    assert looked(a=2).since(looked(a=5), CHAMPION).requests == 2


def test_a_page_that_came_once_of_two_times_tells_nothing_of_the_time_between():
    assert looked(a=5).since(looked(a=2, b=900), CHAMPION).requests == 3
    assert looked(a=5, b=900).since(looked(a=2), CHAMPION).requests == 3


def test_rewards_stay_where_a_page_does_not_come():
    before = read({"a": page(rewards=[("champion", "champion", 1)]), "b": page(rewards=[("champion", "champion", 1)])})
    assert read({"a": page(rewards=[("champion", "champion", 1)])}, before).rewards == {CHAMPION: Rewards(2, 2)}


def test_a_quantile_is_found_within_its_bucket_as_prometheus_finds_it():
    counts = Counts(seconds_up_to={0.005: 50, 0.01: 100, float("inf"): 100})
    assert counts.latency_seconds(0.5) == pytest.approx(0.005)
    assert counts.latency_seconds(0.75) == pytest.approx(0.0075)
    assert Counts(seconds_up_to={0.005: 0, float("inf"): 10}).latency_seconds(0.5) == 0.005
    assert Counts().latency_seconds(0.5) is None


@pytest.mark.parametrize(
    ("code", "is_error"),
    [
        ("200", False),
        ("400", False),
        ("429", True),
        ("500", True),
        ("OK", False),
        ("InvalidArgument", False),
        ("ResourceExhausted", True),
        ("Unknown", True),
    ],
)
def test_an_error_is_the_services_fault(code, is_error):
    assert is_an_error(code) is is_error
