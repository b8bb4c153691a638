"""`forkcast validate`: what a cluster would refuse, fail on, or do otherwise, told before anything is applied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from deployments.checking import Checked
    from deployments.seldon import Finding, Verdict, Warned

REFUSED = 2
"""The exit code."""


def register(app: typer.Typer) -> None:
    app.command()(validate)


def validate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Kustomize folders, and YAML or JSON files, which may hold several documents or a List.",
            show_default=False,
        ),
    ],
    *,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One JSON array with an object for each SeldonDeployment: file, name, namespace, allowed, refused_by, "
            "message, findings, warnings.",
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
) -> None:
    """Say what a cluster with Seldon Core would make of SeldonDeployments, without one.

    Refused is what the API server refuses by the schema of the custom resource (refused_by: schema) or Seldon's webhook
    by its rules (webhook), both in their own words, and what they let pass and the operator then fails on (operator).
    Refused too, with refused_by null and allowed true, is what a cluster runs so that it cannot work. Warned of is what
    a cluster does otherwise than one may think. Each comes with the line to mend: of the file of the overlay that it
    is from, where that is sure, and else of what Kustomize makes of it. Nothing is started, and no cluster is asked.

    Exit codes: 0 nothing is refused, 2 something is (or, with --strict, warned of).

    Example: forkcast validate kustomize/overlays/* --json | jq '.[] | select(.allowed | not)'
    """
    from rich.console import Console

    from deployments.checking import check

    checked = check(paths)
    if as_json:
        typer.echo(json.dumps([each for one in checked for each in _data(one)], indent=2, ensure_ascii=False))
    else:
        _show(checked, Console(highlight=False, soft_wrap=True))
    if any(each.unreadable or any(verdict.findings for verdict in each.verdicts) for each in checked):
        raise typer.Exit(REFUSED)
    if strict and any(not each.verdicts or any(verdict.warnings for verdict in each.verdicts) for each in checked):
        raise typer.Exit(REFUSED)


def _data(checked: Checked) -> Iterator[dict[str, Any]]:
    if checked.unreadable is not None:
        yield {
            "file": str(checked.path),
            "name": None,
            "namespace": None,
            "allowed": False,
            "refused_by": "schema" if checked.findings else None,
            "message": checked.unreadable,
            "findings": list(map(_finding, checked.findings)),
            "warnings": [],
        }
    for verdict in checked.verdicts:
        yield {
            "file": str(checked.path),
            "name": verdict.name,
            "namespace": verdict.namespace,
            "allowed": verdict.allowed,
            "refused_by": verdict.refused_by,
            "message": verdict.message,
            "findings": list(map(_finding, verdict.findings)),
            "warnings": list(map(_place, verdict.warnings)),
        }


def _place(what: Finding | Warned) -> dict[str, Any]:
    """`line` is of the rendered text where the file is a folder; `origin` then is the file and line it comes from."""
    return {
        "path": what.path,
        "line": what.line,
        "origin": what.origin or None,
        "message": what.message,
        "advice": what.advice or None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    from deployments.seldon import RefusedBy

    ours = finding.refused_by is RefusedBy.FORKCAST
    return {**_place(finding), "refused_by": None if ours else finding.refused_by}


def _show(checked: Sequence[Checked], console: Console) -> None:
    for each in checked:
        if each.unreadable is not None:
            console.print(each.unreadable, style="red", markup=False)
        elif not each.verdicts:
            console.print(f"{each.path}: no SeldonDeployment is in it", style="yellow", markup=False)
        for verdict in each.verdicts:
            for finding in verdict.findings:
                _show_one(finding, "red", _by(finding), console)
            for warned in verdict.warnings:
                _show_one(warned, "yellow", "warning", console)
    console.print(_counts(checked), markup=False)


def _show_one(what: Finding | Warned, style: str, kind: str, console: Console) -> None:
    rendered = f" (line {what.line} of {what.source})" if what.origin else ""
    console.print(f"{what.where}: {kind}: {what.path}: {what.message}{rendered}", style=style, markup=False)
    if what.advice:
        console.print(f"    {what.advice}", style="dim", markup=False)


def _by(finding: Finding) -> str:
    from deployments.seldon import RefusedBy

    words = {
        RefusedBy.SCHEMA: "refused by the API server",
        RefusedBy.WEBHOOK: "refused by Seldon's webhook",
        RefusedBy.OPERATOR: "fails in Seldon's operator",
        RefusedBy.FORKCAST: "taken, and does not work",
    }
    return words[finding.refused_by]


def _counts(checked: Sequence[Checked]) -> str:
    found: list[Verdict] = [verdict for each in checked for verdict in each.verdicts]
    refused = [verdict for verdict in found if not verdict.allowed]
    broken = [verdict for verdict in found if verdict.allowed and verdict.findings]
    unreadable = sum(each.unreadable is not None for each in checked)
    parts = [
        f"{len(found) - len(refused) - len(broken)} fine",
        f"{len(refused)} refused" if refused else "",
        f"{len(broken)} taken that cannot work" if broken else "",
        f"{unreadable} unreadable" if unreadable else "",
        f"{sum(len(verdict.warnings) for verdict in found)} warnings",
    ]
    return f"{len(found)} SeldonDeployments: {', '.join(part for part in parts if part)}"
