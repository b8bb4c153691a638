"""What the exporter answers, whatever the API server says; on a cluster: tests/deployments/monitoring."""

import json
import socket
import threading
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deployments.cluster.errors import NotAllowed
from deployments.cluster.exporter import app, server
from deployments.cluster.scraping import shares_of
from deployments.monitoring.desired_state import Share
from deployments.seldon import load_documents


def asked(shares, path="/metrics"):
    told = []
    [body] = app(shares)({"PATH_INFO": path}, lambda status, headers: told.append((status, dict(headers))))
    [(status, headers)] = told
    assert int(headers["Content-Length"]) == len(body)
    return int(status[:3]), body.decode()


def test_each_share_is_a_sample():
    status, page = asked(lambda: [Share("a", "d", "p", "live", 10), Share("b", "d", "p", "shadow", 100)])
    [family] = text_string_to_metric_families(page)
    assert status == 200
    assert {(s.labels["namespace"], s.labels["role"]): s.value for s in family.samples} == {
        ("a", "live"): 10,
        ("b", "shadow"): 100,
    }


def test_what_the_api_server_refuses_is_no_empty_truth():
    def refused():
        raise NotAllowed("you may not list seldondeployments")

    assert asked(refused) == (503, "you may not list seldondeployments\n")
    assert asked(refused, "/healthz")[0] == 200
    assert asked(refused, "/")[0] == 404


def test_a_client_that_says_nothing_keeps_nobody_waiting():
    with server(lambda: [Share("a", "d", "p", "live", 10)], "127.0.0.1", 0) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            with socket.create_connection(("127.0.0.1", listening.server_port)):
                url = f"http://127.0.0.1:{listening.server_port}/metrics"
                with urllib.request.urlopen(url, timeout=10) as answer:
                    assert b'percent{deployment_name="d"' in answer.read()
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("predictors", "percents"),
    [
        ([{"name": "a"}], {"a": 100}),
        ([{"name": "a", "traffic": 90}, {"name": "b", "traffic": 10}], {"a": 90, "b": 10}),
        ([{"name": "a", "traffic": 0}, {"name": "b", "shadow": True, "traffic": 20}], {"a": 100, "b": 20}),
        ([{"name": "a", "traffic": 100}, {"name": "b"}], {"a": 100, "b": 0}),
    ],
)
def test_a_lone_predictor_has_all_traffic_whatever_it_says(predictors, percents):
    graph = {
        "graph": {"name": "m", "type": "MODEL"},
        "componentSpecs": [{"spec": {"containers": [{"name": "m", "image": "m:1"}]}}],
    }
    document = {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": "d", "namespace": "n"},
        "spec": {"predictors": [{**graph, **each} for each in predictors]},
    }
    [deployment] = load_documents(json.dumps(document), "test")
    assert {share.predictor: share.percent for share in shares_of(deployment, "n")} == percents
