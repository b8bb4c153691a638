"""Reads an overlay's files to find the origins of its values, and what is wrong in them where Kustomize refuses."""

from __future__ import annotations

from pathlib import Path

from deployments.kustomization.enacted import enacted
from deployments.kustomization.origins import Origins, deployments_of
from deployments.kustomization.patching import BrokenPatch, NotEnacted
from deployments.seldon import InvalidDeployment


def origins_of(folder: Path) -> Origins:
    """Of what the overlay renders to; empty where it cannot be told."""
    try:
        return deployments_of(enacted(folder.as_posix(), _read))
    except (BrokenPatch, NotEnacted, InvalidDeployment):
        return Origins()


def fault_of(folder: Path) -> str | None:
    """File, line and what is wrong there, of an overlay that Kustomize refuses; None where it cannot be told."""
    try:
        enacted(folder.as_posix(), _read)
    except (BrokenPatch, InvalidDeployment) as error:
        return str(error)
    except NotEnacted:
        return None
    return None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
