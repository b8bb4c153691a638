"""What Prometheus is told: its configuration, the targets of a plan, and what share each predictor should have."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from runtime_under_test import overlay, predictor

from deployments.local import scraping
from deployments.local.planning import plan
from deployments.local.programs import ModelFolder, Ports
from deployments.monitoring.desired_state import Share, exposition
from deployments.seldon import load_documents

MODELS = {"pvc://models/champion": ModelFolder(Path("/models/champion"), "digest-1")}


def planned(*predictors, isolated=False):
    deployments = load_documents(overlay(*predictors), "overlay.json")
    return plan(deployments, MODELS, volumes=Path("/volumes"), isolated=isolated, python="python3.12")


def test_each_process_is_a_target_with_the_labels_of_a_pod():
    a_plan = planned(predictor("champion"), isolated=True)
    [server] = a_plan.servers
    wrapper = server.wrappers[0].node
    ports = {server.key: {"": Ports(1, 2, 1), wrapper: Ports(3, 4, 5)}}
    assert json.loads(scraping.targets(a_plan, ports)) == [
        {
            "targets": ["127.0.0.1:1"],
            "labels": {"namespace": "seldon", "pod": "xgboost-champion", "container": "graph-server"},
        },
        {
            "targets": ["127.0.0.1:5"],
            "labels": {"namespace": "seldon", "pod": "xgboost-champion", "container": wrapper},
        },
    ]


def test_a_server_that_is_not_up_yet_is_no_target():
    assert json.loads(scraping.targets(planned(predictor("champion")), {})) == []


def test_shares_are_those_of_the_manifest_and_a_shadow_is_one():
    shadow = predictor("challenger", shadow=True, traffic=100)
    a_plan = planned(predictor("champion", traffic=100), shadow)
    assert scraping.shares(a_plan) == [
        Share("seldon", "xgboost", "champion", "live", 100),
        Share("seldon", "xgboost", "challenger", "shadow", 100),
    ]


def test_shares_are_told_in_prometheus_own_format():
    page = exposition([Share("seldon", "xgboost", "champion", "live", 90)]).decode()
    [family] = text_string_to_metric_families(page)
    [sample] = family.samples
    assert (family.type, sample.name, sample.value) == ("gauge", "forkcast_predictor_traffic_percent", 90)
    assert sample.labels == {
        "namespace": "seldon",
        "deployment_name": "xgboost",
        "predictor_name": "champion",
        "role": "live",
    }


def test_promtool_accepts_the_configuration(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    (tmp_path / "targets.json").write_text(scraping.targets(planned(predictor("champion")), {}))
    (tmp_path / "rules.yml").write_text("groups: []\n")
    text = scraping.configuration(desired_state_port=12345)
    (tmp_path / "prometheus.yml").write_text(text)
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]] == [
        "forkcast",
        "forkcast-desired-state",
        "forkcast-simulator",
    ]
