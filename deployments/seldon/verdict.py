"""Text -> a verdict on each of its SeldonDeployments: whether a cluster would run it, and how. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from deployments.seldon.differences import CONTROLLER_ID, gateway_differences
from deployments.seldon.documents import Document, documents
from deployments.seldon.findings import Finding, RefusedBy, Warned, go_quoted
from deployments.seldon.fused import engineless_differences
from deployments.seldon.model import GROUP, KIND, SeldonDeployment
from deployments.seldon.pod_differences import pod_differences
from deployments.seldon.rules import findings, webhook_message
from deployments.seldon.schema import parse


@dataclass(frozen=True)
class Verdict:
    """What becomes of one SeldonDeployment on a cluster.

    `deployment` is None where the API server refuses it. Findings that are ours alone (RefusedBy.FORKCAST) stand among
    the others and leave `refused_by` alone: a cluster takes such a deployment, which then does not work as it says.
    """

    name: str
    namespace: str
    document: Document
    deployment: SeldonDeployment | None
    findings: tuple[Finding, ...]
    warnings: tuple[Warned, ...]
    message: str | None
    """The webhook's or the API server's own; a sentence where the operator fails; None where all take it."""

    @property
    def refused_by(self) -> RefusedBy | None:
        """The first that refuses it on its way: API server, webhook, operator. None: a cluster runs it."""
        by = {finding.refused_by for finding in self.findings}
        return next((each for each in (RefusedBy.SCHEMA, RefusedBy.WEBHOOK, RefusedBy.OPERATOR) if each in by), None)

    @property
    def allowed(self) -> bool:
        return self.refused_by is None

    def with_warnings(self, more: Iterable[Warned]) -> Verdict:
        """With warnings of more than this deployment."""
        return replace(self, warnings=(*self.warnings, *(_placed(each, self.document) for each in more)))


def verdicts(text: str, source: str) -> list[Verdict]:
    """On each SeldonDeployment of `text`, in order; other kinds are passed over. `source` names the text in messages.

    Errors: InvalidDeployment where the text is no YAML.
    """
    found = (each for document in documents(text, source) for each in document.items())
    return [_verdict(document) for document in found if _is_ours(document.content)]


def _verdict(document: Document) -> Verdict:
    parsed = parse(document.content)
    found = sorted((_placed(finding, document) for finding in parsed.findings), key=lambda finding: finding.line or 0)
    warnings: list[Warned] = []
    if parsed.deployment is not None:
        found += [_placed(finding, document) for finding in _judged(parsed.deployment)]
        warnings = [_placed(each, document) for each in _warned(parsed.deployment)]
    metadata = document.content.get("metadata")
    said = metadata if isinstance(metadata, dict) else {}
    deployment = parsed.deployment
    return Verdict(
        name=str(said.get("name") or ""),
        namespace=deployment.namespace if deployment else str(said.get("namespace") or "default"),
        document=document,
        deployment=deployment,
        findings=tuple(found),
        warnings=tuple(warnings),
        message=_message(document.content, str(said.get("name") or ""), found),
    )


def _judged(deployment: SeldonDeployment) -> Iterator[Finding]:
    """All findings; the webhook's are ours where a label keeps it from being asked."""
    unasked = CONTROLLER_ID in deployment.metadata.labels
    for finding in findings(deployment):
        if unasked and finding.refused_by is RefusedBy.WEBHOOK:
            yield replace(finding, refused_by=RefusedBy.FORKCAST)
        else:
            yield finding


def _warned(deployment: SeldonDeployment) -> Iterator[Warned]:
    yield from gateway_differences(deployment)
    yield from pod_differences(deployment)
    yield from engineless_differences(deployment)


def _message(content: Any, name: str, found: list[Finding]) -> str | None:
    by = {finding.refused_by for finding in found}
    if RefusedBy.SCHEMA in by:
        texts = [f"{finding.path}: {finding.message}" for finding in found if finding.refused_by is RefusedBy.SCHEMA]
        joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        return f"{KIND}.{GROUP} {go_quoted(name)} is invalid: {joined}"
    if RefusedBy.WEBHOOK in by:
        return webhook_message(content["spec"].get("name"), found)
    texts = [
        f"{finding.path}: {finding.message}; {finding.advice}"
        for finding in found
        if finding.refused_by is RefusedBy.OPERATOR
    ]
    return f"Seldon's operator fails on it: {'. '.join(texts)}." if texts else None


def _is_ours(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    group = str(content.get("apiVersion")).partition("/")[0]
    return content.get("kind") == KIND or group == GROUP


def _placed[T: (Finding, Warned)](what: T, document: Document) -> T:
    return replace(what, source=document.source, line=document.line(what.place))
