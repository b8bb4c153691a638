"""Text -> SeldonDeployments that a cluster would take and run, or every finding at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.seldon.findings import Finding, InvalidDeployment, RefusedBy, Warned
from deployments.seldon.model import SeldonDeployment
from deployments.seldon.verdict import Verdict, verdicts


def load_documents(text: str, source: str) -> list[SeldonDeployment]:
    """The SeldonDeployments among the documents of `text`, as written (undefaulted); other kinds are passed over.

    `source` names the text in messages: a file, an overlay.
    Errors: InvalidDeployment with every finding of every document, and with the warnings of what does not run here.
    """
    return sound(verdicts(text, source))


def sound(found: Sequence[Verdict]) -> list[SeldonDeployment]:
    """The deployments of the verdicts, where nothing is wrong with any. Errors: as of `load_documents`."""
    wrong = [finding for verdict in found for finding in (*verdict.findings, *map(_as_finding, _refused_here(verdict)))]
    if wrong:
        raise InvalidDeployment(wrong)
    return [verdict.deployment for verdict in found if verdict.deployment is not None]


def _refused_here(verdict: Verdict) -> list[Warned]:
    return [warned for warned in verdict.warnings if warned.is_refused_here]


def _as_finding(warned: Warned) -> Finding:
    return Finding(
        warned.path,
        warned.message,
        warned.place,
        warned.advice,
        RefusedBy.FORKCAST,
        warned.source,
        warned.line,
        warned.origin,
    )
