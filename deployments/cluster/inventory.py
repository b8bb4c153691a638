"""What was applied, as a cluster remembers it: a ConfigMap for each set in each namespace; and what to prune. Pure.

An object is ours to delete if it is in an inventory, and if it still carries our label: so what somebody else made in
its place stays. Claims and namespaces are never pruned, for they hold what cannot be made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from deployments.cluster.errors import UnreadableInventory
from deployments.cluster.manifests import SET_LABEL, Manifest, Ref, rank
from deployments.seldon.model import KIND as SELDON_DEPLOYMENT

INVENTORY_LABEL: Final = "forkcast.dev/inventory"
NAME_PREFIX: Final = "forkcast-inventory-"
SERVING: Final = "serving"
"""The set of every overlay with a SeldonDeployment: such overlays take each other's place."""

KEPT_KINDS: Final = ("PersistentVolumeClaim", "Namespace")
MAX_LABEL_LENGTH: Final = 63


@dataclass(frozen=True)
class Inventory:
    overlay_set: str
    namespace: str
    overlay: str
    """As it was typed, such as kustomize/overlays/ab-test."""
    applied_at: str
    """ISO 8601, UTC; when the last apply began."""
    objects: tuple[Ref, ...]

    @property
    def name(self) -> str:
        return NAME_PREFIX + self.overlay_set


def set_of(found: Iterable[Manifest], overlay: str) -> str:
    """The set that an overlay belongs to: `serving`, or a name of its own where nothing is served by it.

    So monitoring, applied from its own folder, stays when another overlay takes over what is served.
    """
    if any(manifest.ref.kind == SELDON_DEPLOYMENT for manifest in found):
        return SERVING
    plain = re.sub(r"[^a-z0-9]+", "-", PurePath(overlay).name.lower())
    return plain.strip("-")[: MAX_LABEL_LENGTH - len(NAME_PREFIX)].strip("-") or "unnamed"


def recorded(config_map: dict[str, Any]) -> Inventory:
    """An inventory as its ConfigMap tells it. Errors: UnreadableInventory."""
    metadata, data = config_map["metadata"], config_map.get("data") or {}
    namespace = metadata["namespace"]
    try:
        objects = tuple(
            Ref(str(each["apiVersion"]), str(each["kind"]), str(each["name"]), namespace)
            for each in json.loads(data.get("objects", "[]"))
        )
    except (ValueError, KeyError, TypeError) as error:
        name = metadata["name"]
        raise UnreadableInventory(
            f"the ConfigMap {name} in namespace {namespace} is no inventory any more ({error}); what it named is not "
            f"known: delete it (`kubectl -n {namespace} delete configmap {name}`), apply the overlay again, and look "
            f"with `kubectl -n {namespace} get all -l {SET_LABEL}` for what is left over"
        ) from error
    overlay_set = metadata["labels"][INVENTORY_LABEL]
    return Inventory(overlay_set, namespace, data.get("overlay", ""), data.get("appliedAt", ""), objects)


def config_map(inventory: Inventory) -> dict[str, Any]:
    objects = [
        {"apiVersion": each.api_version, "kind": each.kind, "name": each.name} for each in sorted(inventory.objects)
    ]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": inventory.name,
            "namespace": inventory.namespace,
            "labels": {INVENTORY_LABEL: inventory.overlay_set},
        },
        "data": {
            "overlay": inventory.overlay,
            "appliedAt": inventory.applied_at,
            "objects": json.dumps(objects, indent=1),
        },
    }


def united(first: Iterable[Ref], second: Iterable[Ref]) -> tuple[Ref, ...]:
    """Both, each object once; the first one's version of the API counts."""
    found = {ref.identity: ref for ref in second} | {ref.identity: ref for ref in first}
    return tuple(sorted(found.values()))


def to_prune(before: Iterable[Ref], now: Iterable[Ref]) -> list[Ref]:
    """What an earlier apply made and the overlay no longer has, users of others first."""
    wanted = {ref.identity for ref in now}
    return _backwards(ref for ref in before if ref.identity not in wanted and ref.kind not in KEPT_KINDS)


def remembered(before: Iterable[Ref], now: Sequence[Ref]) -> tuple[Ref, ...]:
    """What stands in the inventory once all is pruned: what is applied, and claims that stayed from before."""
    return united(now, (ref for ref in before if ref.kind in KEPT_KINDS))


def to_delete(before: Iterable[Ref], *, volumes_too: bool) -> tuple[list[Ref], list[Ref]]:
    """What `down` deletes, users of others first, and what it leaves."""
    all_of_it = list(before)
    kept = [
        ref for ref in all_of_it if ref.kind in KEPT_KINDS and not (volumes_too and ref.kind == "PersistentVolumeClaim")
    ]
    return _backwards(ref for ref in all_of_it if ref not in kept), kept


def is_ours(live: dict[str, Any], overlay_set: str) -> bool:
    """Whether the object that is there now is one that we applied."""
    return bool((live["metadata"].get("labels") or {}).get(SET_LABEL) == overlay_set)


def _backwards(refs: Iterable[Ref]) -> list[Ref]:
    return sorted(refs, key=lambda ref: (-rank(ref.kind), ref))
