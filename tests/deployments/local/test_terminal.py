"""What `forkcast status` shows: within 80 characters, whatever runs."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from deployments.local.terminal import places, table


def program(port, **fields):
    ports = {"http": port, "grpc": port + 1, "metrics": port}
    metrics = f"http://127.0.0.1:{port}/prometheus"
    return {"condition": "ready", "pid": 4_194_303, "restarts": 2, "ports": ports, "metrics": metrics} | fields


def predictor(name, port, models, *components):
    own = {"name": f"xgboost-{name}", "predictor": name, "traffic_percent": 100, "shadow": True, "requests": 1_234_567}
    return program(port, **own, models=models, components=list(components))


def shown(*predictors):
    status = {"deployments": [{}], "predictors": predictors}
    console = Console(file=StringIO(), width=80)
    console.print(table(status))
    console.print(places(status))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_each_predictor_has_a_line_with_its_state_and_one_with_its_metrics_and_models():
    models = {"classifier": str(Path.cwd() / "models" / "challenger")}
    lines = shown(predictor("challenger", 32_766, models))
    assert len(lines) == 4
    assert "challenger  100 % copied  ready  1,234,567         2  4194303  32766/32767" in lines[1]
    assert lines[3].split() == ["challenger", "http://127.0.0.1:32766/prometheus", "models/challenger"]


def test_components_in_wrappers_of_their_own_follow_their_predictor():
    wrapper = program(20_000, name="xgboost-challenger.classifier", node="classifier", condition="failed")
    lines = shown(predictor("challenger", 32_766, {}, wrapper))
    assert lines[2].split() == ["classifier", "failed", "2", "4194303", "20000/20001"]
    assert lines[5].split() == ["classifier", "http://127.0.0.1:20000/prometheus"]


@pytest.mark.parametrize("models", [{}, {"a": "/m/a", "b": "/m/b"}])
def test_a_graph_of_several_models_shows_them_all(models):
    text = "\n".join(shown(predictor("champion", 20_000, models)))
    assert all(path in text for path in models.values())
