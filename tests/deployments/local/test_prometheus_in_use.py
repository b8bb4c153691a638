"""Prometheus beside a runtime: it finds what runs, follows a change, keeps its data, and ends with the rest."""

import shutil

import psutil
import pytest
import requests
from runtime_under_test import eventually, overlay, predictor, tree_of

pytestmark = pytest.mark.component
SHARES = "forkcast_predictor_traffic_percent"


@pytest.fixture
def watched(forkcast, monkeypatch):
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    monkeypatch.setenv("FORKCAST_PROMETHEUS", "1")
    return forkcast


def asked(url, query):
    answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=10).json()
    return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]


def pods_up(url):
    return {labels["pod"] for labels, value in asked(url, 'up{job="forkcast"}') if value == 1}


def shares_of(url):
    return {labels["predictor_name"]: value for labels, value in asked(url, SHARES)}


def test_it_finds_what_runs_follows_a_change_keeps_its_data_and_ends_with_the_rest(watched):
    welcome = watched.up(overlay(predictor("champion", traffic=100)))
    told = watched.status()["prometheus"]
    url = told["url"]
    assert url in welcome
    assert url in watched("status")
    eventually(lambda: watched.status()["prometheus"]["condition"] == "ready", what="Prometheus")
    eventually(lambda: pods_up(url) == {"xgboost-champion"}, what="the champion's scrape")
    eventually(lambda: shares_of(url) == {"champion": 100}, what="the champion's share")

    canary = overlay(predictor("champion", traffic=90), predictor("challenger", traffic=10))
    watched("apply", watched.write(canary, "canary.json"))
    eventually(lambda: pods_up(url) == {"xgboost-champion", "xgboost-challenger"}, what="both scrapes")
    eventually(lambda: shares_of(url) == {"champion": 90, "challenger": 10}, what="both shares")

    status = watched.status()
    assert psutil.Process(told["pid"]) in tree_of(status["pid"])
    watched("down")
    watched.assert_nothing_is_left(status)
    assert not psutil.pid_exists(told["pid"])

    watched.up(overlay(predictor("champion", traffic=100)))
    url = watched.status()["prometheus"]["url"]
    past = f"max_over_time({SHARES}{{predictor_name='challenger'}}[10m])"
    eventually(lambda: [value for _, value in asked(url, past)] == [10], what="what an earlier run had seen")


def test_without_the_program_all_else_runs_and_it_is_said_where_the_configuration_lies(watched, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    welcome = watched.up(overlay(predictor("champion", traffic=100)))
    told = watched.status()["prometheus"]
    assert told["url"] is None
    for text in (welcome, watched("status")):
        assert "apt-get install prometheus" in text
        assert told["configuration"] in text


def test_where_its_folder_cannot_be_written_all_else_runs_and_it_is_said(watched):
    watched.state.mkdir()
    (watched.state / "prometheus").write_text("in the way")
    assert "no Prometheus" in watched.up(overlay(predictor("champion", traffic=100)))
    assert requests.post(watched.url, json={"data": {"ndarray": [[1.0]]}}, timeout=30).status_code == 200
    watched.apply(overlay(predictor("champion", traffic=90), predictor("challenger", traffic=10)))
    assert watched.status()["ready"]
