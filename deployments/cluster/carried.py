"""How far Seldon's operator has carried a SeldonDeployment into the objects that it makes of it. Pure.

Its status has no observed generation: after a change it says Available, of the old state, until the operator has
looked. So what the document says is compared with what the Deployments, HPAs and the gateway's objects say. What the
operator adds, and what the API server fills in, counts for nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import yaml

from deployments.cluster.wanted import ENGINE, Workload, shares
from deployments.seldon.defaults import defaulted
from deployments.seldon.findings import Place, written
from deployments.seldon.model import SeldonDeployment
from deployments.seldon.names import predictor_service

AMBASSADOR_V1: Final = "getambassador.io/config"
_SUFFIXES: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{letter: Decimal(1000) ** i for i, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** i for i, letter in enumerate("KMGTPE", 1)},
}
_OVERWRITTEN: Final = ("endpoint", "logger", "type", "implementation")
"""Of a graph node: what the operator fills in, or writes in other words."""


def behind(spec: Mapping[str, Any], workload: Workload, live: Mapping[str, Any]) -> list[str]:
    """Where a Deployment does not yet say what `spec`, that of the document, says of its Pods; paths in the document.

    Empty where it does, and for what has no component in the document: a separate orchestrator, an explainer.
    """
    predictor = spec["predictors"][workload.predictor_index]
    place: Place = ("predictors", workload.predictor_index)
    template = live["spec"]["template"]
    found = [*_orchestrator(predictor, template, place)]
    if workload.component_index is not None and predictor.get("componentSpecs"):
        component = predictor["componentSpecs"][workload.component_index] or {}
        here = (*place, "componentSpecs", workload.component_index)
        found += _differences(component.get("spec") or {}, template["spec"], (*here, "spec"))
        found += _annotations(spec, predictor, component, template, here)
    if workload.replicas is not None and live["spec"].get("replicas") != workload.replicas:
        found.append((*place, "replicas"))
    return [written(("spec", *each)) for each in found]


def _annotations(
    spec: Mapping[str, Any], predictor: Mapping[str, Any], component: Mapping[str, Any], template: Any, place: Place
) -> Iterator[Place]:
    of_predictor = predictor.get("annotations") or {}
    of_component = (component.get("metadata") or {}).get("annotations") or {}
    # In the orchestrator's pod the predictor's win, in others the component's.
    last = of_predictor if _engine(template) is not None else of_component
    said = {**(spec.get("annotations") or {}), **of_predictor, **of_component, **last}
    there = template["metadata"].get("annotations") or {}
    if any(there.get(key) != str(value) for key, value in said.items()):
        yield (*place, "metadata", "annotations")


def _orchestrator(predictor: Mapping[str, Any], template: Any, place: Place) -> Iterator[Place]:
    engine = _engine(template)
    if engine is None:
        return
    env = engine.get("env") or []
    described = next((each.get("value") for each in env if each["name"] == "ENGINE_PREDICTOR"), None)
    if described is not None:
        told = json.loads(base64.b64decode(described))
        yield from _differences(_plain(predictor["graph"]), told["graph"], (*place, "graph"))
    orchestrator = predictor.get("svcOrchSpec") or {}
    wanted = {key: orchestrator[key] for key in ("env", "resources") if orchestrator.get(key)}
    yield from _differences(wanted, engine, (*place, "svcOrchSpec"))


def _engine(template: Any) -> Any:
    """Seldon's orchestrator among a template's containers, or None; one of the user's own has no ENGINE_PREDICTOR."""
    return next((each for each in template["spec"]["containers"] if each["name"] == ENGINE), None)


def _plain(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in node.items() if key not in _OVERWRITTEN}
    children = [_plain(child) for child in node.get("children") or []]
    return {**kept, **({"children": children} if children else {})}


def gateway_behind(deployment: SeldonDeployment, objects: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What the gateway's objects that belong to the deployment do not yet say; empty where there is no gateway.

    `objects`: its VirtualServices, Mappings and Services, by kind.
    """
    found: list[str] = []
    wanted = shares(deployment)
    for service in objects.get("VirtualService", ()):
        if service["metadata"]["name"] == deployment.name:
            for route in service["spec"].get("http") or []:
                told = istio_shares(route)
                if told != (wanted.live, wanted.mirrored):
                    found.append(f"VirtualService {deployment.name} to split {_split(wanted.live, wanted.mirrored)}")
                    break
    mappings = list(objects.get("Mapping", ())) or _ambassador_v1(objects.get("Service", ()))
    if mappings:
        found += _mappings_behind(deployment, mappings)
    return found


def istio_shares(route: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """The weights, and the mirror's percent, of one HTTP route of a VirtualService, by predictor; left out is 0."""
    live = {each["destination"].get("subset", ""): int(each.get("weight") or 0) for each in route.get("route") or []}
    mirror = route.get("mirror")
    percent = (route.get("mirrorPercentage") or {}).get("value") or 0
    return live, ({} if not mirror else {mirror.get("subset", ""): int(percent)})


def _mappings_behind(deployment: SeldonDeployment, mappings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for i, predictor in enumerate(deployment.spec.predictors):
        service = f"{predictor_service(deployment.name, predictor)}.{deployment.namespace}:"
        own = [each["spec"] for each in mappings if str(each["spec"].get("service", "")).startswith(service)]
        weight = 0 if i == 0 and not predictor.shadow else predictor.traffic or 0  # the first one gets what is left
        wrong = [
            each
            for each in own
            if (i > 0 and int(each.get("weight") or 0) != weight) or bool(each.get("shadow")) != predictor.shadow
        ]
        if wrong or not own:
            yield f"the Mappings of {predictor.name} to say {predictor.traffic or 0} %"


def _ambassador_v1(services: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Ambassador's first form: YAML in an annotation of a Service."""
    found = []
    for service in services:
        text = (service["metadata"].get("annotations") or {}).get(AMBASSADOR_V1)
        if text:
            found += [{"spec": each} for each in yaml.safe_load_all(text) if isinstance(each, dict)]
    return [each for each in found if each["spec"].get("kind") == "Mapping"]


def _split(live: Mapping[str, int], mirrored: Mapping[str, int]) -> str:
    return ", ".join(
        [f"{name} {percent}" for name, percent in live.items()]
        + [f"{name} {percent} copied" for name, percent in mirrored.items()]
    )


def autoscalers_missing(deployment: SeldonDeployment, names: Mapping[str, Workload], hpas: set[str]) -> list[str]:
    """HPAs that are to be and are not; each is called as the Deployment that it scales."""
    whole = defaulted(deployment)
    found = []
    for name, workload in names.items():
        if workload.component_index is None:
            continue
        component = whole.spec.predictors[workload.predictor_index].component_specs[workload.component_index]
        if component.hpa_spec is not None and component.keda_spec is None and name not in hpas:
            found.append(f"HorizontalPodAutoscaler {name} to be created")
    return found


def _differences(wanted: Any, there: Any, place: Place) -> Iterator[Place]:
    """Where `wanted` says what `there` does not; what `there` says beyond it counts for nothing."""
    if isinstance(wanted, Mapping):
        for key, value in wanted.items():
            if value in (None, {}, [], "", False, 0):
                continue  # an empty value and an absent one are the same to the API
            if not isinstance(there, Mapping) or key not in there:
                yield (*place, key)
            else:
                yield from _differences(value, there[key], (*place, key))
    elif isinstance(wanted, list):
        yield from _list_differences(wanted, there if isinstance(there, list) else [], place)
    elif not _same(wanted, there):
        yield place


def _list_differences(wanted: list[Any], there: list[Any], place: Place) -> Iterator[Place]:
    for i, item in enumerate(wanted):
        name = item.get("name") if isinstance(item, Mapping) else None
        others = there if name is None else [each for each in there if each.get("name") == name]
        # Any that fits: a variable may stand there twice, and what has no name may have moved.
        if any(not list(_differences(item, other, ())) for other in others):
            continue
        if name is not None and others:
            yield from _differences(item, others[-1], (*place, i))
        else:
            yield (*place, i)


def _same(wanted: Any, there: Any) -> bool:
    if wanted == there or str(wanted) == str(there):
        return True
    first, second = _quantity(wanted), _quantity(there)
    return first is not None and first == second


def _quantity(value: Any) -> Decimal | None:
    """A number of Kubernetes: 1000m is 1, 1Gi is 1024Mi."""
    text = str(value)
    number = text.rstrip("numkMGTPEKi")
    try:
        return Decimal(number) * _SUFFIXES[text.removeprefix(number)]
    except (InvalidOperation, KeyError):
        return None
