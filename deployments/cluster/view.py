"""A namespace of a cluster as the verbs see it: what they read there, and the one way in which they delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from deployments.cluster import inventory as inventories
from deployments.cluster.connection import Connection, NotFound, Resource
from deployments.cluster.errors import NotAllowed, NothingApplied, Unreachable
from deployments.cluster.inventory import INVENTORY_LABEL, Inventory
from deployments.cluster.manifests import Ref
from deployments.cluster.readiness import Objects
from deployments.cluster.refusals import no_seldon
from deployments.seldon.model import GROUP
from deployments.seldon.model import KIND as SELDON_DEPLOYMENT

type Say = Callable[[str], None]

OVERLAYS_NAMESPACE: Final = "seldon"
"""Where this project's overlays live, if neither the command nor the context names a namespace."""

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


class View:
    def __init__(self, connection: Connection, namespace: str | None, say: Say) -> None:
        self.cluster = connection
        self.asked_namespace = namespace
        self.namespace = namespace or connection.default_namespace or OVERLAYS_NAMESPACE
        self.say = say
        self.not_allowed_to_list: set[str] = set()

    @property
    def config_maps(self) -> Resource:
        """Errors: Unreachable, NotAllowed."""
        found = self.cluster.resource(CORE, "ConfigMap")
        if found is None:
            raise Unreachable(f"{self.cluster.server} knows no ConfigMap; is that address an API server's?")
        return found

    def objects(self, namespace: str, since: datetime | None = None) -> Objects:
        """All that the verbs look at in a namespace. What may not be listed, and can be done without, is left out.

        Of events those older than `since` are left out, but for those of Pods, which do not outlive a change.
        Errors: NotAllowed, Unreachable.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        for api_version, kind in NEEDED:
            found[kind] = self.cluster.list(api_version, kind, namespace)
        wanted = [*OPTIONAL]
        for kind, versions in GATEWAYS.items():
            wanted += [(each, kind) for each in versions if self.cluster.resource(each, kind) is not None][:1]
        for api_version, kind in wanted:
            try:
                found[kind] = self.cluster.list(api_version, kind, namespace)
            except NotAllowed:
                self.not_allowed_to_list.add(kind)
        if since is not None:
            found["Event"] = [each for each in found.get("Event", []) if _is_news(each, since)]
        return found

    def seldon_objects(self) -> Objects:
        """Those of the view's own namespace. Errors: NoSeldon, NotAllowed, Unreachable."""
        if self.cluster.resource(SELDON_API, SELDON_DEPLOYMENT) is None:
            raise no_seldon(self.cluster.server)
        return self.objects(self.namespace)

    def live(self, ref: Ref) -> dict[str, Any] | None:
        """The object as it is now; None if there is none."""
        resource = self.cluster.resource(ref.api_version, ref.kind)
        with suppress(NotFound):
            return None if resource is None else self.cluster.get(resource, ref)
        return None

    def inventories(self, namespaces: Iterable[str], overlay_set: str | None = None) -> list[Inventory]:
        """Those of a set, or all."""
        label = INVENTORY_LABEL if overlay_set is None else f"{INVENTORY_LABEL}={overlay_set}"
        return [
            inventories.recorded(each)
            for namespace in sorted(namespaces)
            for each in self.cluster.list(CORE, "ConfigMap", namespace, label)
        ]

    def nothing_applied(self) -> NothingApplied:
        """The error, with the namespaces where something was."""
        elsewhere: set[str] = set()
        with suppress(NotAllowed):
            found = self.cluster.list(CORE, "ConfigMap", "", INVENTORY_LABEL)
            elsewhere = {each["metadata"]["namespace"] for each in found}
        hint = (
            f"there is something in: {', '.join(sorted(elsewhere))} (see --namespace)"
            if elsewhere
            else "start with `forkcast apply kustomize/overlays/ab-test --target cluster`"
        )
        return NothingApplied(f"nothing was applied in namespace {self.namespace} of {self.cluster.server}; {hint}")

    def delete(self, ref: Ref, overlay_set: str, outcome: str) -> str | None:
        """Delete an object if it is still ours; its uid if it is going, None if it is gone or stays."""
        live, resource = self.live(ref), self.cluster.resource(ref.api_version, ref.kind)
        if live is None or resource is None:
            return None
        if not inventories.is_ours(live, overlay_set):
            self.say(f"{ref} is somebody else's now (it has lost our label): it stays")
            return None
        uid: str = live["metadata"]["uid"]
        self.cluster.delete(resource, ref, uid)
        self.say(f"{ref} {outcome}")
        return uid


def _is_news(event: dict[str, Any], since: datetime) -> bool:
    if (event.get("involvedObject") or {}).get("kind") == "Pod":
        return True
    at = event.get("lastTimestamp") or event.get("eventTime")
    return at is None or datetime.fromisoformat(at) >= since.replace(microsecond=0)
