"""Stock wrappers are killed under traffic: they come back, and the graph servers that call them stay."""

import os
import signal

import numpy as np
import psutil
import pytest
from runtime_under_test import (
    assert_have_ended,
    champion_of,
    eventually,
    has_restarted,
    overlay,
    predictor,
    tree_of,
)
from seldon_core.seldon_client import SeldonClient
from steady_load import Load

pytestmark = [pytest.mark.component, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def isolated(forkcast_of_module):
    forkcast_of_module.up(overlay(predictor("champion", 50), predictor("challenger", 50)), "--isolated")
    return forkcast_of_module


def test_a_killed_wrapper_comes_back_whole_and_the_graph_server_before_it_stays(isolated):
    server, wrapper = champion_of(isolated)
    tree = tree_of(wrapper["pid"])
    assert len(tree) > 4  # gunicorn, its worker, gRPC, metrics, ...: kill -9 of the first one orphans the others
    with Load(isolated.url, 50) as load:
        eventually(lambda: {"champion", "challenger"} <= set(load.answers))
        os.kill(wrapper["pid"], signal.SIGKILL)

        def is_back():
            champion, now = champion_of(isolated)
            return champion["condition"] == "ready" and has_restarted(now, wrapper)

        eventually(is_back, what="the champion being back")
        n_until_back = len(load.answers)
        eventually(lambda: "champion" in load.answers[n_until_back:])
    assert "challenger" in load.answers
    # Until the gateway knows, the graph server says as Seldon's executor does that it cannot reach its component.
    assert all(failure.startswith(("failed: 500", "failed: 503")) for failure in load.failures)
    assert_have_ended(tree)
    after, _ = champion_of(isolated)
    assert (after["pid"], after["restarts"]) == (server["pid"], server["restarts"])


def test_a_wrapper_whose_grpc_worker_died_is_started_anew(isolated):
    _, wrapper = champion_of(isolated)
    client = SeldonClient(
        deployment_name="xgboost", namespace="seldon", gateway_endpoint=isolated.gateway, transport="grpc"
    )
    (worker,) = [
        process
        for process in psutil.Process(wrapper["pid"]).children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == wrapper["ports"]["grpc"]
    ]
    with Load(isolated.url, 50) as load:
        os.kill(worker.pid, signal.SIGKILL)
        eventually(lambda: has_restarted(champion_of(isolated)[1], wrapper), what="another wrapper")
        eventually(lambda: champion_of(isolated)[0]["condition"] == "ready", what="the champion being back")
        n_until_back = len(load.answers)
        eventually(lambda: "champion" in load.answers[n_until_back:])

    def champion_answers():
        reply = client.predict(data=np.array([[1.0]]))
        return reply.success and reply.response["meta"]["tags"]["predictor"] == "champion"

    eventually(champion_answers, what="gRPC being answered by the champion")
