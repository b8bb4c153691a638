"""`forkcast top` beside a runtime under traffic."""

import json

import pytest
from runtime_under_test import eventually
from steady_load import Load

pytestmark = pytest.mark.component


def test_it_tells_what_each_predictor_does_and_should(shared_forkcast):
    with Load(shared_forkcast.url, 100) as load:
        eventually(lambda: len(load.answers) > 20, what="traffic")
        lines = shared_forkcast("top", "--count", "2", "--interval", "1", "--json").splitlines()
        drawn = shared_forkcast("top", "--count", "1", "--interval", "1")
    assert load.failures == {}
    tables = [json.loads(line) for line in lines]
    for rows in tables:
        assert {row["name"]: row["weight_percent"] for row in rows} == {"champion": 90, "challenger": 10}
        assert sum(row["share_percent"] for row in rows) == pytest.approx(100)
        assert sum(row["requests_per_second"] for row in rows) > 0
        assert {row["error_percent"] for row in rows} <= {0.0, None}
    assert "champion" in drawn
    assert "90 %" in drawn


def test_where_nothing_runs_it_says_how_to_start(forkcast):
    assert "forkcast up" in forkcast("top", "--count", "1", code=2)
