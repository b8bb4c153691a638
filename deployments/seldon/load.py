"""Text -> SeldonDeployments that a cluster would take and run, or every finding at once. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deployments.seldon.documents import Document, documents
from deployments.seldon.findings import Finding, InvalidDeployment
from deployments.seldon.model import GROUP, KIND, SeldonDeployment
from deployments.seldon.rules import findings
from deployments.seldon.schema import parse


def load_documents(text: str, source: str) -> list[SeldonDeployment]:
    """The SeldonDeployments among the documents of `text`, as written (undefaulted); other kinds are passed over.

    `source` names the text in messages: a file, an overlay.
    Errors: InvalidDeployment with every finding of every document.
    """
    deployments: list[SeldonDeployment] = []
    wrong: list[Finding] = []
    for document in documents(text, source):
        if not _is_ours(document.content):
            continue
        parsed = parse(document.content)
        if isinstance(parsed, SeldonDeployment):
            deployments.append(parsed)
            parsed = findings(parsed)
        wrong += [_placed(finding, document) for finding in parsed]
    if wrong:
        raise InvalidDeployment(wrong)
    return deployments


def _is_ours(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    group = str(content.get("apiVersion")).partition("/")[0]
    return content.get("kind") == KIND or group == GROUP


def _placed(finding: Finding, document: Document) -> Finding:
    return replace(finding, source=document.source, line=document.line(finding.place))
