"""Graphs of several nodes through the gateway: all in one process, or each component in Seldon's own wrapper."""

import numpy as np
import pytest
import requests
import xgboost as xgb
from prometheus_client.parser import text_string_to_metric_families
from runtime_under_test import eventually, graph_of, node, overlay, ports_of, predictor
from seldon_core.seldon_client import SeldonClient
from seldon_core.utils import seldon_message_to_json
from steady_load import Load

pytestmark = [pytest.mark.component, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def scorer(name, bias):
    parameters = [{"name": "bias", "value": str(bias), "type": "FLOAT"}]
    return node(name, "MODEL", model_name="echo_model.Scorer", parameters=parameters)


def routed(predictor_name="champion"):
    """A transformer over a router over two models, with routing told in the answer so that feedback finds its way."""
    router = node("router", "ROUTER", scorer("plus", 0.5), scorer("minus", 0.25), model_name="echo_model.BySign")
    graph = node("doubler", "TRANSFORMER", router, model_name="echo_model.Doubler")
    told = [{"name": "SELDON_ENABLE_ROUTING_INJECTION", "value": "true"}]
    return graph_of(predictor_name, graph) | {"svcOrchSpec": {"env": told}}


@pytest.fixture(scope="module")
def running(forkcast_of_module):
    forkcast_of_module.up(overlay(routed()))
    return forkcast_of_module


@pytest.fixture
def graph(running):
    """The graph in one process, whatever the test before has made of it."""
    running.apply(overlay(routed()), "--fused")
    return running


def test_a_request_takes_its_way_through_the_graph(graph):
    for value, expected, by in ((1.5, 3.5, "plus"), (-1.5, -2.75, "minus")):
        answer = requests.post(graph.url, json={"data": {"ndarray": [[value]]}}, timeout=30).json()
        assert answer["data"] == {"names": ["score"], "ndarray": [[expected]]}
        assert answer["meta"]["tags"] == {"doubled": True, "predictor": "champion", "scored_by": by}
        assert answer["meta"]["requestPath"] == {"doubler": "doubler:1", by: f"{by}:1"}


ASKED = [
    {"data": {"names": ["a"], "ndarray": [[3]]}},
    {"data": {"ndarray": [[-1.25], [2.0]]}},
    {"data": {"names": ["a", "b"], "tensor": {"shape": [1, 2], "values": [1.5, -2]}}},
    {"data": {"ndarray": [[-7]]}, "meta": {"puid": "mine", "tags": {"own": [1, {"a": None}]}}},
]


def client(forkcast, transport="grpc"):
    return SeldonClient(
        deployment_name="xgboost",
        namespace="seldon",
        gateway_endpoint=forkcast.gateway,
        transport=transport,
        client_return_type="proto",
    )


def everything_answered(forkcast):
    """What REST and gRPC say to all that is asked, and to feedback on it."""
    found = []
    feedback_url = forkcast.url.replace("predictions", "feedback")
    for message in ASKED:
        rest = requests.post(forkcast.url, json=message, timeout=30)
        assert rest.status_code == 200, rest.text
        feedback = {"request": message, "response": rest.json(), "reward": 1.0}
        told = requests.post(feedback_url, json=feedback, timeout=30)
        assert told.status_code == 200, told.text
        reply = client(forkcast).predict(raw_data=message)
        assert reply.success, reply.msg
        thanks = client(forkcast).feedback(raw_request=with_proto_response(message, reply.response), reward=1.0)
        assert thanks.success, thanks.msg
        found += [rest.json(), told.json()]
        found += [seldon_message_to_json(each) for each in (reply.response, thanks.response)]
    return found


def with_proto_response(message, response):
    return {"request": message, "response": seldon_message_to_json(response), "reward": 1.0}


def rewards(forkcast):
    """Rewards so far by the model that got them, over all programs of the predictor."""
    (champion,) = forkcast.status()["predictors"]
    found = {}
    for program in (champion, *champion["components"]):
        text = requests.get(program["metrics"], timeout=10).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "seldon_api_model_feedback_reward_total":
                    name = sample.labels["model_name"]
                    found[name] = found.get(name, 0.0) + sample.value
    return found


def test_fused_and_isolated_answer_alike_and_moving_between_them_fails_no_request(graph):
    fused = everything_answered(graph)
    before = rewards(graph)
    with Load(graph.url, 40) as load:
        eventually(lambda: len(load.answers) > 40)
        graph.apply(overlay(routed()), "--isolated")
        n_until_applied = len(load.answers)
        eventually(lambda: len(load.answers) > n_until_applied + 40)
        isolated = everything_answered(graph)
        isolated_status = graph.status()
        isolated_rewards = eventually(lambda: rewards(graph), what="rewards at the wrappers")
        graph.apply(overlay(routed()), "--fused")
        n_until_applied = len(load.answers)
        eventually(lambda: len(load.answers) > n_until_applied + 40)
    assert load.failures == {}
    assert isolated == fused
    (champion,) = isolated_status["predictors"]
    assert isolated_status["isolated"]
    assert [each["node"] for each in champion["components"]] == ["doubler", "router", "plus", "minus"]
    assert len(ports_of(isolated_status)) == 2 + 4 * 3
    assert not graph.status()["isolated"]
    assert graph.status_of("champion")["components"] == []
    assert before["plus"] == isolated_rewards["plus"] == 4.0
    assert before["minus"] == isolated_rewards["minus"] == 4.0


@pytest.mark.parametrize("how", ["--fused", "--isolated"])
def test_the_prepackaged_xgboost_server_answers_as_xgboost_does_behind_a_transformer_too(graph, how):
    rows = np.random.default_rng(3).normal(size=(60, 3))
    booster = xgb.train({"nthread": 1}, xgb.DMatrix(rows, rows.sum(axis=1), nthread=1), num_boost_round=3)
    folder = graph.folder / "models" / "boosted"
    folder.mkdir(parents=True, exist_ok=True)
    booster.save_model(folder / "model.json")
    prepackaged = node("m", None, implementation="XGBOOST_SERVER", model_uri="pvc://models/boosted")
    behind = node("doubler", "TRANSFORMER", prepackaged, model_name="echo_model.Doubler")
    graph.apply(overlay(graph_of("champion", behind)), how)
    expected = booster.predict(xgb.DMatrix(rows[:4] * 2, nthread=1))
    answer = requests.post(graph.url, json={"data": {"ndarray": rows[:4].tolist()}}, timeout=30).json()
    assert np.array(answer["data"]["ndarray"], np.float32).tolist() == expected.tolist()
    reply = client(graph).predict(data=rows[:4], payload_type="tensor")
    assert np.array(reply.response.data.tensor.values, np.float32).tolist() == expected.tolist()


def test_an_isolated_runtime_stays_isolated_and_leaves_nothing(forkcast):
    forkcast.up(overlay(predictor("champion")), "--isolated")
    forkcast.apply(overlay(predictor("champion", 50), predictor("challenger", 50)))
    status = forkcast.status()
    assert status["isolated"]
    assert [[each["name"] for each in one["components"]] for one in status["predictors"]] == [
        ["xgboost-champion.echo"],
        ["xgboost-challenger.echo"],
    ]
    shown = forkcast("status")
    assert "(isolated)" in shown
    assert status["predictors"][0]["components"][0]["metrics"] in shown
    logged = forkcast("logs", "champion")
    assert "xgboost-champion.echo | " in logged
    assert "challenger" not in logged
    forkcast("down")
    forkcast.assert_nothing_is_left(status)
    assert not (forkcast.state / "podinfo").exists()


def test_the_graph_server_is_told_the_annotations_of_its_pod(graph):
    graph.apply(overlay(routed(), annotations={"seldon.io/grpc-max-message-size": "1000"}))
    small, large = (client(graph).predict(data=np.ones((n, 1)), payload_type="tensor") for n in (50, 500))
    assert small.success, small.msg
    assert not large.success
    assert "RESOURCE_EXHAUSTED" in large.msg


def test_a_model_that_is_not_of_this_machine_is_fetched_by_the_graph_server(graph):
    model = graph.folder / "elsewhere"
    model.mkdir()
    (model / "model.txt").write_text("1")
    graph.apply(overlay(predictor("champion", model_uri=f"local://{model}")))
    answer = requests.post(graph.url, json={"data": {"ndarray": [[1]]}}, timeout=30).json()
    assert answer["meta"]["tags"]["model"] not in {"", f"local://{model}", "/mnt/models"}
