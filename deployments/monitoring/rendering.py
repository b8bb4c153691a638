"""Rules become files: for a Prometheus of one's own, and for the Prometheus Operator. Pure: name -> content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import yaml

from deployments.monitoring.rules.catalogue import GROUPS
from deployments.monitoring.rules.model import Group, Recording, Rule

COMMAND: Final = "forkcast monitoring --out kustomize/monitoring"
DASHBOARDS: Final = "dashboards"
"""The folder of the dashboards' JSON, below the files here."""
EXPORTER: Final = "exporter"
"""The folder of what tells the weights. Written by hand."""

_HEAD: Final = f"# Written by `{COMMAND}`; change deployments/monitoring/ instead.\n"
_LABELS: Final = {"app.kubernetes.io/part-of": "forkcast"}


def rule_file(groups: Iterable[Group] = GROUPS) -> str:
    """What `rule_files` of a prometheus.yml may name."""
    return _HEAD + _as_yaml({"groups": _groups(groups)})


def rules_for_the_operator() -> dict[str, str]:
    """The same rules as a PrometheusRule, and the PodMonitor that gets the metrics: file name -> content."""
    return {"rules.yaml": _HEAD + _as_yaml(_prometheus_rule()), "podmonitor.yaml": _HEAD + _as_yaml(_pod_monitor())}


def kustomization(names: Iterable[str]) -> str:
    """The kustomization.yaml of these files.

    `*.yaml` are resources; `dashboards/*.json` become ConfigMaps with the label that Grafana's sidecar looks for.
    """
    paths = sorted(map(PurePosixPath, names))
    dashboards = [path for path in paths if path.parts[0] == DASHBOARDS]
    document: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "monitoring",
        "resources": [EXPORTER, *(str(path) for path in paths if path not in dashboards)],
        "labels": [{"pairs": {"release": "prometheus"}}],
    }
    if dashboards:
        document["configMapGenerator"] = [
            {
                "name": f"forkcast-dashboard-{path.stem}",
                "files": [str(path)],
                "options": {"disableNameSuffixHash": True, "labels": {"grafana_dashboard": "1"} | _LABELS},
            }
            for path in dashboards
        ]
    return _HEAD + _KUSTOMIZATION_SAYS + _as_yaml(document)


_KUSTOMIZATION_SAYS: Final = """\
# Namespace and label are as after `helm install prometheus prometheus-community/kube-prometheus-stack -n monitoring`:
# its Prometheus reads what has the label `release` of its own release. For another, set both in a kustomization of your
# own with `resources: [../monitoring]`.
"""


def _prometheus_rule() -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "forkcast", "labels": _LABELS},
        "spec": {"groups": _groups(GROUPS)},
    }


def _pod_monitor() -> dict[str, Any]:
    """Seldon's operator labels its Pods so; each of their containers, the executor too, has a port `metrics`."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "forkcast", "labels": _LABELS},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/managed-by": "seldon-core"}},
            "namespaceSelector": {"any": True},
            "podMetricsEndpoints": [{"port": "metrics", "path": "/prometheus", "interval": "15s"}],
        },
    }


def _groups(groups: Iterable[Group]) -> list[dict[str, Any]]:
    return [
        {"name": group.name}
        | ({} if group.interval is None else {"interval": group.interval})
        | {"rules": [_rule(rule) for rule in group.rules]}
        for group in groups
    ]


def _rule(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, Recording):
        return {"record": rule.record, "expr": rule.expr}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": rule.lasts,
        "labels": {"severity": rule.severity},
        "annotations": {"summary": rule.summary, "description": rule.description, "runbook_url": rule.runbook_url},
    }


class _Dumper(yaml.SafeDumper):
    """Text of several lines stands as it is, nothing is folded, and nothing refers to something above."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _as_yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=float("inf"), allow_unicode=True)
