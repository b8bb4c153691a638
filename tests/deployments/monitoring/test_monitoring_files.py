"""The files of kustomize/monitoring: fresh, built by kubectl, and the same rules for both kinds of Prometheus."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.cli.monitoring import CannotWriteFile
from deployments.monitoring.rendering import kustomization, rule_file, rules_for_the_operator
from deployments.render import render

COMMITTED = Path(__file__).parents[3] / "kustomize" / "monitoring"


def test_the_command_writes_what_is_committed(tmp_path):
    result = CliRunner().invoke(app, ["monitoring", "--out", str(tmp_path / "new" / "monitoring")])
    assert result.exit_code == 0, result.output
    written = {
        str(file.relative_to(tmp_path / "new" / "monitoring")): file.read_text()
        for file in (tmp_path / "new").rglob("*")
        if file.is_file()
    }
    committed = {name: (COMMITTED / name).read_text() for name in written if (COMMITTED / name).is_file()}
    assert written == committed, "run `make generate`"
    for name, text in written.items():
        if name.endswith(".yaml"):
            assert text.startswith("# Written by `forkcast monitoring --out kustomize/monitoring`"), name


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["monitoring", "--out", str(tmp_path / "file")])
    assert isinstance(result.exception, CannotWriteFile)
    assert "give another folder by --out" in str(result.exception)


def test_both_kinds_of_prometheus_get_the_same_rules():
    operators = yaml.safe_load(rules_for_the_operator()["rules.yaml"])
    assert operators["spec"] == yaml.safe_load(rule_file())


@pytest.mark.component
def test_kubectl_builds_the_folder():
    documents = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(render(COMMITTED).text)}
    for kind in ("PrometheusRule", "PodMonitor"):
        document = documents[kind, "forkcast"]
        assert document["metadata"]["namespace"] == "monitoring"
        labels = document["metadata"]["labels"]
        assert labels == {"app.kubernetes.io/part-of": "forkcast", "release": "prometheus"}
    monitor = documents["PodMonitor", "forkcast"]["spec"]
    assert monitor["selector"] == {"matchLabels": {"app.kubernetes.io/managed-by": "seldon-core"}}, "no label is added"


@pytest.mark.component
def test_dashboards_become_config_maps_that_grafana_finds(tmp_path):
    files = rules_for_the_operator() | {"dashboards/overview.json": '{"title": "Overview"}\n'}
    files["kustomization.yaml"] = kustomization(files)
    for folder in (each for each in COMMITTED.iterdir() if each.is_dir() and each.name != "dashboards"):
        shutil.copytree(folder, tmp_path / folder.name)  # written by hand
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    documents = list(yaml.safe_load_all(render(tmp_path).text))
    (found,) = (each for each in documents if each["kind"] == "ConfigMap")
    assert found["metadata"]["name"] == "forkcast-dashboard-overview"
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["data"] == {"overview.json": '{"title": "Overview"}\n'}


@pytest.mark.component
def test_another_namespace_moves_all_of_it_and_who_may_list_with_it(tmp_path):
    """As the head of its kustomization.yaml says."""
    folder = os.path.relpath(COMMITTED, tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(f"namespace: observability\nresources: [{folder}]\n")
    built = [*yaml.safe_load_all(render(tmp_path).text)]
    [binding] = [each for each in built if each["kind"] == "ClusterRoleBinding"]
    assert [subject["namespace"] for subject in binding["subjects"]] == ["observability"]
    assert {each["metadata"].get("namespace", "observability") for each in built} == {"observability"}
