"""Applies an overlay: a dry run of all of it, then the objects in order, the wait, and what is to go.

It can be broken off anywhere: before the first object is applied, the inventory holds what was applied before and what
is about to be, and it shrinks only when all is done. Another apply goes on where the first one stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deployments.cluster import inventory as inventories
from deployments.cluster.connection import RefusedAnswer
from deployments.cluster.errors import Interrupted, NotAllowed, Unreachable
from deployments.cluster.inventory import Inventory
from deployments.cluster.manifests import Manifest, Ref, in_order, manifests, placed, to_apply
from deployments.cluster.readiness import ROLLED_OUT_KINDS, is_available
from deployments.cluster.refusals import CHANGED_NOTHING, refusal
from deployments.cluster.view import CORE, View
from deployments.cluster.waiting import Awaited, OnWaiting, wait
from deployments.seldon import SeldonDeployment, load_documents
from deployments.seldon.model import KIND as SELDON_DEPLOYMENT


def apply(
    view: View,
    text: str,
    source: str,
    overlay: str,
    on_waiting: OnWaiting,
    *,
    timeout_seconds: float,
    force_conflicts: bool = False,
) -> bool:
    """Make the overlay what is served, wait until it is, and then prune what it no longer has.

    Returns whether there is a SeldonDeployment in it, and so something that is served.

    `text` is the rendered overlay, `source` its name in messages, `overlay` what was typed.
    Errors: InvalidDeployment, UnfitDocument, UnknownKind, Refused, FieldsOwned (nothing was changed); NotAvailable
    (it was applied, and does not come up); NoSeldon, NotAllowed, Unreachable; Interrupted by Ctrl-C.
    """
    deployments = load_documents(text, source)
    found = in_order(_placed(view, text, source))
    change = _Change(view, found, inventories.set_of(found, overlay), overlay, force_conflicts)
    change.rehearse()
    started = view.cluster.server_time
    try:
        has_changed = change.carry_out()
        awaited = _awaited(found, deployments)
        wait(
            view,
            awaited,
            on_waiting,
            timeout_seconds=timeout_seconds,
            has_changed=has_changed,
            has_served=change.has_served,
            until_ended=bool(change.to_prune()),
            started=started,
        )
        change.prune()
    except KeyboardInterrupt as error:
        raise Interrupted(f"stopped waiting; {change.so_far()}") from error
    except (NotAllowed, Unreachable) as error:
        raise type(error)(f"{error.message}; {change.so_far()}") from error
    return bool(deployments)


def _placed(view: View, text: str, source: str) -> list[Manifest]:
    found = manifests(text, source)
    for manifest in found:
        view.cluster.required(manifest)

    def is_namespaced(api_version: str, kind: str) -> bool:
        resource = view.cluster.resource(api_version, kind)
        return resource is not None and resource.is_namespaced

    return placed(found, is_namespaced, asked=view.asked_namespace, default=view.namespace)


def _awaited(found: Iterable[Manifest], deployments: Sequence[SeldonDeployment]) -> list[Awaited]:
    """Each object that is waited for; typed ones are told the namespace that they were put into."""
    by_name = {(each.metadata.namespace or "", each.name): each for each in deployments}
    result = []
    for manifest in found:
        if manifest.ref.kind == SELDON_DEPLOYMENT:
            deployment = by_name[manifest.content["metadata"].get("namespace") or "", manifest.ref.name]
            metadata = deployment.metadata.model_copy(update={"namespace": manifest.ref.namespace})
            result.append(Awaited(manifest, deployment.model_copy(update={"metadata": metadata})))
        elif manifest.ref.kind in ROLLED_OUT_KINDS:
            result.append(Awaited(manifest, None))
    return result


@dataclass
class _Change:
    """One overlay on its way into the cluster; `done` grows as its objects are stored."""

    view: View
    found: list[Manifest]
    overlay_set: str
    overlay: str
    force: bool
    done: list[Manifest] = field(default_factory=list)
    has_served: bool = False
    """Whether a SeldonDeployment of the overlay was available before it."""

    def __post_init__(self) -> None:
        self._namespaces = sorted({each.ref.namespace for each in self.found} - {""})
        before = self.view.inventories(self._namespaces, self.overlay_set)
        self._before = {each.namespace: each.objects for each in before}

    def rehearse(self) -> None:
        """A dry run of each document, so that a refusal of the last one finds the cluster as it was."""
        new_namespaces = {each.ref.name for each in self.found if each.ref.kind == "Namespace"}
        for manifest in self.found:
            try:
                self._send(manifest, dry_run=True)
            except RefusedAnswer as error:
                if error.answer.status == 404 and manifest.ref.namespace in new_namespaces:
                    continue  # it is to come with this very overlay
                raise refusal(error.answer, manifest, self.view.cluster.server) from error

    def carry_out(self) -> bool:
        """Store every object; whether anything changed by it."""
        has_changed = is_recorded = False
        for manifest in self.found:
            if manifest.ref.kind != "Namespace" and not is_recorded:
                self._record(keep_all=True)
                is_recorded = True
            earlier = self.view.live(manifest.ref)
            self.has_served = self.has_served or is_available(earlier)
            try:
                stored = self._send(manifest)
            except RefusedAnswer as error:
                raise refusal(error.answer, manifest, self.view.cluster.server, self.so_far()) from error
            self.done.append(manifest)
            outcome = _outcome(earlier, stored)
            has_changed = has_changed or outcome != "unchanged"
            self.view.say(f"{manifest.ref} {outcome}")
        return has_changed

    def prune(self) -> None:
        """Delete what an earlier apply made and the overlay no longer has."""
        for ref in self.to_prune():
            self.view.delete(ref, self.overlay_set, "is no longer in the overlay: deleted")
        self._record(keep_all=False)

    def to_prune(self) -> list[Ref]:
        return [
            ref
            for namespace, before in self._before.items()
            for ref in inventories.to_prune(before, self._now(namespace))
        ]

    def so_far(self) -> str:
        """What is applied and what is not, for whoever breaks it off."""
        rest = ", ".join(str(each.ref) for each in self.found if each not in self.done)
        stored = ", ".join(str(each.ref) for each in self.done) or "nothing"
        return (
            f"applied: {stored}{f'; not applied: {rest}' if rest else ''}. The cluster goes on with what it was given "
            "(`forkcast status --target cluster`), nothing that was to go is deleted yet, and the same `forkcast "
            "apply` goes on from here"
        )

    def _send(self, manifest: Manifest, *, dry_run: bool = False) -> dict[str, Any]:
        cluster = self.view.cluster
        body = to_apply(manifest, self.overlay_set)
        return cluster.apply(cluster.required(manifest), manifest.ref, body, force=self.force, dry_run=dry_run)

    def _now(self, namespace: str) -> list[Ref]:
        return [each.ref for each in self.found if each.ref.namespace == namespace]

    def _record(self, *, keep_all: bool) -> None:
        """Write the inventories: `keep_all`, of what was and what comes; or of what is left when all is done."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        for namespace in self._namespaces:
            now, before = self._now(namespace), self._before.get(namespace, ())
            objects = inventories.united(now, before) if keep_all else inventories.remembered(before, now)
            inventory = Inventory(self.overlay_set, namespace, self.overlay, at, objects)
            ref = Ref(CORE, "ConfigMap", inventory.name, namespace)
            body = inventories.config_map(inventory)
            try:
                self.view.cluster.apply(self.view.config_maps, ref, body, force=True)
            except RefusedAnswer as error:
                manifest = next(each for each in self.found if each.ref.namespace == namespace)
                message = f"the inventory {inventory.name} could not be written; {CHANGED_NOTHING}"
                raise refusal(error.answer, manifest, self.view.cluster.server, message) from error


def _outcome(earlier: dict[str, Any] | None, stored: dict[str, Any]) -> str:
    if earlier is None:
        return "created"
    before, after = earlier["metadata"], stored["metadata"]
    # A status may have been written meanwhile, which changes the resourceVersion and not the generation.
    key = "resourceVersion" if before.get("generation") is None else "generation"
    return "unchanged" if before.get(key) == after.get(key) else "changed"
