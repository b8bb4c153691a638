"""What to tell about a namespace: its SeldonDeployments, who gets which share, what runs, what was made. Pure.

The result is plain data, the same for `status --json` and for the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from deployments.cluster.carried import istio_shares
from deployments.cluster.inventory import SERVING, Inventory, is_ours
from deployments.cluster.pods import is_ready, troubles
from deployments.cluster.readiness import Objects, all_pods_of, gateway_objects, owned, pods_of
from deployments.cluster.wanted import ENGINE, Workload, workloads
from deployments.seldon.claims import model_uri
from deployments.seldon.fused import VARIABLE, unfolded
from deployments.seldon.model import Predictor, SeldonDeployment, Unit
from deployments.seldon.names import predictor_service
from deployments.seldon.schema import parse

type Versions = Mapping[tuple[str, str, str], str]
"""A model's version as its own metadata tells it, by SeldonDeployment, predictor and graph node."""

CREATED_KINDS: Final = (
    "Deployment",
    "Service",
    "HorizontalPodAutoscaler",
    "ScaledObject",
    "PodDisruptionBudget",
    "VirtualService",
    "DestinationRule",
    "Mapping",
)


def described(inventories: Sequence[Inventory], objects: Objects, versions: Versions) -> dict[str, Any]:
    return {
        "applied": [
            {
                "set": each.overlay_set,
                "overlay": each.overlay,
                "applied_at": each.applied_at,
                "objects": [f"{ref.kind}/{ref.name}" for ref in each.objects],
            }
            for each in inventories
        ],
        "deployments": [_deployment(live, objects, versions) for live in objects.get("SeldonDeployment", ())],
    }


def typed(live: Mapping[str, Any]) -> SeldonDeployment | None:
    """A stored SeldonDeployment; None where it was stored under rules that ours do not know."""
    return parse({key: value for key, value in live.items() if key != "status"}).deployment


def workload_objects(
    deployment: SeldonDeployment, live: Mapping[str, Any], objects: Objects
) -> Iterator[tuple[Workload, Mapping[str, Any]]]:
    """Those of the operator's Deployments that are there, each with what it is."""
    for workload in workloads(deployment):
        for each in owned(objects, "Deployment", live):
            if workload.is_called(each["metadata"]["name"]):
                yield workload, each


def ready_engines(objects: Objects) -> Iterator[tuple[str, str, str, int]]:
    """A ready Pod of each predictor that can be asked for its metadata: SeldonDeployment, predictor, Pod, its port."""
    for live in objects.get("SeldonDeployment", ()):
        deployment = typed(live)
        if deployment is None:
            continue
        asked: set[int] = set()
        for workload, each in workload_objects(deployment, live, objects):
            for pod in pods_of(objects, each):
                port = _engine_port(pod)
                if port is not None and is_ready(pod) and workload.predictor_index not in asked:
                    asked.add(workload.predictor_index)
                    predictor = deployment.spec.predictors[workload.predictor_index].name
                    yield deployment.name, predictor, pod["metadata"]["name"], port


def versions_of(metadata: Any) -> dict[str, str]:
    """The versions of a graph's models, by node, of what an orchestrator answers at /api/v1.0/metadata."""
    models = metadata.get("models") if isinstance(metadata, dict) else None
    if not isinstance(models, dict):
        return {}
    return {
        node: ", ".join(map(str, each["versions"]))
        for node, each in models.items()
        if isinstance(each, dict) and isinstance(each.get("versions"), list) and each["versions"]
    }


def _engine_port(pod: Mapping[str, Any]) -> int | None:
    """Of Seldon's executor, or of the graph server that is fused with what it would ask."""
    for container in pod["spec"]["containers"]:
        if container["name"] == ENGINE or any(each["name"] == VARIABLE for each in container.get("env") or []):
            return next((port["containerPort"] for port in container["ports"] if port.get("name") == "http"), None)
    return None


def _deployment(live: Mapping[str, Any], objects: Objects, versions: Versions) -> dict[str, Any]:
    status, deployment = live.get("status") or {}, typed(live)
    conditions = [
        {"type": each["type"], "status": each["status"], "reason": each.get("message") or each.get("reason") or ""}
        for each in status.get("conditions") or []
    ]
    return {
        "name": live["metadata"]["name"],
        "namespace": live["metadata"]["namespace"],
        "applied_by_forkcast": is_ours(dict(live), SERVING),
        "state": status.get("state") or "unknown",
        "description": status.get("description") or "",
        "conditions": conditions,
        "predictors": [] if deployment is None else list(_predictors(deployment, live, objects, versions)),
        "created": list(_created(live, objects)),
        "gateway": _gateway(live, objects),
    }


def _predictors(
    deployment: SeldonDeployment, live: Mapping[str, Any], objects: Objects, versions: Versions
) -> Iterator[dict[str, Any]]:
    at_gateway = _gateway_percent(deployment, live, objects)
    there = list(workload_objects(deployment, live, objects))
    whole = unfolded(deployment)
    for i, predictor in enumerate(whole.spec.predictors):
        own = [each for workload, each in there if workload.predictor_index == i]
        pods = [pod for each in own for pod in all_pods_of(objects, each)]
        lone = sum(not each.shadow for each in deployment.spec.predictors) == 1 and not predictor.shadow
        yield {
            "predictor": predictor.name,
            "traffic_percent": 100 if lone and not predictor.traffic else predictor.traffic or 0,
            "shadow": predictor.shadow,
            "gateway_percent": at_gateway.get(predictor.name),
            "replicas_ready": sum(int((each.get("status") or {}).get("readyReplicas") or 0) for each in own),
            "replicas_wanted": sum(int(each["spec"].get("replicas", 1)) for each in own),
            "arms": [
                _arm(unit, predictor, versions.get((deployment.name, predictor.name, unit.name)))
                for unit in predictor.graph.walk()
            ],
            "pods": [pod["metadata"]["name"] for pod in pods],
            "troubles": [str(each) for pod in pods for each in troubles(pod, objects.get("Event", ()))],
        }


def _arm(unit: Unit, predictor: Predictor, version: str | None) -> dict[str, Any]:
    container = predictor.container(unit.name)
    written = next((each.value for each in unit.parameters if each.name == "model_uri"), None)
    return {
        "node": unit.name,
        "type": unit.type or "MODEL",
        "image": container.image if container is not None else None,
        "model_uri": model_uri(unit, predictor) or written,
        "model_version": version or "unknown",
    }


def _gateway_percent(deployment: SeldonDeployment, live: Mapping[str, Any], objects: Objects) -> dict[str, int]:
    """What the gateway has been told of each predictor; empty where no object of ours tells a gateway."""
    of_gateway = gateway_objects(objects, live)
    for service in of_gateway["VirtualService"]:
        routes = service["spec"].get("http") or []
        if service["metadata"]["name"] == deployment.name and routes:
            weights, mirrored = istio_shares(routes[0])
            if len(weights) == 1:
                weights = dict.fromkeys(weights, 100)  # Istio's rule for a destination alone
            return weights | {name: percent or 100 for name, percent in mirrored.items()}
    found: dict[str, int] = {}
    for predictor in deployment.spec.predictors:
        address = f"{predictor_service(deployment.name, predictor)}.{deployment.namespace}:"
        for mapping in of_gateway["Mapping"]:
            spec = mapping["spec"]
            if str(spec.get("service", "")).startswith(address) and not spec.get("grpc") and "weight" in spec:
                found[predictor.name] = int(spec["weight"])
    if of_gateway["Mapping"]:
        live_ones = [each.name for each in deployment.spec.predictors if not each.shadow]
        rest = 100 - sum(found.get(name, 0) for name in live_ones)
        found |= {name: rest for name in live_ones[:1] if name not in found}
    return found


def _created(live: Mapping[str, Any], objects: Objects) -> Iterator[dict[str, Any]]:
    for kind in CREATED_KINDS:
        for each in owned(objects, kind, live):
            yield {"kind": kind, "name": each["metadata"]["name"], "detail": _detail(kind, each)}


def _detail(kind: str, each: Mapping[str, Any]) -> str:
    spec, status = each.get("spec") or {}, each.get("status") or {}
    text = ""
    match kind:
        case "Deployment":
            text = f"{int(status.get('readyReplicas') or 0)} of {spec.get('replicas', 1)} ready"
        case "Service":
            text = ", ".join(f"{port.get('name') or 'port'} {port['port']}" for port in spec.get("ports") or [])
        case "HorizontalPodAutoscaler":
            bounds = f"{spec.get('minReplicas', 1)} to {spec.get('maxReplicas')}"
            text = f"{status.get('currentReplicas', 0)} now, {bounds}"
        case "PodDisruptionBudget":
            text = f"{status.get('disruptionsAllowed', 0)} disruptions allowed"
        case "VirtualService":
            text = f"at {', '.join(spec.get('gateways') or ['mesh'])} for {', '.join(spec.get('hosts') or ['*'])}"
        case "Mapping":
            weight = f", weight {spec['weight']}" if "weight" in spec else ""
            text = f"{spec.get('prefix')} to {spec.get('service')}{weight}"
    return text


def _gateway(live: Mapping[str, Any], objects: Objects) -> dict[str, Any]:
    """Where requests come in, as far as the objects tell; `hint` is how to reach it from one's own machine."""
    metadata = live["metadata"]
    path = f"/seldon/{metadata['namespace']}/{metadata['name']}/api/v1.0/predictions"
    of_gateway = gateway_objects(objects, live)
    if of_gateway["VirtualService"]:
        spec = of_gateway["VirtualService"][0]["spec"]
        gateways = list(spec.get("gateways") or [])
        hint = "kubectl -n istio-system port-forward service/istio-ingressgateway 8003:80"
        return {
            "kind": "istio",
            "gateways": gateways,
            "hosts": list(spec.get("hosts") or []),
            "path": path,
            "hint": hint,
        }
    annotations = [(each["metadata"].get("annotations") or {}) for each in of_gateway["Service"]]
    if of_gateway["Mapping"] or any("getambassador.io/config" in each for each in annotations):
        hint = "kubectl -n ambassador port-forward service/ambassador 8003:80"
        return {"kind": "ambassador", "gateways": [], "hosts": ["*"], "path": path, "hint": hint}
    first = (live["spec"].get("predictors") or [{}])[0].get("name", "")
    hint = f"kubectl -n {metadata['namespace']} port-forward service/{metadata['name']}-{first} 8003:8000"
    return {"kind": "none", "gateways": [], "hosts": [], "path": "/api/v1.0/predictions", "hint": hint}
