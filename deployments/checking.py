"""Paths -> what a cluster would make of the SeldonDeployments there, with the lines to mend. A thin shell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deployments.errors import CallersFault
from deployments.kustomization import Origins, origins_of
from deployments.render import Rendered, render
from deployments.seldon import (
    Finding,
    InvalidDeployment,
    Verdict,
    Warned,
    between_deployments,
    load_documents,
    sound,
    verdicts,
)


@dataclass(frozen=True)
class Checked:
    """What came of one path: verdicts; or why it cannot be read, with the findings where there are any."""

    path: Path
    verdicts: tuple[Verdict, ...] = ()
    unreadable: str | None = None
    findings: tuple[Finding, ...] = ()


def check(paths: Sequence[Path]) -> list[Checked]:
    """A verdict on every SeldonDeployment of every path, warnings of what concerns several of them included.

    Errors: KubectlMissing. What is wrong with a path is told of it, and the others are checked all the same.
    """
    checked = [_check(path) for path in paths]
    found = [verdict.deployment for each in checked for verdict in each.verdicts if verdict.deployment is not None]
    between: dict[int, list[Warned]] = {}
    for deployment, warned in between_deployments(found):
        between.setdefault(id(deployment), []).append(warned)
    return [
        replace(
            each,
            verdicts=tuple(verdict.with_warnings(between.get(id(verdict.deployment), ())) for verdict in each.verdicts),
        )
        for each in checked
    ]


def rendered(path: Path) -> Rendered:
    """What is to be applied, if a cluster would run it.

    Errors: those of `render`, and InvalidDeployment with the line of the overlay to mend.
    """
    found = render(path)
    try:
        load_documents(found.text, found.source)
    except InvalidDeployment:
        if path.is_dir():
            origins = origins_of(path)
            sound([_located(verdict, origins) for verdict in verdicts(found.text, found.source)])
        raise
    return found


def _located(verdict: Verdict, origins: Origins) -> Verdict:
    """The verdict with the file and line of the overlay that each finding comes from, where that is sure."""

    def placed[T: (Finding, Warned)](what: T) -> T:
        spot = origins.spot(verdict.document.content, what.place)
        return what if spot is None else replace(what, origin=str(spot))

    return replace(
        verdict, findings=tuple(map(placed, verdict.findings)), warnings=tuple(map(placed, verdict.warnings))
    )


def _check(path: Path) -> Checked:
    try:
        text = render(path)
        found = verdicts(text.text, text.source)
    except InvalidDeployment as error:
        return Checked(path, unreadable=str(error), findings=error.findings)
    except CallersFault as error:
        return Checked(path, unreadable=str(error))
    origins = origins_of(path) if path.is_dir() else Origins()
    return Checked(path, tuple(_located(verdict, origins) for verdict in found))
