"""An overlay that brings a Valkey: it runs here, outlives whoever uses it, and forgets nothing."""

import json
import os
import signal
from pathlib import Path

import pytest
import requests
from runtime_under_test import eventually, has_restarted, overlay, predictor
from test_companions import service, workload

pytestmark = pytest.mark.component

STATE = {"name": "state", "value": "redis://bandit-state:6379/0", "type": "STRING"}


def remembering(name="champion"):
    deployment = overlay(predictor(name, model_name="echo_model.Remembering", parameters=[STATE]))
    return "\n---\n".join([deployment, json.dumps(service()), json.dumps(workload())])


def count(forkcast):
    answer = requests.post(forkcast.url, json={"data": {"ndarray": [[1.0]]}}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["ndarray"][0][0]


def store_of(forkcast):
    (store,) = forkcast.status()["stores"]
    return store


def test_what_is_counted_survives_kill_9_apply_and_down(forkcast):
    forkcast.up(remembering())
    assert [count(forkcast) for _ in range(3)] == [1, 2, 3]
    before = store_of(forkcast)
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: has_restarted(store_of(forkcast), before) and store_of(forkcast)["condition"] == "ready")
    assert count(forkcast) == 4
    forkcast.apply(overlay(predictor("champion")))
    assert forkcast.status()["stores"] == []
    forkcast.apply(remembering("other"))
    assert count(forkcast) == 5
    forkcast("down")
    assert forkcast.processes() == []
    forkcast.up(remembering())
    assert count(forkcast) == 6
    assert "bandit-state" in forkcast("status")


def test_isolated_components_reach_it_too_and_nobody_else_does(forkcast):
    forkcast.up(remembering(), "--isolated")
    assert count(forkcast) == 1
    sockets = Path(json.loads((forkcast.state / "runtime.json").read_text())["sockets"])
    (socket,) = sockets.glob("store-*")
    assert socket.stat().st_mode & 0o077 == 0
    forkcast("down")
    assert not socket.exists()


def test_a_store_that_does_not_start_is_told_with_its_log(forkcast):
    (forkcast.state / "stores" / "seldon.bandit-state" / "appendonlydir").mkdir(parents=True)
    manifest = forkcast.state / "stores" / "seldon.bandit-state" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.write_text("damaged\n")
    said = forkcast.up(remembering(), code=1)
    assert "bandit-state" in said
    assert "manifest" in said.lower()
    assert forkcast.processes() == []
