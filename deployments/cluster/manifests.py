"""Rendered documents -> objects to apply, each with its place in the text, in an order that a cluster likes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from deployments.cluster.errors import UnfitDocument
from deployments.seldon.documents import Document, documents
from deployments.seldon.findings import Place
from deployments.seldon.model import KIND as SELDON_DEPLOYMENT

SET_LABEL: Final = "forkcast.dev/overlay-set"
"""On every object that we apply; app.kubernetes.io/managed-by is what Seldon's operator puts on its own."""

FIRST: Final = (
    "Namespace",
    "CustomResourceDefinition",
    "ResourceQuota",
    "LimitRange",
    "PriorityClass",
    "ServiceAccount",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
)
"""What others stand on, in order; then all other kinds, and last of all what is served: a store before its users."""

LAST: Final = (SELDON_DEPLOYMENT,)


@dataclass(frozen=True, order=True)
class Ref:
    """Which object: the version of its API is only how it is addressed."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    """Empty where the kind is not namespaced."""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        group = self.api_version.rpartition("/")[0]
        return group, self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Manifest:
    """One object to apply."""

    ref: Ref
    content: dict[str, Any]
    document: Document

    def where(self, place: Place = ()) -> str:
        """The source and line of a node of the document."""
        return f"{self.document.source}:{self.document.line(place)}"


type IsNamespaced = Callable[[str, str], bool]
"""Of an apiVersion and a kind."""


def manifests(text: str, source: str) -> list[Manifest]:
    """Every document as an object, in the order of the text, in the namespace that it names or in none.

    Errors: UnfitDocument with every document that is none; InvalidDeployment where the text is no YAML.
    """
    found: list[Manifest] = []
    wrong: list[str] = []
    for document in documents(text, source):
        problem = _unfit(document.content)
        if problem:
            wrong.append(f"{source}:{document.line(())}: {problem}")
            continue
        content = document.content
        metadata = content["metadata"]
        ref = Ref(content["apiVersion"], content["kind"], metadata["name"], metadata.get("namespace") or "")
        found.append(Manifest(ref, content, document))
    if wrong:
        raise UnfitDocument("\n".join(wrong))
    if not found:
        raise UnfitDocument(f"{source}: holds no document; there is nothing to apply")
    return found


def placed(
    found: Iterable[Manifest], is_namespaced: IsNamespaced, *, asked: str | None, default: str
) -> list[Manifest]:
    """Each object in its namespace: the document's own, or else the one that was asked for, or else the default.

    Errors: UnfitDocument where a document names another namespace than the one that was asked for, as kubectl does,
    or where two documents are one object.
    """
    result: list[Manifest] = []
    wrong: list[str] = []
    seen: dict[tuple[str, ...], Manifest] = {}
    for manifest in found:
        ref = manifest.ref
        namespaced = is_namespaced(ref.api_version, ref.kind)
        if namespaced and asked and ref.namespace not in {"", asked}:
            where = manifest.where(("metadata", "namespace"))
            wrong.append(
                f"{where}: {ref} is to be in namespace {ref.namespace}, and --namespace says {asked}; leave the option "
                "out, or change the overlay's `namespace:`"
            )
        namespace = (ref.namespace or asked or default) if namespaced else ""
        there = replace(manifest, ref=replace(ref, namespace=namespace))
        if there.ref.identity in seen:
            wrong.append(f"{there.where()}: {ref} was there before, at {seen[there.ref.identity].where()}")
        seen[there.ref.identity] = there
        result.append(there)
    if wrong:
        raise UnfitDocument("\n".join(wrong))
    return result


def in_order(found: Iterable[Manifest]) -> list[Manifest]:
    """As they are to be applied; documents of one kind stay in their order."""
    return sorted(found, key=lambda manifest: rank(manifest.ref.kind))


def rank(kind: str) -> int:
    if kind in LAST:
        return len(FIRST) + 1
    return FIRST.index(kind) if kind in FIRST else len(FIRST)


def to_apply(manifest: Manifest, overlay_set: str) -> dict[str, Any]:
    """The body of the request: the document, in its namespace, with our label."""
    metadata = dict(manifest.content["metadata"])
    metadata["labels"] = {**(metadata.get("labels") or {}), SET_LABEL: overlay_set}
    if manifest.ref.namespace:
        metadata["namespace"] = manifest.ref.namespace
    return {**manifest.content, "metadata": metadata}


def _unfit(content: Any) -> str | None:
    if not isinstance(content, dict):
        return f"a document of the type {type(content).__name__}; a Kubernetes object is expected"
    for key in ("apiVersion", "kind"):
        if not isinstance(content.get(key), str):
            return f"no {key}; every Kubernetes object has one"
    if content["kind"] == "List":
        return "a List; give its items as documents of their own"
    metadata = content.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        return f"a {content['kind']} without metadata.name; what is applied again and again needs a name"
    return None
