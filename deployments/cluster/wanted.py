"""What Seldon's operator makes of a SeldonDeployment: its Deployments by name, and the gateway's shares. Pure.

Measured on Seldon Core's operator 1.17.1. Names are how a Deployment, and so a Pod, leads back to the predictor, the
component and the line of the file that it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from deployments.seldon.defaults import defaulted, has_separate_engine
from deployments.seldon.findings import Place
from deployments.seldon.graph_rules import has_engine
from deployments.seldon.model import ComponentSpec, Predictor, SeldonDeployment
from deployments.seldon.names import pod_name, short_name

ENGINE: Final = "seldon-container-engine"


@dataclass(frozen=True)
class Workload:
    """A Kubernetes Deployment that the operator creates."""

    name: str
    predictor_index: int
    component_index: int | None
    """None: the orchestrator's own, or an explainer's."""
    replicas: int | None
    """None: not said, or left to an autoscaler."""
    is_explainer: bool = False

    def is_called(self, name: str) -> bool:
        """Whether a Deployment of this name is the one; an operator may be set to put the deployment's name first."""
        hashed = self.name.removeprefix("seldon-")
        return name == self.name or (hashed != self.name and name.endswith(f"-{hashed}"))

    @property
    def place(self) -> Place:
        """Where the document speaks of it."""
        predictor: Place = ("spec", "predictors", self.predictor_index)
        if self.is_explainer:
            return (*predictor, "explainer")
        return predictor if self.component_index is None else (*predictor, "componentSpecs", self.component_index)


def workloads(deployment: SeldonDeployment) -> list[Workload]:
    """Every Deployment that there will be, in the order of the document."""
    whole = defaulted(deployment)
    return [workload for i, predictor in enumerate(whole.spec.predictors) for workload in _of(whole, predictor, i)]


def _of(whole: SeldonDeployment, predictor: Predictor, i: int) -> Iterator[Workload]:
    for j, component in enumerate(predictor.component_specs):
        yield Workload(pod_name(whole.name, predictor.name, j, component), i, j, _replicas(whole, predictor, component))
    if has_separate_engine(whole) and has_engine(predictor):
        said = (predictor.svc_orch_spec.replicas, predictor.replicas, whole.spec.replicas)
        replicas = next((each for each in said if each is not None), None)
        yield Workload(short_name(f"{whole.name}-{predictor.name}-svc-orch"), i, None, replicas)
    if predictor.explainer is not None and predictor.explainer.type:
        name = short_name(f"{whole.name}-{predictor.name}-explainer")
        yield Workload(name, i, None, None, is_explainer=True)


@dataclass(frozen=True)
class Shares:
    """How requests are split, in the numbers that the document gives."""

    live: dict[str, int]
    """Percent of the answered requests, by predictor."""
    mirrored: dict[str, int]
    """Percent of the requests that are copied, by shadow."""


def shares(deployment: SeldonDeployment) -> Shares:
    predictors = deployment.spec.predictors
    return Shares(
        {each.name: each.traffic or 0 for each in predictors if not each.shadow},
        {each.name: each.traffic or 0 for each in predictors if each.shadow},
    )


def _replicas(deployment: SeldonDeployment, predictor: Predictor, component: ComponentSpec) -> int | None:
    if component.hpa_spec is not None or component.keda_spec is not None:
        return None
    said = (component.replicas, predictor.replicas, deployment.spec.replicas)
    return next((each for each in said if each is not None), None)
