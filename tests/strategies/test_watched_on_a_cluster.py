"""kustomize/monitoring on a cluster: accepted as it is, and a real Prometheus that follows it fills the same panels.

Prometheus is told of Pods as the API server knows them, and relabels them as the PodMonitor says. It runs here, so the
addresses of Pods must be reached from this machine. See `site_on_a_cluster` for the cluster that this takes.
"""

import json
import shutil
import socket
import subprocess
import sys
from contextlib import closing, contextmanager

import promises
import pytest
import requests
import yaml
from pod_monitor import discovery, scrape_config
from site_on_a_cluster import GATEWAY, KUBECONFIG, MODELS_VOLUME, NAMESPACE

from deployments.monitoring.dashboards.extracting import queries_of
from deployments.monitoring.dashboards.rendering import dashboards

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.component,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (KUBECONFIG and GATEWAY and MODELS_VOLUME),
        reason="FORKCAST_TEST_KUBECONFIG, FORKCAST_TEST_GATEWAY and FORKCAST_TEST_MODELS_VOLUME name no cluster",
    ),
]
MONITORING = promises.KUSTOMIZE / "monitoring"
ACCOUNT = "system:serviceaccount:monitoring:forkcast-exporter"
MOVED = [
    {"op": "replace", "path": f"/spec/predictors/{place}/traffic", "value": percent}
    for place, percent in enumerate((60, 40))
]
MOVED_IS_SEEN = 'forkcast_predictor_traffic_percent{predictor_name="champion"} == 60'
ELSEWHERE = ("router_", "ALERTS")
"""Of other overlays, or of a deployment that something is wrong with: tests/monitoring has both."""


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]


@contextmanager
def running(*command):
    with subprocess.Popen([str(each) for each in command], cwd=promises.ROOT) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def accepted(cluster):
    """The objects of kustomize/monitoring, as the API server has them."""
    cluster.kubectl("create", "namespace", "monitoring")
    cluster.kubectl("apply", "-k", MONITORING)
    kinds = "podmonitors,prometheusrules,configmaps,deployments"
    yield json.loads(cluster.kubectl("get", kinds, "-n", "monitoring", "-o", "json"))["items"]
    cluster.kubectl("delete", "-k", MONITORING)
    cluster.kubectl("delete", "namespace", "monitoring", "--wait=false")


@pytest.fixture(scope="module")
def prometheus(cluster, accepted, tmp_path_factory):
    """Its address, after traffic through the gateway."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    exporter, port = free_port(), free_port()
    monitors = [each for each in accepted if each["kind"] == "PodMonitor" and each["metadata"]["name"] == "forkcast"]
    groups = [group for each in accepted if each["kind"] == "PrometheusRule" for group in each["spec"]["groups"]]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    weights = {
        "job_name": "exporter",
        "honor_labels": True,
        "scrape_interval": "2s",
        "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}],
    }
    flags = ("--storage.tsdb.path", folder / "data", "--web.listen-address", f"127.0.0.1:{port}", "--log.level=warn")
    exporting = (sys.executable, "-m", "deployments.cluster.exporter", "--kubeconfig", KUBECONFIG, "--port", exporter)
    cluster.bring("ab-test")
    with discovery(lambda: pods_of(cluster)) as discovered_at, running(*exporting):
        jobs = [
            scrape_config(monitor, endpoint, discovered_at, "2s")
            for monitor in monitors
            for endpoint in monitor["spec"]["podMetricsEndpoints"]
        ]
        document = {"rule_files": ["rules.yml"], "scrape_configs": [*jobs, weights]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(document))
        with running("prometheus", "--config.file", folder / "prometheus.yml", *flags):
            promises.simulated(cluster, folder, rate=200, duration=30, **{"rows-per-request": 2, "feedback-ratio": 0.5})
            url = f"http://127.0.0.1:{port}"
            cluster.kubectl("patch", "sdep", "xgboost", "-n", NAMESPACE, "--type=json", "-p", json.dumps(MOVED))
            promises.eventually(lambda: asked(url, MOVED_IS_SEEN), what="the moved weights in Prometheus")
            yield url


def pods_of(cluster):
    return json.loads(cluster.kubectl("get", "pods", "--all-namespaces", "-o", "json"))["items"]


def asked(url, query):
    answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=30)
    assert answer.status_code == 200, (query, answer.text)
    return answer.json()["data"]["result"]


def test_the_api_server_has_all_of_it_and_the_exporter_may_list_and_do_nothing_else(cluster, accepted):
    kinds = [each["kind"] for each in accepted]
    assert kinds.count("PodMonitor") == 2
    assert kinds.count("PrometheusRule") == kinds.count("Deployment") == 1
    labelled = [each for each in accepted if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"]
    assert {name for each in labelled for name in each["data"]} == set(dashboards())
    assert may(cluster, "list", "seldondeployments.machinelearning.seldon.io") == "yes"
    for verb, resource in (
        ("delete", "seldondeployments.machinelearning.seldon.io"),
        ("list", "secrets"),
        ("get", "pods"),
    ):
        assert may(cluster, verb, resource) == "no"


def may(cluster, verb, resource):
    """The answer of `kubectl auth can-i`, which exits with 1 where it is no."""
    command = ("auth", "can-i", verb, resource, "--all-namespaces", f"--as={ACCOUNT}")
    try:
        return cluster.kubectl(*command).strip()
    except AssertionError as error:
        return str(error).strip().splitlines()[0]


@pytest.mark.parametrize("board", ["overview.json", "experiment.json"])
def test_seldons_executor_and_our_components_fill_the_same_panels(prometheus, board):
    queries = [each for each in queries_of(dashboards()[board]) if not any(word in each[1] for word in ELSEWHERE)]
    assert len(queries) > 10
    assert [query for query in queries if not asked(prometheus, query[1])] == []


def test_shares_are_seen_beside_the_weights_of_the_cluster(prometheus):
    weights = asked(prometheus, f'forkcast_predictor_traffic_percent{{namespace="{NAMESPACE}"}}')
    assert {each["metric"]["predictor_name"]: each["value"][1] for each in weights} == {
        "champion": "60",
        "challenger": "40",
    }
    seen = asked(
        prometheus, 'sum by (predictor_name) (seldon_api_executor_server_requests_seconds_count{predictor_name!=""})'
    )
    assert {each["metric"]["predictor_name"] for each in seen} == {"champion", "challenger"}


def test_top_looks_through_the_api_server(cluster, prometheus):
    del prometheus  # after its traffic
    rows = json.loads(cluster.forkcast("top", "--count", "1", "--json").splitlines()[-1])
    told = {row["name"]: row for row in rows}
    assert {name: row["weight_percent"] for name, row in told.items()} == {"champion": 60, "challenger": 40}
    assert all(row["rewards"]["count"] > 0 for row in rows)


def test_every_rule_is_evaluated_without_an_error(prometheus):
    told = requests.get(f"{prometheus}/api/v1/rules", timeout=30).json()["data"]["groups"]
    rules = [rule for group in told for rule in group["rules"]]
    assert len(rules) > 30
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
