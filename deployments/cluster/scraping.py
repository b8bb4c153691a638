"""The metrics of a namespace's Pods, through the API server, and what share each predictor should have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from deployments.cluster.connection import Connection, RefusedAnswer
from deployments.cluster.describe import typed
from deployments.cluster.errors import Unreachable
from deployments.cluster.view import SELDON_API, View
from deployments.monitoring.desired_state import Share
from deployments.seldon import SeldonDeployment
from deployments.seldon.model import KIND as SELDON_DEPLOYMENT

METRICS_PORT: Final = "metrics"
METRICS_PATH: Final = "prometheus"
OF_SELDON: Final = "app.kubernetes.io/managed-by=seldon-core"


def shares(view: View) -> list[Share]:
    """Of all SeldonDeployments of the namespace. Errors: NotAllowed, Unreachable."""
    found = [typed(live) for live in view.cluster.list(SELDON_API, SELDON_DEPLOYMENT, view.namespace)]
    return [share for each in found if each is not None for share in shares_of(each, view.namespace)]


def shares_everywhere(cluster: Connection) -> list[Share]:
    """Of all SeldonDeployments of a cluster. Errors: NotAllowed, Unreachable."""
    found = [(live, typed(live)) for live in cluster.list(SELDON_API, SELDON_DEPLOYMENT, "")]
    return [
        share for live, each in found if each is not None for share in shares_of(each, live["metadata"]["namespace"])
    ]


def shares_of(deployment: SeldonDeployment, namespace: str) -> Iterator[Share]:
    """A lone predictor has all, whatever it says, as Istio has it."""
    predictors = deployment.spec.predictors
    live = [each for each in predictors if not each.shadow]
    for each in predictors:
        percent = 100 if each in live and len(live) == 1 else each.traffic or 0
        name = deployment.metadata.name
        yield Share(namespace, name, each.name, "shadow" if each.shadow else "live", percent)


def pages(view: View) -> dict[str, str]:
    """What each container of Seldon's Pods tells Prometheus, by Pod and port; without those that do not answer.

    Errors: NotAllowed, Unreachable.
    """
    found = {}
    for pod in view.cluster.list("v1", "Pod", view.namespace, OF_SELDON):
        for port in _metrics_ports(pod):
            with suppress(RefusedAnswer, Unreachable):
                name = pod["metadata"]["name"]
                found[f"{name}:{port}"] = view.cluster.text_through_pod(view.namespace, name, port, METRICS_PATH)
    return found


def _metrics_ports(pod: Mapping[str, Any]) -> Iterator[int]:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == METRICS_PORT:
                yield port["containerPort"]
