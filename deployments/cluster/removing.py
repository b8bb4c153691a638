"""Deletes what was applied in a namespace, and waits until what was made of it is gone too."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from deployments.cluster import inventory as inventories
from deployments.cluster.errors import Interrupted, NotRemoved
from deployments.cluster.inventory import Inventory
from deployments.cluster.manifests import Ref
from deployments.cluster.readiness import Objects, owned
from deployments.cluster.view import CORE, View
from deployments.cluster.waiting import OnWaiting

POLL_SECONDS: Final = 1.0


def down(view: View, on_waiting: OnWaiting, *, timeout_seconds: float, volumes_too: bool = False) -> None:
    """Errors: NothingApplied, NotRemoved, NotAllowed, Unreachable; Interrupted by Ctrl-C."""
    applied = view.inventories([view.namespace])
    if not applied:
        raise view.nothing_applied()
    objects = view.objects(view.namespace)
    kept: list[Ref] = []
    doomed: set[str] = set()
    try:
        for inventory in applied:
            to_go, stay = inventories.to_delete(inventory.objects, volumes_too=volumes_too)
            kept += [ref for ref in stay if view.live(ref) is not None]
            for ref in to_go:
                uid = view.delete(ref, inventory.overlay_set, "deleted")
                if uid is not None:
                    doomed |= {uid, *_made_of(objects, uid)}
        _wait_until_gone(view, doomed, on_waiting, timeout_seconds)
    except KeyboardInterrupt as error:
        raise Interrupted(
            "stopped waiting; what was asked to go goes on going, and `forkcast down --target cluster` again deletes "
            "the rest"
        ) from error
    for inventory in applied:
        _forget(view, inventory, kept)
    view.say(f"what was applied is gone; what stays: {', '.join([*map(str, kept), f'Namespace {view.namespace}'])}")


def _made_of(objects: Objects, uid: str) -> Iterator[str]:
    """The uids of all that belongs to an object, whoever made it."""
    owner: Mapping[str, Any] = {"metadata": {"uid": uid}}
    for kind in objects:
        for each in owned(objects, kind, owner):
            yield each["metadata"]["uid"]
            yield from _made_of(objects, each["metadata"]["uid"])


def _wait_until_gone(view: View, doomed: set[str], on_waiting: OnWaiting, timeout_seconds: float) -> None:
    began = time.monotonic()
    while True:
        left = [
            f"{kind} {each['metadata']['name']}"
            for kind, found in view.objects(view.namespace).items()
            for each in found
            if each["metadata"]["uid"] in doomed
        ]
        if not left:
            return
        on_waiting([f"{each} to go" for each in left])
        if time.monotonic() - began >= timeout_seconds:
            raise NotRemoved(
                f"after {timeout_seconds:.0f} s there still are: {', '.join(left)}; see `kubectl describe` of them (a "
                "finalizer, a node that does not answer), and run `forkcast down --target cluster` again"
            )
        time.sleep(POLL_SECONDS)


def _forget(view: View, inventory: Inventory, kept: Sequence[Ref]) -> None:
    """Claims that stay stay in the inventory too, so that `down --volumes-too` finds them later."""
    mine = tuple(each for each in inventory.objects if each in kept)
    ref = Ref(CORE, "ConfigMap", inventory.name, inventory.namespace)
    live = view.live(ref)
    if live is None:
        return
    if mine:
        rest = Inventory(inventory.overlay_set, inventory.namespace, inventory.overlay, inventory.applied_at, mine)
        view.cluster.apply(view.config_maps, ref, inventories.config_map(rest), force=True)
    else:
        view.cluster.delete(view.config_maps, ref, live["metadata"]["uid"])
