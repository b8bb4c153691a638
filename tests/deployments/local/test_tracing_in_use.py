"""Spans of a whole runtime: the gateway's is the parent of the graph server's."""

import pytest
import requests
from otlp_receiver import otlp_receiver
from runtime_under_test import overlay, predictor

pytestmark = pytest.mark.component
BODY = {"data": {"ndarray": [[1.0, 2.0]]}}
OWN_ID = "5b0f1c55-1111-4222-8333-444455556666"
GATEWAY, SERVER = "POST seldon/xgboost REST", "predict xgboost/champion"


@pytest.fixture
def receiver(monkeypatch):
    with otlp_receiver() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.endpoint)
        yield found


def test_the_gateways_span_is_the_parent_of_the_servers_and_the_clients_of_the_gateways(receiver, forkcast):
    forkcast.up(overlay(predictor("champion")))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answers = {
        puid: requests.post(forkcast.url, json=BODY, headers={"seldon-puid": puid, **headers}, timeout=30)
        for puid, headers in {"first": {}, "second": {"traceparent": parent}}.items()
    }
    assert {answer.status_code for answer in answers.values()} == {200}
    answer = requests.post(forkcast.url, json=BODY, headers={"x-request-id": OWN_ID}, timeout=30)
    assert answer.headers["seldon-puid"] == OWN_ID, "as without spans, of which Envoy would write into it"

    for puid in (*answers, OWN_ID):
        spans = receiver.of_puid(puid, 3)
        gateway, server, node = spans[GATEWAY], spans[SERVER], spans["echo /predict"]
        assert {span["kind"] for span in (gateway, server)} == {"SERVER"}
        assert (server["parent"], node["parent"]) == (gateway["id"], server["id"])
        assert len({span["trace"] for span in spans.values()}) == 1
        assert gateway["resource"]["service.name"] == "forkcast-gateway"
        assert server["resource"]["service.name"] == "xgboost-champion"
        assert (gateway["parent"] == "b7ad6b7169203331") == (puid == "second")


def test_requests_are_answered_where_nobody_takes_spans_and_the_log_is_not_full_of_it(monkeypatch, forkcast):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    forkcast.up(overlay(predictor("champion")))
    for _ in range(50):
        assert requests.post(forkcast.url, json=BODY, timeout=30).status_code == 200
    said = [line for line in forkcast("logs").splitlines() if "OTLP" in line or "opentelemetry" in line]
    assert len(said) <= 5, said


def test_a_collector_that_the_gateway_cannot_reach_is_said_and_nothing_fails(monkeypatch, forkcast):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.invalid:4318")
    forkcast.up(overlay(predictor("champion")))
    said = (forkcast.state / "logs" / "runtime.log").read_text()
    assert "the gateway tells no spans: OTEL_EXPORTER_OTLP_ENDPOINT is https" in said
    assert requests.post(forkcast.url, json=BODY, timeout=30).status_code == 200
