"""What Prometheus answers to the queries: the right numbers, and 0 rather than nothing where all is well."""

from __future__ import annotations

import small_world as world
from asked_of_prometheus import answered, counter, gauge, histogram, wrong
from dashboards_read import NAMES, RENDERED

from deployments.monitoring.dashboards.extracting import VALUES, queries_of
from model_server import metric_names as names

CHOSEN = {**VALUES, "namespace": "seldon", "deployment": "xgboost", "window": "1000"}
NEED_A_SHADOW = {
    "Copies to the shadow",
    "Missing copies",
    "Errors of the shadow",
    "Latency, live and shadow",
}
NEED_A_BANDIT = {"Probability of each arm", "Trials", "Reward per trial", "Age of the shared state"}
NEED_A_DETECTOR = {"Outliers", "Requests past the detector", "Impressions against rows scored"}
EMPTY_WHEN_ALL_IS_WELL = {"Alerts that fire", "Weight changes", "Alerts"}


def _answers(series, asked, tmp_path):
    return wrong(series, [(answered(expr), {"{}": 1}) for _, expr in asked], tmp_path)


def _queries(names_of_dashboards=NAMES, leave_out=frozenset()):
    told = [query for name in names_of_dashboards for query in queries_of(RENDERED[name], CHOSEN)]
    return [(title, expr) for title, expr in told if title not in leave_out]


def _query(dashboard, title, at=0):
    found = [expr for panel, expr in queries_of(RENDERED[f"{dashboard}.json"], CHOSEN) if panel == title]
    return found[at]


def test_a_healthy_deployment_leaves_no_panel_empty(tmp_path):
    optional = NEED_A_SHADOW | NEED_A_BANDIT | NEED_A_DETECTOR | EMPTY_WHEN_ALL_IS_WELL
    assert _answers(world.healthy(), _queries(leave_out=optional), tmp_path) == ""


def test_a_shadow_fills_its_panels(tmp_path):
    queries = [query for query in _queries(["canary-and-shadow.json"]) if query[0] in NEED_A_SHADOW]
    assert {title for title, _ in queries} == NEED_A_SHADOW
    assert _answers(world.with_a_shadow(), queries, tmp_path) == ""


def test_a_bandit_and_a_detector_fill_their_panels(tmp_path):
    named = NEED_A_BANDIT | NEED_A_DETECTOR
    queries = [query for query in _queries(["experiment.json", "model-inputs.json"]) if query[0] in named]
    assert {title for title, _ in queries} == named
    assert _answers(world.with_a_bandit(), queries, tmp_path) == ""


def test_what_has_no_answer_is_noticed(tmp_path):
    assert "got:" in wrong(world.healthy(), [(answered("sum(no_such_metric)"), {"{}": 1})], tmp_path)


def test_without_a_fault_all_succeeded_and_nothing_fires(tmp_path):
    expected = [
        (_query("overview", "Success, SLO 99.9 %"), {"{}": 1}),
        (_query("overview", "Within 100 ms, SLO 99 %"), {"{}": 1}),
        (_query("overview", "Firing alerts"), {"{}": 0}),
        (_query("overview", "Targets down"), {"{}": 0}),
        (
            _query("overview", "Errors by code"),
            {f'{{predictor_name="{name}", code="none"}}': 0 for name in world.WEIGHTS},
        ),
        (_query("model-inputs", "Unknown categories"), {'{column="none"}': 0}),
        (_query("serving-internals", "Requests refused at the door"), {'{reason="none"}': 0}),
    ]
    assert wrong(world.healthy(), expected, tmp_path) == ""


def test_faults_count_and_callers_mistakes_do_not(tmp_path):
    """Of 103 requests a second one fails, one is the caller's mistake, one a gRPC call that fails."""
    grpc = {"service": "/seldon.protos.Seldon/Predict", "method": "unary", "code": "Unavailable"}
    series = (
        world.healthy()
        | world.requests("champion", 1, code="500")
        | world.requests("champion", 1, code="400")
        | world.requests("champion", 1, **grpc)
    )
    expected = [
        (_query("overview", "Success, SLO 99.9 %"), {"{}": 0.981}),
        (
            _query("overview", "Errors by code"),
            {
                '{predictor_name="champion", code="400"}': 0.011,
                '{predictor_name="champion", code="500"}': 0.011,
                '{predictor_name="champion", code="Unavailable"}': 0.011,
                '{predictor_name="challenger", code="none"}': 0,
            },
        ),
        (_query("canary-and-shadow", "Errors, canary minus baseline"), {'{predictor_name="challenger"}': -0.032}),
    ]
    assert wrong(series, expected, tmp_path) == ""


def test_what_a_component_tells_under_the_servers_name_is_not_counted_again(tmp_path):
    """Nor are feedback and what another deployment gets."""
    alone = histogram(
        names.EXECUTOR_SERVER, {"deployment_name": "xgboost", "predictor_name": "", "service": "predict"}, 100
    )
    also = histogram(
        names.EXECUTOR_SERVER, {"deployment_name": "xgboost", "predictor_name": "", **world.PREDICTIONS}, 100
    )
    other = histogram(
        names.EXECUTOR_SERVER, {"deployment_name": "another", "predictor_name": "champion", **world.PREDICTIONS}, 100
    )
    series = world.healthy() | alone | also | other | world.requests("champion", 50, service="feedback")
    expected = [
        (_query("overview", "Requests per second"), {"{}": 100}),
        (
            _query("experiment", "Share of requests against weight"),
            {'{predictor_name="champion"}': 0.9, '{predictor_name="challenger"}': 0.1},
        ),
    ]
    assert wrong(series, expected, tmp_path) == ""


def test_a_shadow_has_no_share_and_its_missing_copies_are_seen(tmp_path):
    series = world.with_a_shadow()
    copies = [
        (_query("canary-and-shadow", "Copies to the shadow", 0), {"{}": 110}),
        (_query("canary-and-shadow", "Copies to the shadow", 1), {'{predictor_name="shadow"}': 110}),
        (_query("canary-and-shadow", "Copies to the shadow", 2), {'{predictor_name="shadow"}': 80}),
        (_query("canary-and-shadow", "Missing copies"), {'{predictor_name="shadow"}': 0.273}),
        (
            _query("experiment", "Share of requests against weight"),
            {'{predictor_name="champion"}': 0.909, '{predictor_name="challenger"}': 0.091},
        ),
    ]
    assert wrong(series, copies, tmp_path) == ""


def test_rewards_go_to_who_had_answered_and_a_shadows_copies_do_not_count(tmp_path):
    """90 answers a second of the champion; 9 outcomes of them arrive at the champion and 36 at the challenger, and
    once more at a shadow; 4.5 rewards a second, 3 promised.
    """
    series = (
        world.with_a_shadow()
        | world.requests("champion", 90)
        | world.feedback("champion", "champion", 9, reward=0.9, expected=0.6)
        | world.feedback("challenger", "champion", 36, reward=3.6, expected=2.4)
        | world.feedback("challenger", "challenger", 5)
        | world.feedback("shadow", "champion", 45, reward=4.5, expected=3)
    )
    arm = '{credited_predictor="champion"}'
    other = '{credited_predictor="challenger"}'
    expected = [
        (_query("experiment", "Rewards per 1,000 answers"), {arm: 50, other: 0}),
        (_query("experiment", "Reward per feedback"), {arm: 0.1, other: 0}),
        (_query("experiment", "Feedback coverage"), {arm: 0.5, other: 0.5}),
        (_query("experiment", "Reward against promise"), {arm: 1.5, other: 0}),
        (_query("experiment", "Rewards per second"), {arm: 4.5, other: 0}),
    ]
    assert wrong(series, expected, tmp_path) == ""


def test_children_of_a_router_have_answers_of_their_own(tmp_path):
    """Each is rewarded 0.02 times an answer, as often as promised; feedback names the predictor around them."""
    arms = ['{credited_predictor="champion"}', '{credited_predictor="challenger"}']
    expected = [
        (_query("experiment", "Rewards per 1,000 answers"), dict.fromkeys(arms, 20)),
        (_query("experiment", "Feedback coverage"), dict.fromkeys(arms, 0.5)),
        (_query("experiment", "Reward against promise"), dict.fromkeys(arms, 1)),
    ]
    assert wrong(world.with_a_bandit(), expected, tmp_path) == ""


def test_the_worst_replica_is_shown(tmp_path):
    """Of two pods of a predictor, that with the larger drift and that with the older state."""
    labels = world.of_a_node("champion")
    drifted = labels | {"pod": "xgboost-champion-2", "window": "1000", "column": "country"}
    series = world.healthy() | gauge(names.DRIFT_PSI, drifted, 0.4) | gauge(names.DRIFT_P_VALUE, drifted, 0.001)
    expected = [
        (_query("model-inputs", "Drift over time"), {'{column="country"}': 0.4, '{column="probability"}': 0.02}),
        (_query("model-inputs", "p values over time"), {'{column="country"}': 0.001, '{column="probability"}': 0.6}),
    ]
    assert wrong(series, expected, tmp_path) == ""


def test_requests_that_were_never_sent_are_planned_and_not_sent(tmp_path):
    own = {"namespace": None, "pod": None, "container": None, "job": "forkcast-simulator", "predictor_name": "unknown"}
    series = (
        world.simulator(100)
        | counter(f"{names.SIM_REQUESTS}_total", own | {"outcome": "dropped"}, 7)
        | counter(f"{names.SIM_REQUESTS}_total", own | {"outcome": "timed_out"}, 3)
    )
    expected = [
        (_query("traffic-simulator", "Planned, sent, answered", 1), {"{}": 103}),
        (_query("traffic-simulator", "Planned, sent, answered", 2), {"{}": 100}),
    ]
    assert wrong(series, expected, tmp_path) == ""
