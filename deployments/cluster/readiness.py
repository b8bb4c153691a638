"""Whether what was applied has become what serves, what it still waits for, and why it does not come. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deployments.cluster.carried import autoscalers_missing, behind, gateway_behind
from deployments.cluster.manifests import Manifest
from deployments.cluster.pods import Trouble, ready_containers, troubles, warnings_of
from deployments.cluster.wanted import Workload, workloads
from deployments.seldon.findings import Place
from deployments.seldon.model import SeldonDeployment

AVAILABLE: Final = "Available"
FAILED: Final = "Failed"
REVISION: Final = "deployment.kubernetes.io/revision"
HASH_LABEL: Final = "pod-template-hash"
DEPLOYMENT_LABEL: Final = "seldon-deployment-id"
ROLLED_OUT_KINDS: Final = ("Deployment", "StatefulSet")
"""Of what is applied beside a SeldonDeployment, what is waited for."""

type Objects = Mapping[str, Sequence[Mapping[str, Any]]]
"""A namespace's objects as the API server tells them, by kind; a kind that the cluster does not know is left out."""


@dataclass(frozen=True)
class Problem:
    """Something that keeps a rollout from being done, and the place in the file to look at."""

    what: str
    where: str = ""
    """The source and line; empty where nothing in the file is to blame."""
    trouble: Trouble | None = None
    is_hopeless: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


@dataclass(frozen=True)
class Rollout:
    waiting: tuple[str, ...] = ()
    """What it waits for, the nearest cause first; nothing when it is done."""
    problems: tuple[Problem, ...] = field(default=())

    @property
    def is_done(self) -> bool:
        return not self.waiting


def rollout(manifest: Manifest, deployment: SeldonDeployment, objects: Objects) -> Rollout:
    """How far a SeldonDeployment is that was applied as `manifest`; `deployment` is what that says, typed."""
    live = _named(objects, "SeldonDeployment", deployment.name)
    if live is None:
        return Rollout((f"SeldonDeployment {deployment.name} to be stored",))
    status = live.get("status") or {}
    waiting: list[str] = []
    problems: list[Problem] = []
    if status.get("state") == FAILED:
        what = f"Seldon's operator fails on it: {status.get('description') or 'it does not say why'}"
        problems.append(Problem(what, manifest.where(), is_hopeless=True))
    warnings = warnings_of("SeldonDeployment", deployment.name, objects.get("Event", ()))
    problems += [Problem(f"Seldon's operator: {each}", manifest.where()) for each in warnings]
    own = owned(objects, "Deployment", live)
    wanted = workloads(deployment)
    found = {each["metadata"]["name"]: each for each in own}
    names = {name: workload for name in found for workload in wanted if workload.is_called(name)}
    for workload in wanted:
        name = next((name for name, each in names.items() if each == workload), None)
        if name is None:
            waiting.append(f"Deployment {workload.name} to be created by Seldon's operator")
            continue
        paths = behind(manifest.content["spec"], workload, found[name])
        if paths:
            waiting.append(f"Seldon's operator to take {', '.join(paths[:3])} into Deployment {name}")
        more_waiting, more_problems = _of_workload(manifest, workload, found[name], objects)
        waiting += more_waiting
        problems += more_problems
        if workload.replicas == 0:
            what = f"Deployment {name} is to have no replicas; Seldon's operator then never calls the whole Available"
            problems.append(Problem(what, manifest.where(workload.place), is_hopeless=True))
    waiting += [f"Deployment {name} to be removed" for name in found if name not in names]
    waiting += autoscalers_missing(deployment, names, _names(owned(objects, "HorizontalPodAutoscaler", live)))
    waiting += gateway_behind(deployment, gateway_objects(objects, live))
    if status.get("state") != AVAILABLE:
        waiting.append(_state(deployment.name, status))
    return Rollout(tuple(waiting), tuple(problems))


def ending(deployment: SeldonDeployment, objects: Objects) -> tuple[str, ...]:
    """The Pods of a SeldonDeployment that still answer their last requests, and so may need what is to be pruned.

    A Pod that never became ready answers nothing, however long it takes to end.
    """
    return tuple(
        f"Pod {each['metadata']['name']} to end"
        for each in objects.get("Pod", ())
        if (each["metadata"].get("labels") or {}).get(DEPLOYMENT_LABEL) == deployment.name
        and each["metadata"].get("deletionTimestamp")
        and ready_containers(each)[0]
    )


def is_available(live: Mapping[str, Any] | None) -> bool:
    """Whether a SeldonDeployment is served, in whatever state."""
    return ((live or {}).get("status") or {}).get("state") == AVAILABLE


def workload_rollout(manifest: Manifest, objects: Objects) -> Rollout:
    """How far a Deployment or StatefulSet is that was applied itself, such as the store of a bandit's state."""
    live = _named(objects, manifest.ref.kind, manifest.ref.name)
    if live is None:
        return Rollout((f"{manifest.ref} to be stored",))
    waiting, problems = _of_workload(manifest, None, live, objects)
    return Rollout(tuple(waiting), tuple(problems))


def gateway_objects(objects: Objects, live: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The objects of a SeldonDeployment that tell a gateway of it."""
    return {kind: owned(objects, kind, live) for kind in ("VirtualService", "DestinationRule", "Mapping", "Service")}


def owned(objects: Objects, kind: str, owner: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the owner's controller made, of one kind."""
    uid = owner["metadata"]["uid"]
    return [each for each in objects.get(kind, ()) if _owner(each) == uid]


def pods_of(objects: Objects, workload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The Pods of a Deployment's newest ReplicaSet, or of a StatefulSet."""
    sets = owned(objects, "ReplicaSet", workload)
    if not sets:
        return owned(objects, "Pod", workload)
    newest = max(sets, key=lambda each: int((each["metadata"].get("annotations") or {}).get(REVISION) or 0))
    return owned(objects, "Pod", newest)


def all_pods_of(objects: Objects, workload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The Pods of a Deployment, those of old ReplicaSets too."""
    sets = owned(objects, "ReplicaSet", workload)
    return [pod for each in sets for pod in owned(objects, "Pod", each)] or owned(objects, "Pod", workload)


def _of_workload(
    manifest: Manifest, workload: Workload | None, live: Mapping[str, Any], objects: Objects
) -> tuple[list[str], list[Problem]]:
    waiting = [] if _is_rolled_out(live, owned(objects, "ReplicaSet", live)) else _rolling(live)
    problems: list[Problem] = []
    base: Place = ("spec", "template") if workload is None else workload.place
    if not waiting:
        return [], []
    events = objects.get("Event", ())
    for kind, name in _makers(live, objects):
        warnings = warnings_of(kind, name, events)
        problems += [Problem(f"{kind} {name}: {each}", manifest.where(base)) for each in warnings]
    for pod in pods_of(objects, live):
        for trouble in troubles(pod, events):
            waiting.append(f"Pod {trouble}")
            place = container_place(manifest.content, base, trouble.container, trouble.field)
            problems.append(Problem(str(trouble), manifest.where(place), trouble, trouble.is_hopeless))
    return waiting, problems


def container_place(content: Mapping[str, Any], base: Place, container: str | None, field: str) -> Place:
    """The way to a container, and to a field of it if it has that; `base` leads to its Pod's template or component.

    Of a container that the operator added, and of a Pod as a whole: the nearest place that the document has.
    """
    template: Any = content
    for step in base:
        template = template[step] if isinstance(step, int) else (template or {}).get(step)
        if template is None:
            return base
    if "componentSpecs" not in base and "template" not in base:
        return base
    for group in ("containers", "initContainers"):
        for i, each in enumerate((template.get("spec") or {}).get(group) or []):
            if each.get("name") == container or container is None:
                here = (*base, "spec", group, i)
                return (*here, field) if field in each else here
    return base


def _is_rolled_out(live: Mapping[str, Any], sets: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the ReplicaSets themselves show that the Deployment's Pods are those of its template, and no others.

    Its observed generation may never catch up: where the document gives no replicas, Seldon's operator 1.17.1 writes a
    Deployment that has changed once again and again, and each time the generation grows.
    """
    wanted = live["spec"].get("replicas", 1)
    current = [each for each in sets if _without_hash(each) == live["spec"]["template"]]
    others = sum(int((each.get("status") or {}).get("replicas") or 0) for each in sets if each not in current)
    available = sum(int((each.get("status") or {}).get("availableReplicas") or 0) for each in current)
    started = sum(int((each.get("status") or {}).get("replicas") or 0) for each in current)
    return bool(current) and available >= wanted and started == wanted and others == 0


def _without_hash(replica_set: Mapping[str, Any]) -> Any:
    """The template of a ReplicaSet as its Deployment has it."""
    template = replica_set["spec"].get("template") or {}
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    plain = {key: value for key, value in metadata.items() if key != "labels"} | ({"labels": labels} if labels else {})
    return {**template, "metadata": plain}


def _rolling(live: Mapping[str, Any]) -> list[str]:
    """What a Deployment's or StatefulSet's own rollout still waits for, as `kubectl rollout status` would see it."""
    kind, name = live.get("kind", "Deployment"), live["metadata"]["name"]
    status, wanted = live.get("status") or {}, (live["spec"].get("replicas") if "replicas" in live["spec"] else 1)
    if int(status.get("observedGeneration") or 0) < int(live["metadata"].get("generation") or 0):
        return [f"{kind} {name} to be looked at by Kubernetes"]
    counts = {key: int(status.get(key) or 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
    available = int(status.get("availableReplicas") or 0)
    failure = next(
        (
            each
            for each in status.get("conditions") or []
            if (each["type"] == "ReplicaFailure" and each["status"] == "True")
            or (each["type"] == "Progressing" and each.get("reason") == "ProgressDeadlineExceeded")
        ),
        None,
    )
    told = f" ({failure.get('reason')}: {failure.get('message')})" if failure else ""
    if counts["updatedReplicas"] < wanted:
        return [f"{kind} {name}: {counts['updatedReplicas']} of {wanted} new Pods started{told}"]
    if available < wanted:
        return [f"{kind} {name}: {available} of {wanted} Pods ready{told}"]
    if counts["replicas"] > counts["updatedReplicas"]:
        return [f"{kind} {name}: {counts['replicas'] - counts['updatedReplicas']} old Pods to end"]
    return []


def _makers(live: Mapping[str, Any], objects: Objects) -> Iterator[tuple[str, str]]:
    """Who would warn that a Pod cannot even be created: a quota, an admission rule."""
    yield live.get("kind", "Deployment"), live["metadata"]["name"]
    for each in owned(objects, "ReplicaSet", live):
        yield "ReplicaSet", each["metadata"]["name"]


def _state(name: str, status: Mapping[str, Any]) -> str:
    if not status.get("state"):
        return f"Seldon's operator to look at SeldonDeployment {name}"
    untrue = [
        f"{each['type']}: {each.get('message') or each.get('reason')}"
        for each in status.get("conditions") or []
        if each["status"] != "True" and each["type"] != "Ready"
    ]
    return f"SeldonDeployment {name} to be {AVAILABLE}; it is {status['state']}" + (
        f" ({'; '.join(untrue)})" if untrue else ""
    )


def _named(objects: Objects, kind: str, name: str) -> Mapping[str, Any] | None:
    return next((each for each in objects.get(kind, ()) if each["metadata"]["name"] == name), None)


def _names(found: Sequence[Mapping[str, Any]]) -> set[str]:
    return {each["metadata"]["name"] for each in found}


def _owner(each: Mapping[str, Any]) -> str | None:
    owners = each["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)
