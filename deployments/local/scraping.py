"""What Prometheus is told on this machine: where to look, with the labels that a cluster's PodMonitor gives. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import yaml

from deployments.local.plan import Plan
from deployments.local.programs import LOOPBACK, METRICS_PATH, Ports
from deployments.monitoring.desired_state import Share

INTERVAL_SECONDS: Final = 5
RETENTION: Final = "2d"
SIMULATOR_PORT: Final = 9646
"""Where `forkcast simulate --metrics-port 9646` tells what it sends."""
TARGETS: Final = "targets.json"
RULES: Final = "rules.yml"
GRAPH_SERVER: Final = "graph-server"
"""In the place of a container's name: one process has the whole graph."""


def configuration(desired_state_port: int) -> str:
    """prometheus.yml. TARGETS and RULES lie beside it; of those two, the first is looked at whenever it changes."""
    interval = f"{INTERVAL_SECONDS}s"
    jobs: list[dict[str, Any]] = [
        {
            "job_name": "forkcast",
            "metrics_path": METRICS_PATH,
            "file_sd_configs": [{"files": [TARGETS], "refresh_interval": interval}],
        },
        {
            "job_name": "forkcast-desired-state",
            "honor_labels": True,  # its namespaces are those of the deployments
            "static_configs": [{"targets": [f"{LOOPBACK}:{desired_state_port}"]}],
        },
        {"job_name": "forkcast-simulator", "static_configs": [{"targets": [f"{LOOPBACK}:{SIMULATOR_PORT}"]}]},
    ]
    document = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [RULES],
        "scrape_configs": jobs,
    }
    return yaml.safe_dump(document, sort_keys=False)


def targets(plan: Plan, ports: Mapping[str, Mapping[str, Ports]]) -> str:
    """The file of targets. `ports`: by the key of a server, those of its process, under "", and of its wrappers."""
    found = [
        {
            "targets": [f"{LOOPBACK}:{own.metrics}"],
            "labels": {"namespace": route.namespace, "pod": destination.server.name, "container": node or GRAPH_SERVER},
        }
        for route in plan.routes
        for destination in route.all
        for node, own in ports.get(destination.server.key, {}).items()
    ]
    return json.dumps(found, indent=2)


def shares(plan: Plan) -> list[Share]:
    """What each predictor should get, of all requests to its deployment that no header sends elsewhere."""
    return [
        Share(
            route.namespace,
            route.deployment,
            each.server.predictor,
            "shadow" if each is route.shadow else "live",
            each.percent,
        )
        for route in plan.routes
        for each in route.all
    ]
