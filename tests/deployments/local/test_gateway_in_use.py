"""What a client of a running overlay meets: real Envoy, real graph servers, and the real SeldonClient."""

import subprocess

import numpy as np
import psutil
import pytest
import requests
from runtime_under_test import overlay, ports_of, predictor
from seldon_core.seldon_client import SeldonClient
from steady_load import BODY, ask_many

pytestmark = [pytest.mark.component, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_seldon_client_is_answered_through_the_gateway(shared_forkcast, transport):
    client = SeldonClient(
        deployment_name="xgboost", namespace="seldon", gateway_endpoint=shared_forkcast.gateway, transport=transport
    )
    answer = client.predict(data=np.array([[1.0, 2.5]]), payload_type="tensor")
    assert answer.success, answer.msg
    assert answer.response["data"]["tensor"]["values"] == [1.0, 2.5]
    assert answer.response["meta"]["tags"]["predictor"] in {"champion", "challenger"}


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_seldon_clients_feedback_on_an_answer_is_taken_through_the_gateway(shared_forkcast, transport):
    client = SeldonClient(
        deployment_name="xgboost",
        namespace="seldon",
        gateway_endpoint=shared_forkcast.gateway,
        transport=transport,
        client_return_type="proto",
    )
    answer = client.predict(data=np.array([[1.0, 2.5]]), payload_type="ndarray")
    thanks = client.feedback(prediction_request=answer.request, prediction_response=answer.response, reward=1.0)
    assert thanks.success, thanks.msg


def test_an_explanation_where_there_is_no_explainer_fails_cleanly(shared_forkcast):
    client = SeldonClient(deployment_name="xgboost", namespace="seldon", gateway_endpoint=shared_forkcast.gateway)
    explanation = client.explain(predictor="champion", data=np.array([[1.0]]))
    assert not explanation.success
    assert "404" in explanation.msg
    assert shared_forkcast.status_of("champion")["condition"] == "ready"


def test_90_of_100_requests_reach_the_champion(shared_forkcast):
    answers = ask_many(shared_forkcast.url, 1500)
    assert set(answers) == {"champion", "challenger"}
    # 1500 draws at 0.9: 1350 expected, standard deviation 11.6; 5 of them on either side: odds of a false alarm 6e-7.
    assert abs(answers["champion"] - 1350) <= 58


def test_a_body_of_20_mb_is_answered_413_and_the_next_request_is_well(shared_forkcast):
    session = requests.Session()
    answer = session.post(shared_forkcast.url, data=b'"' + b"x" * 20_000_000 + b'"', timeout=30)
    assert answer.status_code == 413
    assert session.post(shared_forkcast.url, json=BODY, timeout=30).status_code == 200


def test_a_grpc_message_over_the_servers_own_limit_is_refused_by_the_server(shared_forkcast):
    client = SeldonClient(
        deployment_name="xgboost",
        namespace="seldon",
        gateway_endpoint=shared_forkcast.gateway,
        transport="grpc",
        grpc_max_send_message_length=64 * 2**20,
        grpc_max_receive_message_length=64 * 2**20,
    )
    answer = client.predict(data=np.ones((3_000_000, 1)), payload_type="tensor")
    assert not answer.success
    assert "RESOURCE_EXHAUSTED" in answer.msg


def test_a_path_where_nothing_is_served_is_answered_404_with_what_is(shared_forkcast):
    answer = requests.get(f"http://{shared_forkcast.gateway}/nope", timeout=10)
    assert answer.status_code == 404
    assert "/seldon/seldon/xgboost/api/v1.0/predictions" in answer.text


def test_grpc_for_another_deployment_is_unimplemented(shared_forkcast):
    client = SeldonClient(
        deployment_name="other", namespace="seldon", gateway_endpoint=shared_forkcast.gateway, transport="grpc"
    )
    assert "UNIMPLEMENTED" in client.predict(data=np.array([[1.0]])).msg


def test_every_answer_carries_a_puid_and_the_callers_own_is_kept(shared_forkcast):
    made = {requests.post(shared_forkcast.url, json=BODY, timeout=10).headers["seldon-puid"] for _ in range(3)}
    assert len(made) == 3
    own = requests.post(shared_forkcast.url, json=BODY, headers={"Seldon-Puid": "mine-17"}, timeout=10)
    assert own.headers["seldon-puid"] == "mine-17"


def test_nothing_listens_beyond_loopback(shared_forkcast):
    loopback = {"127.0.0.1", "::ffff:127.0.0.1"}
    listening = set()
    for process in shared_forkcast.processes():
        listening |= {each.laddr for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN}
    status = shared_forkcast.status()
    expected = {shared_forkcast.port, *ports_of(status)}
    assert {address.port for address in listening} == expected
    assert {address.ip for address in listening} <= loopback


def test_the_sockets_of_the_runtime_are_its_owners_alone(shared_forkcast):
    sockets = [
        each.laddr
        for each in psutil.Process(shared_forkcast.status()["pid"]).net_connections("unix")
        if each.laddr.endswith("control.sock")
    ]
    assert sockets
    modes = subprocess.run(["stat", "-c", "%a", *sockets], capture_output=True, text=True, check=True).stdout.split()
    assert set(modes) == {"600"}


def test_status_counts_the_requests_of_each_predictor(shared_forkcast):
    before = {each["predictor"]: each["requests"] for each in shared_forkcast.status()["predictors"]}
    answers = ask_many(shared_forkcast.url, 50)
    after = {each["predictor"]: each["requests"] for each in shared_forkcast.status()["predictors"]}
    assert {name: after[name] - before[name] for name in after} == {
        "champion": answers["champion"],
        "challenger": answers["challenger"],
    }
    assert "champion" in shared_forkcast("status")


def test_logs_shows_one_component_by_its_predictors_name(shared_forkcast):
    shown = shared_forkcast("logs", "challenger")
    assert "xgboost-challenger | " in shown
    assert "an echo for challenger" in shown
    assert "xgboost-champion" not in shown
    assert "there are: " in shared_forkcast("logs", "nobody", code=2)


def test_a_second_up_is_refused_and_says_what_to_do(shared_forkcast):
    text = overlay(predictor("champion"))
    said = shared_forkcast("up", shared_forkcast.write(text, "second.json"), "--port", "1", code=2)
    assert "forkcast apply" in said
    elsewhere = ("--state", "other", "--port", str(shared_forkcast.port))
    said = shared_forkcast("up", "second.json", *elsewhere, code=1)
    assert f"port {shared_forkcast.port}" in said
    assert "envoy" in said
