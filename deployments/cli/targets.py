"""`--target`: whether a verb acts on this machine or on a cluster, and the options that only a cluster has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.errors import CallersFault


class Where(StrEnum):
    LOCAL = "local"
    CLUSTER = "cluster"


class WrongTarget(CallersFault):
    """An option that the other target has."""


_PANEL = "With --target cluster"

Target = Annotated[Where, typer.Option("--target", help="This machine, or the Kubernetes cluster of a kubeconfig.")]
Context = Annotated[
    str | None,
    typer.Option(
        "--context", metavar="NAME", help="A context of the kubeconfig; its current one.", rich_help_panel=_PANEL
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="Else as kubectl finds it: KUBECONFIG, ~/.kube/config.",
        rich_help_panel=_PANEL,
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-N",
        metavar="NAME",
        help="Else the overlay's own, the context's, or `seldon`.",
        rich_help_panel=_PANEL,
    ),
]
ForceConflicts = Annotated[
    bool,
    typer.Option("--force-conflicts", help="Take over fields that somebody else manages.", rich_help_panel=_PANEL),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="How long to wait; 300.", min=1, rich_help_panel=_PANEL),
]
VolumesToo = Annotated[
    bool,
    typer.Option(
        "--volumes-too",
        help="Delete PersistentVolumeClaims that were applied, and what they hold.",
        rich_help_panel=_PANEL,
    ),
]


def cluster_options(context: str | None, kubeconfig: Path | None, namespace: str | None) -> dict[str, bool]:
    """Of those that name a cluster, which were given: for `require_only`."""
    return {
        "--context": context is not None,
        "--kubeconfig": kubeconfig is not None,
        "--namespace": namespace is not None,
    }


def require_only(target: Where, *, local: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
    """Errors: WrongTarget where an option of the other target is set; both map options to whether they are."""
    other = cluster if target is Where.LOCAL else local
    wrong = [option for option, is_set in other.items() if is_set]
    if wrong:
        needed = Where.CLUSTER if target is Where.LOCAL else Where.LOCAL
        raise WrongTarget(
            f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} for --target {needed}, and the target is {target}"
        )
