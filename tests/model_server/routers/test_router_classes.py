"""The three classes, asked as Seldon asks them."""

import copy
import itertools
import logging
import time
from collections import Counter

import pytest
from router_messages import as_proto, as_tree, branch_of, feedback, metrics_of, request, tree_of

from model_server.errors import ModelServerError
from model_server.routers.assignment import arm_of
from model_server.routers.epsilon_greedy import EpsilonGreedy
from model_server.routers.errors import InvalidFeedback, InvalidKey, InvalidRouter, StoreUnavailable
from model_server.routers.hash_router import HashRouter
from model_server.routers.thompson_sampling import ThompsonSampling
from model_server.seldon_messages import InvalidMessage

FORMS = pytest.mark.parametrize("form", [as_tree, as_proto])
ARMS = ("champion", "challenger")


@pytest.fixture(autouse=True)
def placed(monkeypatch):
    monkeypatch.setenv("PREDICTIVE_UNIT_ID", "router")
    monkeypatch.setenv("PREDICTIVE_UNIT_IMAGE", "forkcast/router:1")
    monkeypatch.setenv("SELDON_DEPLOYMENT_ID", "xgboost")
    monkeypatch.setenv("PREDICTOR_ID", "arms")


@pytest.fixture(params=["hash", "greedy", "thompson"])
def router(request):
    made = {
        "hash": lambda: HashRouter("champion=50,challenger=50"),
        "greedy": lambda: EpsilonGreedy("champion,challenger"),
        "thompson": lambda: ThompsonSampling("champion,challenger"),
    }[request.param]()
    yield made
    if request.param != "hash":
        made.close()


@FORMS
def test_a_choice_is_tagged_with_its_probability_and_the_route_follows_it(router, form):
    seen = Counter()
    for k in range(60):
        asked = form(request({"user": f"u{k}", "other": [1, {"a": None}]}))
        before = copy.deepcopy(tree_of(asked))
        goes_on = router.transform_input_raw(asked)
        assert tree_of(asked) == before
        meta = copy.deepcopy(tree_of(goes_on)["meta"])
        arm = meta["tags"].pop("arm")
        assert meta["tags"].pop("propensity") == pytest.approx(0.5, abs=1e-4)
        assert meta["tags"] == before["meta"]["tags"]
        assert meta["requestPath"] == {"router": "forkcast/router:1"}
        assert tree_of(goes_on)["data"] == before["data"]
        assert metrics_of(goes_on)["router_choices", (("arm", arm),)] == 1
        routed = router.route_raw(goes_on)
        assert branch_of(routed) == ARMS.index(arm)
        assert metrics_of(routed) == {}  # counted already
        seen[arm] += 1
    assert len(seen) == 2  # one arm alone: 2 in 2**60


@FORMS
def test_a_client_can_neither_force_nor_fake_a_choice(form):
    router = HashRouter("champion=100,challenger=0")
    forged = form(request({"user": "u1", "arm": "challenger", "propensity": 0.01}))
    assert branch_of(router.route_raw(forged)) == 0  # a ROUTER without methods: the tags are the client's
    goes_on = router.transform_input_raw(forged)
    told = tree_of(goes_on)["meta"]["tags"]
    assert (told["arm"], told["propensity"]) == ("champion", 1)
    assert branch_of(router.route_raw(goes_on)) == 0


@FORMS
def test_a_router_below_another_makes_its_own_choice(form):
    upper, lower = HashRouter("left=0,right=100"), HashRouter("champion=0,challenger=100")
    goes_on = upper.transform_input_raw(form(request({"user": "u1"})))
    assert branch_of(upper.route_raw(goes_on)) == 1
    assert branch_of(lower.route_raw(goes_on)) == 1  # without methods
    further = lower.transform_input_raw(goes_on)
    assert tree_of(further)["meta"]["tags"]["arm"] == "challenger"
    assert branch_of(lower.route_raw(further)) == 1
    router = HashRouter("champion=0,challenger=100")
    router.transform_input_raw(form(request()))
    assert branch_of(router.route_raw(goes_on)) == 1  # tags of another router are not its own


@FORMS
def test_what_came_before_stays_but_for_the_metrics_that_others_have_told(form):
    router = HashRouter("champion=100")
    asked = request({"user": "u1"})
    metric = {"key": "seen", "type": "GAUGE", "value": 3.0}
    asked["meta"] |= {"puid": "id", "requestPath": {"detector": "d:1"}, "metrics": [metric]}
    meta = tree_of(router.transform_input_raw(form(asked)))["meta"]
    assert (meta["puid"], meta["requestPath"]) == ("id", {"detector": "d:1", "router": "forkcast/router:1"})
    assert [each["key"] for each in meta["metrics"]] == ["router_choices"]


@pytest.mark.parametrize(
    "message", [[], None, "text", 7, {"meta": 7}, {"meta": {"tags": [1]}}, {"meta": {"requestPath": 1}}]
)
def test_what_is_no_message_is_refused(router, message):
    with pytest.raises(InvalidMessage):
        router.transform_input_raw(message)


@pytest.mark.parametrize("message", [[], None, "text", 7])
def test_what_is_no_message_has_no_route(router, message):
    with pytest.raises(InvalidMessage):
        router.route_raw(message)


def test_many_requests_are_each_answered_or_refused():
    router = HashRouter("champion=50,challenger=50", without_key="refuse")
    messages = [request({"user": "u1"}), request(), as_proto(request({"user": "u2"})), request({"user": True})]
    answers = router.transform_input_many(messages)
    assert [type(answer) for answer in answers] == [dict, InvalidKey, type(messages[2]), InvalidKey]
    assert tree_of(answers[0]) == router.transform_input_raw(messages[0])


# --- HashRouter


@FORMS
def test_a_user_stays_with_the_arm_of_the_documented_rule(form):
    router = HashRouter("champion=70,challenger=30", experiment="e", key="who")
    for k in range(50):
        tags = tree_of(router.transform_input_raw(form(request({"who": k}))))["meta"]["tags"]
        assert tags["arm"] == arm_of(str(k), "e", {"champion": 70.0, "challenger": 30.0})
        assert tags["propensity"] == {"champion": 0.7, "challenger": 0.3}[tags["arm"]]


@FORMS
def test_a_request_that_names_nobody_is_shared_out_by_chance_and_counted(form):
    router = HashRouter("champion=25,challenger=75")
    chances = itertools.cycle([0.1, 0.3, 0.6, 0.9])
    router._chance = lambda: next(chances)
    answers = [router.transform_input_raw(form(request())) for _ in range(4)]
    tags = [tree_of(answer)["meta"]["tags"] for answer in answers]
    assert [(each["arm"], each["propensity"]) for each in tags] == [("champion", 0.25)] + [("challenger", 0.75)] * 3
    assert all(metrics_of(answer)["router_choices_without_key", ()] == 1 for answer in answers)


def test_a_request_that_names_nobody_can_have_an_arm_or_be_refused():
    to_champion = HashRouter("champion=50,challenger=50", without_key="champion")
    tags = to_champion.transform_input_raw(request())["meta"]["tags"]
    assert (tags["arm"], tags["propensity"]) == ("champion", 1.0)
    for how, told in (({}, r"no meta\.tags\.user"), ({"column": "id"}, "no id")):
        refusing = HashRouter("champion=50,challenger=50", without_key="refuse", **how)
        with pytest.raises(InvalidKey, match=told):
            refusing.route_raw(request())


@FORMS
def test_rows_of_several_users_go_to_the_first_ones_arm_and_are_counted(form):
    router = HashRouter("champion=50,challenger=50", experiment="e", column="id")
    rows = [[k] for k in range(5, 9)]
    answer = router.transform_input_raw(form(request(names=["id"], rows=rows)))
    assert tree_of(answer)["meta"]["tags"]["arm"] == arm_of("5", "e", {"champion": 50.0, "challenger": 50.0})
    assert metrics_of(answer)["router_choices_of_several_keys", ()] == 1
    alone = router.transform_input_raw(form(request(names=["id"], rows=[[5], [5]])))
    assert ("router_choices_of_several_keys", ()) not in metrics_of(alone)


@pytest.mark.parametrize(
    "parameters",
    [
        {"arms": "a=50,b=40"},
        {"arms": "a=100", "without_key": "nobody"},
        {"arms": "a=100", "experiment": "a|b"},
        {"arms": "a=100", "experiment": ""},
        {"arms": "a=100", "key": ""},
    ],
)
def test_parameters_of_a_hash_router_are_checked_at_the_start(parameters):
    with pytest.raises(InvalidRouter, match="the parameter"):
        HashRouter(**parameters)


# --- bandits


@pytest.mark.parametrize("bandit", [EpsilonGreedy, ThompsonSampling])
@pytest.mark.parametrize(
    "parameters",
    [
        {"arms": "a=50,b=50"},
        {"arms": "a,b", "exploration_floor": 0.6},
        {"arms": "a,b", "state": "bandit-state:6379"},
        {"arms": "a,b", "experiment": "a b"},
        {"arms": "a,b", "duplicate_window_seconds": 0},
    ],
)
def test_parameters_of_a_bandit_are_checked_at_the_start(bandit, parameters):
    with pytest.raises(InvalidRouter, match="the parameter"):
        bandit(**parameters)


def test_without_shared_state_a_warning_says_what_that_means(caplog):
    router = EpsilonGreedy("a,b")
    assert not caplog.records
    router.load()
    router.load()
    assert caplog.text.count("learns by itself, and forgets when it ends") == 1
    router.close()


def test_feedback_teaches_the_arm_that_answered(router):
    message = as_proto(feedback("challenger", 1, truth={"data": {"ndarray": [1, 0.5, 0]}}, n_rows=3), "Feedback")
    answer = router.send_feedback_raw(message)
    assert metrics_of(answer)["router_trials", (("arm", "challenger"),)] == 3
    assert metrics_of(answer)["router_reward", (("arm", "challenger"),)] == 1.5
    zero = router.send_feedback_raw(as_proto(feedback(None, 0, routing={"router": 0}), "Feedback"))
    assert metrics_of(zero)["router_trials", (("arm", "champion"),)] == 1
    assert ("router_reward", (("arm", "champion"),)) not in metrics_of(zero)
    assert tree_of(zero)["meta"]["requestPath"] == {"router": "forkcast/router:1"}


def test_feedback_that_names_no_arm_teaches_nothing_and_is_counted(router):
    answer = router.send_feedback_raw(feedback(None, 1))
    assert metrics_of(answer)["router_feedback_ignored", (("reason", "no_arm"),)] == 1
    assert not any(key == "router_trials" for key, _ in metrics_of(answer))


@pytest.mark.parametrize("bandit", [EpsilonGreedy, ThompsonSampling])
def test_a_bandit_learns_once_from_each_request_and_nothing_from_what_is_wrong(bandit):
    router = bandit("champion,challenger", exploration_floor=0.1)
    probabilities = router._probabilities
    for wrong in (feedback("champion", 2), feedback("champion", 1, routing={"router": 1}), feedback("champion", True)):
        with pytest.raises(InvalidFeedback):
            router.send_feedback_raw(wrong)
    assert router._probabilities == probabilities
    assert (
        metrics_of(router.send_feedback_raw(feedback("champion", 0, puid="x")))["router_trials", (("arm", "champion"),)]
        == 1
    )
    known = router._probabilities
    assert known[0] < 0.5 < known[1]
    assert min(known) >= 0.1
    again = router.send_feedback_raw(feedback("champion", 1, puid="x"))
    assert metrics_of(again)["router_feedback_ignored", (("reason", "duplicate"),)] == 1
    assert router._probabilities == known
    router.close()


def test_replicas_learn_together_under_the_name_of_their_router(valkey_of_module):
    one, other = (ThompsonSampling("champion,challenger", state=valkey_of_module.url, experiment="e") for _ in range(2))
    assert one.state_name == "xgboost/arms/router/e"
    other.load()
    for _ in range(30):
        one.send_feedback_raw(feedback("challenger", 1))
    deadline = time.monotonic() + 30
    while other._probabilities != one._probabilities:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert one._probabilities[1] == pytest.approx(0.05 + 0.9 * 31 / 32, abs=1e-5)  # of Beta(31, 1) above Beta(1, 1)
    assert other.transform_input_raw(request())["meta"]["tags"]["propensity"] in {*one._probabilities}
    one.close()
    other.close()


def test_while_the_store_is_away_choices_go_on_and_feedback_is_refused(valkey, caplog):
    caplog.set_level(logging.WARNING)
    router = EpsilonGreedy("champion,challenger", state=valkey.url)
    router.send_feedback_raw(feedback("champion", 0))
    known = router._probabilities
    assert known == pytest.approx((0.05, 0.95))
    valkey.kill()
    with pytest.raises(StoreUnavailable) as refused:
        router.send_feedback_raw(feedback("challenger", 0))
    assert isinstance(refused.value, ModelServerError)
    assert refused.value.http_status == 503
    arms = Counter(router.transform_input_raw(request())["meta"]["tags"]["arm"] for _ in range(200))
    assert router._probabilities == known
    assert arms["challenger"] > arms["champion"]
    told = {metric["key"]: metric for metric in router.metrics()}
    assert told["router_store_errors"]["value"] >= 1
    assert told["router_state_age_seconds"]["value"] > 0
    router.close()


def test_news_are_told_now_and_then_not_with_each_request():
    router = EpsilonGreedy("champion,challenger")
    told = [metrics_of(router.transform_input_raw(request())) for _ in range(100)]
    gauges = [metrics for metrics in told if ("router_arm_probability", (("arm", "champion"),)) in metrics]
    assert told[0] in gauges
    assert len(gauges) < 100
    assert ("router_state_age_seconds", ()) in told[0]
    router.close()
