"""The verb that writes what watches a deployment: rules, the monitor of its Pods, dashboards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from deployments.errors import OursToMend


class CannotWriteFile(OursToMend):
    """The folder, or a file in it, cannot be written."""


def _generated() -> Iterator[Mapping[str, str]]:
    """What each generator makes: path below the folder -> content. A further one is a further line."""
    from deployments.monitoring import rendering
    from deployments.monitoring.dashboards.rendering import dashboards

    yield rendering.rules_for_the_operator()
    yield {f"{rendering.DASHBOARDS}/{name}": text for name, text in dashboards().items()}


def monitoring(
    out: Annotated[Path, typer.Option(help="Folder to write; other files in it stay.")] = Path("kustomize/monitoring"),
) -> None:
    """Write alerts, dashboards, and how metrics are collected, for `kubectl apply -k` (with the Prometheus Operator).

    Example: forkcast monitoring --out kustomize/monitoring
    """
    from deployments.monitoring.rendering import kustomization

    files = {path: content for made in _generated() for path, content in made.items()}
    files["kustomization.yaml"] = kustomization(files)
    for path, content in files.items():
        file = out / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        except OSError as error:
            raise CannotWriteFile(
                f"{file}: cannot be written: {error.strerror}; give another folder by --out"
            ) from error


def register(app: typer.Typer) -> None:
    app.command()(monitoring)
