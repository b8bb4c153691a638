"""`modelUri` -> a folder of this machine, and a digest of what is in it. Reads files, changes none.

`pvc://models/champion` is ./models/champion: the claim's name is a folder among the volumes. What lies elsewhere, such
as s3://bucket/model, is the graph server's to fetch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deployments.local.errors import ModelMissing
from deployments.local.programs import ModelFolder


def folder_of(uri: str, volumes: Path) -> Path | None:
    """The absolute folder that a `modelUri` names, which may not exist; None where it names none of this machine."""
    parts = urlsplit(uri)
    if parts.scheme == "pvc":
        return (volumes / parts.netloc / unquote(parts.path).lstrip("/")).resolve()
    if parts.scheme == "file":
        return Path(unquote(parts.path)).resolve()
    if not parts.scheme:
        return Path(uri).resolve()
    return None


def model_folders(uris: Iterable[str], volumes: Path) -> dict[str, ModelFolder]:
    """The folder of each `modelUri` that names one. Errors: ModelMissing naming every one that does not exist."""
    folders = {uri: folder for uri in uris if (folder := folder_of(uri, volumes)) is not None}
    missing = [f"{_shown(folder)} does not exist ({uri})" for uri, folder in folders.items() if not folder.is_dir()]
    if missing:
        raise ModelMissing(
            f"{'; '.join(missing)}. Make the models with `forkcast train` and `forkcast fit-detector`, or name with "
            "--volumes the folder that holds them"
        )
    return {uri: ModelFolder(folder, digest(folder)) for uri, folder in folders.items()}


def digest(folder: Path) -> str:
    """SHA-256 over the names and the contents of every file below a folder."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as content:
            one = hashlib.file_digest(content, "sha256").hexdigest()
        whole.update(f"{file.relative_to(folder)}\0{one}\n".encode())
    return whole.hexdigest()


def _shown(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
