"""The verbs, acting: apply, wait, prune, delete, read. Every decision is taken elsewhere, in plain functions.

An apply can be broken off anywhere: before the first object is applied, the inventory holds what was applied before
and what is about to be, and it shrinks only when all is done. Another apply goes on where the first one stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from deployments.cluster import inventory as inventories
from deployments.cluster.connection import Connection, NotFound, RefusedAnswer
from deployments.cluster.describe import described, ready_engines, typed, versions_of, workload_objects
from deployments.cluster.errors import (
    Interrupted,
    NotAllowed,
    NotAvailable,
    NothingApplied,
    NotRemoved,
    Unreachable,
)
from deployments.cluster.inventory import INVENTORY_LABEL, Inventory
from deployments.cluster.logs import Source, chosen
from deployments.cluster.manifests import Manifest, Ref, in_order, manifests, placed, to_apply
from deployments.cluster.readiness import (
    ROLLED_OUT_KINDS,
    Objects,
    Problem,
    Rollout,
    all_pods_of,
    owned,
    rollout,
    workload_rollout,
)
from deployments.cluster.refusals import CHANGED_NOTHING, no_seldon, refusal
from deployments.seldon import SeldonDeployment, load_documents
from deployments.seldon.model import GROUP
from deployments.seldon.model import KIND as SELDON_DEPLOYMENT

type Say = Callable[[str], None]
type OnWaiting = Callable[[Sequence[str]], None]
"""Is told what is waited for, each time that it changes."""

OVERLAYS_NAMESPACE: Final = "seldon"
"""Where this project's overlays live, if neither the command nor the context names a namespace."""

POLL_SECONDS: Final = 1.0
SETTLING_SECONDS: Final = 3.0
"""After a change, time for the operator to look; for what it takes away leaves nothing to compare with."""
PATIENCE_SECONDS: Final = 10.0
"""How long a hopeless problem may last; the operator's own conflicts pass in less."""
LOG_LINES: Final = 12

CORE: Final = "v1"
SELDON_API: Final = f"{GROUP}/v1"
NEEDED: Final = (
    (SELDON_API, SELDON_DEPLOYMENT),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    (CORE, "Pod"),
)
OPTIONAL: Final = (
    ("apps/v1", "StatefulSet"),
    (CORE, "Service"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    (CORE, "Event"),
)
GATEWAYS: Final = {
    "VirtualService": ("networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"),
    "DestinationRule": ("networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"),
    "Mapping": ("getambassador.io/v3alpha1", "getambassador.io/v2"),
}


@dataclass(frozen=True)
class Applied:
    """One object of an overlay: what it is, and if it is a SeldonDeployment, typed."""

    manifest: Manifest
    deployment: SeldonDeployment | None


class Target:
    """A cluster's namespace, as the verbs see it."""

    def __init__(self, connection: Connection, namespace: str | None, say: Say) -> None:
        self._cluster = connection
        self._asked = namespace
        self.namespace = namespace or connection.default_namespace or OVERLAYS_NAMESPACE
        self._say = say
        self._not_seen: set[str] = set()

    # apply

    def apply(
        self,
        text: str,
        source: str,
        overlay: str,
        on_waiting: OnWaiting,
        *,
        timeout_seconds: float,
        force_conflicts: bool = False,
    ) -> None:
        """Make the overlay what is served, and wait until it is; then prune what it no longer has.

        Errors: InvalidDeployment, UnfitDocument, UnknownKind, Refused, FieldsOwned (nothing was changed); NotAvailable
        (it was applied, and does not come up); NoSeldon, NotAllowed, Unreachable; Interrupted by Ctrl-C.
        """
        deployments = load_documents(text, source)
        found = in_order(self._placed(text, source))
        overlay_set = inventories.set_of(found, overlay)
        before = self._inventories(overlay_set, {each.ref.namespace for each in found} - {""})
        self._rehearse(found, overlay_set, force=force_conflicts)
        started, done = self._cluster.server_time, list[Manifest]()
        try:
            changed = self._apply_all(found, overlay_set, overlay, before, done, force=force_conflicts)
            self._wait(
                self._typed(found, deployments),
                on_waiting,
                timeout_seconds=timeout_seconds,
                settling_seconds=SETTLING_SECONDS if changed else 0.0,
                started=started,
            )
            self._prune(found, overlay_set, overlay, before)
        except KeyboardInterrupt as error:
            raise Interrupted(_broken_off(found, done)) from error

    def _placed(self, text: str, source: str) -> list[Manifest]:
        found = manifests(text, source)
        for manifest in found:
            self._cluster.required(manifest)
        return placed(found, self._is_namespaced, asked=self._asked, default=self.namespace)

    def _is_namespaced(self, api_version: str, kind: str) -> bool:
        resource = self._cluster.resource(api_version, kind)
        return resource is not None and resource.is_namespaced

    def _typed(self, found: Iterable[Manifest], deployments: Sequence[SeldonDeployment]) -> list[Applied]:
        """Each object that is waited for; typed ones are told the namespace that they were put into."""
        by_name = {(each.metadata.namespace or "", each.name): each for each in deployments}
        result = []
        for manifest in found:
            if manifest.ref.kind == SELDON_DEPLOYMENT:
                deployment = by_name[(manifest.content["metadata"].get("namespace") or "", manifest.ref.name)]
                metadata = deployment.metadata.model_copy(update={"namespace": manifest.ref.namespace})
                result.append(Applied(manifest, deployment.model_copy(update={"metadata": metadata})))
            elif manifest.ref.kind in ROLLED_OUT_KINDS:
                result.append(Applied(manifest, None))
        return result

    def _rehearse(self, found: Sequence[Manifest], overlay_set: str, *, force: bool) -> None:
        """A dry run of each document, so that a refusal of the last one finds the cluster as it was."""
        new_namespaces = {each.ref.name for each in found if each.ref.kind == "Namespace"}
        for manifest in found:
            try:
                self._send(manifest, overlay_set, force=force, dry_run=True)
            except RefusedAnswer as error:
                if error.answer.status == 404 and manifest.ref.namespace in new_namespaces:
                    continue  # it is to come with this very overlay
                raise refusal(error.answer, manifest, self._cluster.server) from error

    def _apply_all(
        self,
        found: Sequence[Manifest],
        overlay_set: str,
        overlay: str,
        before: dict[str, Inventory],
        done: list[Manifest],
        *,
        force: bool,
    ) -> bool:
        """Whether anything changed by it. `done` grows as objects are stored, for whoever breaks it off."""
        changed = False
        recorded = False
        for manifest in found:
            if manifest.ref.kind != "Namespace" and not recorded:
                self._record(found, overlay_set, overlay, before, keep_all=True)
                recorded = True
            earlier = self._live(manifest.ref)
            try:
                stored = self._send(manifest, overlay_set, force=force)
            except RefusedAnswer as error:
                outcome = f"applied before it: {', '.join(str(each.ref) for each in done) or 'nothing'}"
                raise refusal(error.answer, manifest, self._cluster.server, outcome) from error
            done.append(manifest)
            outcome = _outcome(earlier, stored)
            changed = changed or outcome != "unchanged"
            self._say(f"{manifest.ref} {outcome}")
        return changed

    def _send(self, manifest: Manifest, overlay_set: str, *, force: bool, dry_run: bool = False) -> dict[str, Any]:
        resource = self._cluster.required(manifest)
        body = to_apply(manifest, overlay_set)
        return self._cluster.apply(resource, manifest.ref, body, force=force, dry_run=dry_run)

    def _live(self, ref: Ref) -> dict[str, Any] | None:
        resource = self._cluster.resource(ref.api_version, ref.kind)
        with suppress(NotFound):
            return None if resource is None else self._cluster.get(resource, ref)
        return None

    def _prune(self, found: Sequence[Manifest], overlay_set: str, overlay: str, before: dict[str, Inventory]) -> None:
        now = [each.ref for each in found]
        for namespace, inventory in before.items():
            for ref in inventories.to_prune(inventory.objects, [each for each in now if each.namespace == namespace]):
                self._delete(ref, overlay_set, "is no longer in the overlay: deleted")
        self._record(found, overlay_set, overlay, before, keep_all=False)

    # what was applied

    def _inventories(self, overlay_set: str, namespaces: Iterable[str]) -> dict[str, Inventory]:
        found = {}
        for namespace in sorted(namespaces):
            for each in self._cluster.list(CORE, "ConfigMap", namespace, f"{INVENTORY_LABEL}={overlay_set}"):
                found[namespace] = inventories.recorded(each)
        return found

    def _record(
        self,
        found: Sequence[Manifest],
        overlay_set: str,
        overlay: str,
        before: dict[str, Inventory],
        *,
        keep_all: bool,
    ) -> None:
        """Write the inventories: `keep_all`, of what was and what comes; or of what is left when all is done."""
        for namespace in sorted({each.ref.namespace for each in found} - {""}):
            now = [each.ref for each in found if each.ref.namespace == namespace]
            earlier = before[namespace].objects if namespace in before else ()
            objects = inventories.united(now, earlier) if keep_all else inventories.remembered(earlier, now)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            inventory = Inventory(overlay_set, namespace, overlay, at, objects)
            ref = Ref(CORE, "ConfigMap", inventory.name, namespace)
            resource = self._cluster.resource(CORE, "ConfigMap")
            if resource is None:
                raise Unreachable(f"{self._cluster.server} knows no ConfigMap; is that address an API server's?")
            body = inventories.config_map(inventory)
            try:
                self._cluster.apply(resource, ref, body, force=True)
            except RefusedAnswer as error:
                manifest = next(each for each in found if each.ref.namespace == namespace)
                message = f"the inventory {inventory.name} could not be written; {CHANGED_NOTHING}"
                raise refusal(error.answer, manifest, self._cluster.server, message) from error

    def _delete(self, ref: Ref, overlay_set: str, outcome: str) -> bool:
        """Delete an object if it is still ours; whether it was."""
        live, resource = self._live(ref), self._cluster.resource(ref.api_version, ref.kind)
        if live is None or resource is None:
            return True
        if not inventories.is_ours(live, overlay_set):
            self._say(f"{ref} is somebody else's now (it has lost our label): it stays")
            return False
        self._cluster.delete(resource, ref, live["metadata"]["uid"])
        self._say(f"{ref} {outcome}")
        return True

    # waiting

    def _wait(
        self,
        applied: Sequence[Applied],
        on_waiting: OnWaiting,
        *,
        timeout_seconds: float,
        settling_seconds: float,
        started: datetime,
    ) -> None:
        began = time.monotonic()
        hopeless_since: dict[str, float] = {}
        rollouts: list[Rollout] = []
        while True:
            try:
                rollouts = self._rollouts(applied, started)
                waiting = [each for every in rollouts for each in every.waiting]
            except Unreachable as error:  # an API server may be away for a moment; what it was told stands
                waiting = [error.message]
            spent = time.monotonic() - began
            if not waiting and spent >= settling_seconds:
                return
            on_waiting(waiting)
            hopeless = [_key(each) for every in rollouts for each in every.problems if each.is_hopeless]
            hopeless_since = {key: hopeless_since.get(key, spent) for key in hopeless}
            if any(spent - since >= PATIENCE_SECONDS for since in hopeless_since.values()):
                raise NotAvailable(self._explained(applied, rollouts, waiting, "cannot become available as it stands"))
            if spent >= timeout_seconds:
                how = f"is not available after {timeout_seconds:.0f} s"
                raise NotAvailable(self._explained(applied, rollouts, waiting, how))
            time.sleep(POLL_SECONDS)

    def _rollouts(self, applied: Sequence[Applied], started: datetime) -> list[Rollout]:
        seen: dict[str, Objects] = {}
        found = []
        for each in applied:
            namespace = each.manifest.ref.namespace
            if namespace not in seen:
                seen[namespace] = self._objects(namespace, since=started)
            if each.deployment is None:
                found.append(workload_rollout(each.manifest, seen[namespace]))
            else:
                found.append(rollout(each.manifest, each.deployment, seen[namespace]))
        return found

    def _explained(
        self, applied: Sequence[Applied], rollouts: Sequence[Rollout], waiting: Sequence[str], how: str
    ) -> str:
        unfinished = [
            each.manifest.ref for each, every in zip(applied, rollouts, strict=False) if not every.is_done
        ] or [each.manifest.ref for each in applied]
        lines = [f"{', '.join(map(str, unfinished))} {how}"]
        for each, every in zip(applied, rollouts, strict=False):
            for problem in sorted(set(every.problems), key=lambda problem: not problem.is_hopeless):
                lines.append(f"  {problem}")
                lines += [f"      {line}" for line in self._last_words(each.manifest.ref.namespace, problem)]
        lines += ["  it waits for:", *(f"    {each}" for each in waiting)] if waiting else []
        lines.append(
            "it stays applied and Kubernetes goes on trying; Pods that served before go on serving. Mend the overlay "
            "and apply it again, or go back to another one with `forkcast apply`"
        )
        return "\n".join(lines)

    def _last_words(self, namespace: str, problem: Problem) -> list[str]:
        trouble = problem.trouble
        if trouble is None or trouble.container is None or not trouble.has_crashed:
            return []
        reason = ""
        for previous in (True, False):
            try:
                text = self._cluster.log(
                    namespace, trouble.pod, trouble.container, lines=LOG_LINES, previous=previous
                ).rstrip()
            except (RefusedAnswer, Unreachable) as error:
                reason = str(error)
                continue
            if text:
                return ["the last lines of its log:", *(f"  {line}" for line in text.splitlines()[-LOG_LINES:])]
        return [f"(its log cannot be read: {reason})"] if reason else ["(its log is empty)"]

    # looking

    def _objects(self, namespace: str, since: datetime | None = None) -> Objects:
        """All that the verbs look at in a namespace. What may not be listed, and can be done without, is left out.

        Of events, those that are older than `since` are left out, but for those of Pods, which do not outlive a change.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        for api_version, kind in NEEDED:
            found[kind] = self._cluster.list(api_version, kind, namespace)
        wanted = [*OPTIONAL]
        for kind, versions in GATEWAYS.items():
            wanted += [(each, kind) for each in versions if self._cluster.resource(each, kind) is not None][:1]
        for api_version, kind in wanted:
            try:
                found[kind] = self._cluster.list(api_version, kind, namespace)
            except NotAllowed:
                self._not_seen.add(kind)
        if since is not None:
            found["Event"] = [each for each in found.get("Event", []) if _is_news(each, since)]
        return found

    def status(self) -> dict[str, Any]:
        """What is there, see `describe`. Errors: NothingApplied, NoSeldon, NotAllowed, Unreachable."""
        applied = self._all_inventories()
        objects = self._seldon_objects()
        if not applied and not objects["SeldonDeployment"]:
            raise self._nothing_applied()
        versions: dict[tuple[str, str, str], str] = {}
        for deployment, predictor, pod, port in ready_engines(objects):
            with suppress(RefusedAnswer, Unreachable):
                metadata = self._cluster.through_pod(self.namespace, pod, port, "api/v1.0/metadata")
                for node, version in versions_of(metadata).items():
                    versions[deployment, predictor, node] = version
        where = {"context": self._cluster.context, "server": self._cluster.server, "namespace": self.namespace}
        return {**where, **described(applied, objects, versions), "not_allowed_to_list": sorted(self._not_seen)}

    def _seldon_objects(self) -> Objects:
        if self._cluster.resource(SELDON_API, SELDON_DEPLOYMENT) is None:
            raise no_seldon(self._cluster.server)
        return self._objects(self.namespace)

    def _all_inventories(self) -> list[Inventory]:
        found = self._cluster.list(CORE, "ConfigMap", self.namespace, INVENTORY_LABEL)
        return [inventories.recorded(each) for each in found]

    def _nothing_applied(self) -> NothingApplied:
        elsewhere: set[str] = set()
        with suppress(NotAllowed):
            found = self._cluster.list(CORE, "ConfigMap", "", INVENTORY_LABEL)
            elsewhere = {each["metadata"]["namespace"] for each in found}
        hint = (
            f"there is something in: {', '.join(sorted(elsewhere))} (see --namespace)"
            if elsewhere
            else "start with `forkcast apply kustomize/overlays/ab-test --target cluster`"
        )
        return NothingApplied(f"nothing was applied in namespace {self.namespace} of {self._cluster.server}; {hint}")

    # logs

    def log_sources(self, asked: str | None) -> list[Source]:
        """The containers whose logs are meant. Errors: UnknownPod, NothingApplied, NoSeldon, NotAllowed, Unreachable."""
        objects = self._seldon_objects()
        found: list[Source] = []
        for live in objects["SeldonDeployment"]:
            deployment = typed(live)
            for workload, each in workload_objects(deployment, live, objects) if deployment else ():
                predictor = deployment.spec.predictors[workload.predictor_index].name if deployment else ""
                found += _sources(predictor, all_pods_of(objects, each))
        for inventory in self._all_inventories():
            for ref in inventory.objects:
                for each in objects.get(ref.kind, ()) if ref.kind in ROLLED_OUT_KINDS else ():
                    if each["metadata"]["name"] == ref.name:
                        found += _sources(ref.name, all_pods_of(objects, each))
        if not found:
            raise self._nothing_applied()
        return chosen(found, asked)

    def last_lines(self, source: Source, lines: int) -> list[str]:
        """Errors: RefusedAnswer, Unreachable."""
        if lines == 0:
            return []
        return self._cluster.log(self.namespace, source.pod, source.container, lines=lines).splitlines()

    def follow(self, source: Source, lines: int) -> Iterator[str]:
        """Errors: RefusedAnswer, Unreachable."""
        return self._cluster.follow(self.namespace, source.pod, source.container, lines=lines)

    # down

    def down(self, on_waiting: OnWaiting, *, timeout_seconds: float, volumes_too: bool = False) -> None:
        """Delete what was applied here, and wait until what was made of it is gone too.

        Errors: NothingApplied, NotRemoved, NotAllowed, Unreachable; Interrupted by Ctrl-C.
        """
        applied = self._all_inventories()
        if not applied:
            raise self._nothing_applied()
        objects = self._objects(self.namespace)
        kept: list[Ref] = []
        doomed: set[str] = set()
        try:
            for inventory in applied:
                to_go, stay = inventories.to_delete(inventory.objects, volumes_too=volumes_too)
                kept += stay
                for ref in to_go:
                    live = self._live(ref)
                    if self._delete(ref, inventory.overlay_set, "deleted") and live is not None:
                        doomed |= {live["metadata"]["uid"], *_descendants(objects, live)}
            self._wait_until_gone(doomed, on_waiting, timeout_seconds)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "stopped waiting; what was asked to go goes on going, and `forkcast down --target cluster` again "
                "deletes the rest"
            ) from error
        for inventory in applied:
            self._forget(inventory, kept)
        left = [*map(str, kept), f"Namespace {self.namespace}"]
        self._say(f"what was applied is gone; what stays: {', '.join(left)}")

    def _forget(self, inventory: Inventory, kept: Sequence[Ref]) -> None:
        """Claims that stay stay in the inventory, so that `down --volumes-too` finds them later."""
        mine = tuple(each for each in inventory.objects if each in kept and self._live(each) is not None)
        resource = self._cluster.resource(CORE, "ConfigMap")
        ref = Ref(CORE, "ConfigMap", inventory.name, inventory.namespace)
        live = self._live(ref)
        if resource is None or live is None:
            return
        if mine:
            rest = Inventory(inventory.overlay_set, inventory.namespace, inventory.overlay, inventory.applied_at, mine)
            self._cluster.apply(resource, ref, inventories.config_map(rest), force=True)
        else:
            self._cluster.delete(resource, ref, live["metadata"]["uid"])

    def _wait_until_gone(self, doomed: set[str], on_waiting: OnWaiting, timeout_seconds: float) -> None:
        began = time.monotonic()
        while True:
            objects = self._objects(self.namespace)
            left = [
                f"{kind} {each['metadata']['name']} to go"
                for kind, found in objects.items()
                for each in found
                if each["metadata"]["uid"] in doomed
            ]
            if not left:
                return
            on_waiting(left)
            if time.monotonic() - began >= timeout_seconds:
                raise NotRemoved(
                    f"after {timeout_seconds:.0f} s there still are: {', '.join(each.removesuffix(' to go') for each in left)}"
                    "; see `kubectl describe` of them (a finalizer, a node that does not answer), and run `forkcast "
                    "down --target cluster` again"
                )
            time.sleep(POLL_SECONDS)


def _outcome(earlier: dict[str, Any] | None, stored: dict[str, Any]) -> str:
    if earlier is None:
        return "created"
    before, after = earlier["metadata"], stored["metadata"]
    if before.get("generation") is not None:  # a status may have been written meanwhile
        return "unchanged" if before["generation"] == after.get("generation") else "changed"
    return "unchanged" if before.get("resourceVersion") == after.get("resourceVersion") else "changed"


def _key(problem: Problem) -> str:
    """A problem as the same from one look to the next, however many restarts there were in between."""
    if problem.trouble is None:
        return problem.where
    return f"{problem.where} {problem.trouble.pod} {problem.trouble.container}"


def _broken_off(found: Sequence[Manifest], done: Sequence[Manifest]) -> str:
    rest = [str(each.ref) for each in found if each not in done]
    stored = f"applied: {', '.join(str(each.ref) for each in done) or 'nothing'}"
    return (
        f"stopped waiting; {stored}" + (f"; not applied: {', '.join(rest)}" if rest else "") + ". The cluster goes on "
        "with what it was given (`forkcast status --target cluster`), nothing was pruned, and the same `forkcast apply` "
        "goes on from here"
    )


def _is_news(event: dict[str, Any], since: datetime) -> bool:
    if (event.get("involvedObject") or {}).get("kind") == "Pod":
        return True
    at = event.get("lastTimestamp") or event.get("eventTime")
    return at is None or datetime.fromisoformat(at) >= since.replace(microsecond=0)


def _descendants(objects: Objects, owner: Any) -> Iterator[str]:
    for kind in objects:
        for each in owned(objects, kind, owner):
            yield each["metadata"]["uid"]
            yield from _descendants(objects, each)


def _sources(program: str, pods: Iterable[Any]) -> list[Source]:
    return [
        Source(program, pod["metadata"]["name"], container["name"])
        for pod in pods
        for container in pod["spec"]["containers"]
    ]
