"""What runs, as data: the part of a runtime's status that follows from its plan and its programs. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deployments.local.envoy import clusters_of
from deployments.local.plan import Component, Plan, Ports
from deployments.local.supervised import Condition, Supervised


@dataclass(frozen=True)
class Running:
    """A component, where it listens, and the program that it is."""

    component: Component
    ports: Ports
    program: Supervised


def described(
    plan: Plan | None, envoy: Supervised | None, running: Sequence[Running], completed: Mapping[str, int]
) -> dict[str, Any]:
    """`plan` and `envoy` are None while the first start is under way; `completed` counts requests by cluster."""
    programs = [envoy, *(each.program for each in running)]
    routes = plan.routes if plan else ()
    return {
        "ready": plan is not None and all(program and program.condition == Condition.READY for program in programs),
        "envoy": {
            "pid": envoy.pid if envoy else None,
            "condition": envoy.condition if envoy else Condition.STARTING,
            "restarts": envoy.restarts.total if envoy else 0,
        },
        "deployments": [
            {
                "namespace": route.namespace,
                "name": route.deployment,
                "path": f"/seldon/{route.namespace}/{route.deployment}",
            }
            for route in routes
        ],
        "predictors": [_predictor(each, plan, completed) for each in running],
    }


def _predictor(running: Running, plan: Plan | None, completed: Mapping[str, int]) -> dict[str, Any]:
    component, program = running.component, running.program
    destinations = [each for route in (plan.routes if plan else ()) for each in route.all]
    shadows = [route.shadow.component.key for route in (plan.routes if plan else ()) if route.shadow]
    return {
        "name": component.name,
        "predictor": component.predictor,
        "revision": component.revision,
        "traffic_percent": sum(each.percent for each in destinations if each.component.key == component.key),
        "shadow": component.key in shadows,
        "condition": program.condition,
        "pid": program.pid,
        "restarts": program.restarts.total,
        "ports": asdict(running.ports),
        "model": str(component.model.path) if component.model else None,
        "requests": sum(completed.get(cluster, 0) for cluster in clusters_of([component])),
        "log": str(program.log.path),
    }
