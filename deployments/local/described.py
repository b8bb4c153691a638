"""What runs, as data: the part of a runtime's status that follows from its plan and its programs. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from deployments.local.companions import Store
from deployments.local.envoy import clusters_of
from deployments.local.plan import Plan
from deployments.local.running import RunningPredictor, RunningProgram
from deployments.local.supervised import Condition, Supervised


def described(
    plan: Plan | None,
    envoy: Supervised | None,
    running: Sequence[RunningPredictor],
    completed: Mapping[str, int],
    stores: Mapping[Store, Supervised],
) -> dict[str, Any]:
    """`plan` and `envoy` are None while the first start is under way; `completed` counts requests by cluster."""
    programs = [envoy, *stores.values(), *(program for each in running for program in each.programs)]
    routes = plan.routes if plan else ()
    return {
        "ready": plan is not None and all(program and program.condition == Condition.READY for program in programs),
        "isolated": plan is not None and plan.isolated,
        "envoy": {
            "pid": envoy.pid if envoy else None,
            "condition": envoy.condition if envoy else Condition.STARTING,
            "restarts": envoy.restarts.total if envoy else 0,
        },
        "deployments": [
            {
                "namespace": route.namespace,
                "name": route.deployment,
                "path": f"/seldon/{route.namespace}/{route.name_in_path}",
                **({"header": str(route.header)} if route.header else {}),
            }
            for route in routes
        ],
        "predictors": [_predictor(each, plan, completed) for each in running],
        "stores": [
            {
                "name": store.service,
                "condition": program.condition,
                "pid": program.pid,
                "restarts": program.restarts.total,
                "log": str(program.log.path),
            }
            for store, program in stores.items()
        ],
        "not_run": list(plan.not_run) if plan else [],
    }


def _predictor(running: RunningPredictor, plan: Plan | None, completed: Mapping[str, int]) -> dict[str, Any]:
    server = running.server
    destinations = [each for route in (plan.routes if plan else ()) for each in route.all]
    shadows = [route.shadow.server.key for route in (plan.routes if plan else ()) if route.shadow]
    models = {node: str(model.path) for node, model in server.models.items()}
    return {
        "name": server.name,
        "predictor": server.predictor,
        "revision": server.revision,
        "traffic_percent": sum(each.percent for each in destinations if each.server.key == server.key),
        "shadow": server.key in shadows,
        **_program(running.main),
        "condition": running.condition,
        "nodes": list(server.nodes),
        "model": next(iter(models.values()), None),
        "models": models,
        "requests": sum(completed.get(cluster, 0) for cluster in clusters_of([server])),
        "components": [
            {"name": each.program.name, "node": node, **_program(each)} for node, each in running.wrappers.items()
        ],
    }


def _program(running: RunningProgram) -> dict[str, Any]:
    return {
        "condition": running.program.condition,
        "pid": running.program.pid,
        "restarts": running.program.restarts.total,
        "ports": asdict(running.ports),
        "metrics": running.ports.metrics_url,
        "log": str(running.program.log.path),
    }
