"""What the API server answers where it does not do what it was asked -> one clear error, with the place in the file.

Pure: over the status code and the `Status` object of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deployments.cluster.errors import FieldsOwned, NoSeldon, NotAllowed, Refused, Unreachable
from deployments.cluster.manifests import Manifest
from deployments.errors import DeploymentsError
from deployments.seldon.findings import Place
from deployments.seldon.model import KIND as SELDON_DEPLOYMENT

UNDECLARED: Final = re.compile(r"(\.[\w.\[\]\"=-]+): field not declared in schema")
WEBHOOK: Final = re.compile(r'admission webhook "([^"]+)" denied the request: ')
RIGHT: Final = re.compile(r'cannot (\w+) resource "([\w./-]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?')
SELDON_WEBHOOK: Final = "vseldondeployment.kb.io"
CHANGED_NOTHING: Final = "nothing was changed"


@dataclass(frozen=True)
class Answer:
    """What came back, other than a success."""

    status: int
    body: Mapping[str, Any]
    """The `Status` object; where the answer was something else, {"message": its text}."""

    @property
    def message(self) -> str:
        return str(self.body.get("message") or f"HTTP {self.status}").strip()

    @property
    def causes(self) -> list[Mapping[str, Any]]:
        return list((self.body.get("details") or {}).get("causes") or [])


def error_of(answer: Answer, what: str, server: str) -> DeploymentsError:
    """The error of a request that has no document: `what` says what was tried, such as "list pods in seldon"."""
    if answer.status == 401:
        return NotAllowed(
            f"{server} does not know who asks (401); log in to the cluster again, or name another user's context with "
            "--context"
        )
    if answer.status == 403:
        return NotAllowed(f"{server} does not let you {what}: {answer.message}; {_rights(answer.message)}")
    if answer.status >= 500 or answer.status == 429:
        return Unreachable(f"{server} could not {what} ({answer.status}): {answer.message}; try again in a while")
    return Refused(f"{server} did not {what} ({answer.status}): {answer.message}")


def refusal(answer: Answer, manifest: Manifest, server: str, outcome: str = CHANGED_NOTHING) -> DeploymentsError:
    """Why a document was not taken, each cause with its line; `outcome` says what has become of the whole."""
    webhook = WEBHOOK.search(answer.message)
    undeclared = UNDECLARED.search(answer.message)
    namespace_missing = answer.status == 404 and (answer.body.get("details") or {}).get("kind") == "namespaces"
    if answer.status == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in answer.causes):
        return FieldsOwned("\n".join([*_conflicts(answer, manifest), _what_to_do_about_conflicts(outcome)]))
    if namespace_missing:
        where = manifest.where(("metadata", "namespace"))
        name = manifest.ref.namespace
        return Refused(
            f"{where}: there is no namespace {name}; make it with `kubectl create namespace {name}`, or apply the "
            f"folder that brings it first (kustomize/namespace); {outcome}"
        )
    is_about_rights = answer.status == 401 or (answer.status == 403 and RIGHT.search(answer.message) is not None)
    is_about_server = answer.status == 429 or answer.status >= 500
    if webhook is None and undeclared is None and (is_about_rights or is_about_server):
        return error_of(answer, f"apply {manifest.ref} in {manifest.ref.namespace or 'the cluster'}", server)
    return Refused("\n".join([*_causes(answer, manifest, webhook, undeclared), outcome]))


def no_seldon(server: str) -> NoSeldon:
    return NoSeldon(
        f"{server} knows no SeldonDeployment: Seldon Core v1 is not installed there; install its operator (1.17 or "
        "later, see docs.seldon.io), or name another cluster with --context"
    )


def place_of(path: str) -> Place:
    """A path as Kubernetes writes it -> the way to the node; what cannot be followed ends it.

    Seldon's webhook writes graph[0] for the first child; the line is then that of the graph.
    """
    place: list[str | int] = []
    for step in re.finditer(r"\.?([\w/-]+)|\[(\d+)\]|\[([^\]]*)\]", path):
        if step[3] is not None:
            break
        place.append(int(step[2]) if step[2] is not None else step[1])
    return tuple(place)


def _conflicts(answer: Answer, manifest: Manifest) -> Iterator[str]:
    for cause in answer.causes:
        field = str(cause.get("field", "")).removeprefix(".")
        owner = str(cause.get("message", "")).removeprefix("conflict with ")
        yield f"{manifest.where(place_of(field))}: {manifest.ref}: {field} is managed by {owner}"


def _what_to_do_about_conflicts(outcome: str) -> str:
    return (
        "whoever that is would lose what they set; take the fields over with --force-conflicts, or leave them out of "
        f"the overlay; {outcome}"
    )


def _causes(
    answer: Answer, manifest: Manifest, webhook: re.Match[str] | None, undeclared: re.Match[str] | None
) -> Iterator[str]:
    who = _who(webhook, manifest)
    if undeclared:
        path = undeclared[1].removeprefix(".")
        yield f"{manifest.where(place_of(path))}: {manifest.ref}: {path}: the cluster knows no such field"
        return
    if not answer.causes:
        message = answer.message if webhook is None else answer.message[webhook.end() :]
        yield f"{manifest.where()}: {manifest.ref}: {who}: {message}"
    for cause in answer.causes:
        field = str(cause.get("field", ""))
        yield f"{manifest.where(place_of(field))}: {manifest.ref}: {who}: {field}: {cause.get('message')}"


def _who(webhook: re.Match[str] | None, manifest: Manifest) -> str:
    if webhook is None:
        return "refused by the API server"
    if manifest.ref.kind == SELDON_DEPLOYMENT and webhook[1].endswith(SELDON_WEBHOOK):
        return "refused by Seldon's webhook"
    return f"refused by the webhook {webhook[1]}"


def _rights(message: str) -> str:
    needed = RIGHT.search(message)
    if needed is None:
        return "ask whoever runs the cluster for that right"
    verb, resource, group, namespace = needed.groups()
    kind = f"{resource}.{group}" if group else resource
    where = f" -n {namespace}" if namespace else ""
    return f"ask whoever runs the cluster for a role with {verb} on {kind} (`kubectl auth can-i {verb} {kind}{where}`)"
