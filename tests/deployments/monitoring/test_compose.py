"""What monitoring/compose.yaml would start: held to what it mounts, since there is no Docker here to start it."""

from pathlib import Path

import pytest
import yaml

from deployments.local import scraping
from deployments.monitoring.dashboards.rendering import dashboards

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "monitoring"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def mounts(service):
    """Container path -> what of ours is there."""
    told = SERVICES[service]["volumes"]
    pairs = [(each["target"], each["source"]) for each in told if isinstance(each, dict)]
    pairs += [each.split(":")[1::-1] for each in told if isinstance(each, str)]
    return {target: (FOLDER / source).resolve() for target, source in pairs if source.startswith(".")}


def provisioned(kind):
    [file] = (mounts("grafana")["/etc/grafana/provisioning"] / kind).iterdir()
    return yaml.safe_load(file.read_text())


def test_prometheus_reads_what_a_runtime_writes():
    assert mounts("prometheus") == {"/etc/forkcast": ROOT / ".forkcast/prometheus"}
    written = yaml.safe_load(scraping.configuration(desired_state_port=1))
    [targets] = [each for job in written["scrape_configs"] for each in job.get("file_sd_configs", ())]
    for path in (*written["rule_files"], *targets["files"]):
        assert "/" not in path, "relative to the configuration, wherever that is mounted"


def test_grafana_finds_the_committed_dashboards_and_that_prometheus():
    [provider] = provisioned("dashboards")["providers"]
    folder = mounts("grafana")[provider["options"]["path"]]
    assert {file.name for file in folder.glob("*.json")} == set(dashboards())
    [source] = provisioned("datasources")["datasources"]
    [address] = [each for each in SERVICES["prometheus"]["command"] if "listen-address" in each]
    assert source["url"] == "http://" + address.partition("=")[2]
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == f"{scraping.INTERVAL_SECONDS}s"


@pytest.mark.parametrize("service", SERVICES)
def test_each_listens_on_loopback_alone_without_capabilities(service):
    told = SERVICES[service]
    listens_on = [*told.get("command", ()), told.get("environment", {}).get("GF_SERVER_HTTP_ADDR", "")]
    assert any("127.0.0.1" in each for each in listens_on)
    assert told["cap_drop"] == ["ALL"]
    assert ":latest" not in told["image"]
    assert ":" in told["image"]
