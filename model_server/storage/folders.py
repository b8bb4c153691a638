"""What a model's URI means, and the folders that are here already. Reads names, changes nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from model_server.storage.errors import ACCEPTED, ModelMissing, ModelUriNotUnderstood

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_RCLONE_REMOTES: Final = {"s3": "s3", "gs": "gs", "gcs": "gs"}


def local_folder(uri: str, *, volumes: Path | None, cache: Path) -> Path:
    """The folder that a model's URI names. It exists.

    `volumes`: the folder whose folders are the claims of `pvc://`; None where there are none.
    `cache`: where copies go, CACHE/<digest of the URI>/<digest of the content>; made if need be. What is elsewhere is
    fetched at each call, as by a pod that starts. A copy is there whole or not at all, and is never changed, so
    whatever serves from it goes on undisturbed; what is no longer needed is anybody's to delete.
    A URI that names one file gives a folder with that file.
    Errors: ModelUriNotUnderstood, ModelMissing, ModelNotFetched, ModelTooLarge.
    """
    if not uri or "\0" in uri:
        raise ModelUriNotUnderstood(f"the model URI is {uri!r}; {ACCEPTED}")
    match = _SCHEME.fullmatch(uri)
    if match is None or ("//" not in uri and Path(uri).exists()):
        return existing(Path(uri), uri)
    scheme, rest = match[1].lower(), match[2]
    if "::" not in uri and scheme in {"file", "local"}:
        path = rest.removeprefix("//")
        path = path.removeprefix("localhost") if path.startswith("localhost/") else path
        return existing(_as_it_stands(Path(), path), uri)
    if scheme == "pvc":
        return existing(_in_claim(rest.removeprefix("//"), uri, volumes), uri)
    if not rest.startswith(("//", ":")):
        if scheme not in _RCLONE_REMOTES:
            raise ModelUriNotUnderstood(
                f"the model URI {uri} names a remote of rclone's, {scheme}, that is not configured here; {ACCEPTED}"
            )
        uri = f"{_RCLONE_REMOTES[scheme]}://{rest.lstrip('/')}"
    from model_server.storage.copies import copy  # noqa: PLC0415  (few need fsspec, and it takes its time)

    return copy(uri, cache)


def default_cache() -> Path:
    """Where copies go if nobody says: into XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache")) / "forkcast" / "models"


def existing(folder: Path, uri: str) -> Path:
    """Errors: ModelMissing."""
    if not folder.is_dir():
        seen = "is a file; name the folder that holds it" if folder.exists() else "does not exist"
        raise ModelMissing(f"{folder} {seen} (model URI {uri})")
    return folder.absolute()


def _as_it_stands(folder: Path, path: str) -> Path:
    """Or without %-escapes, where only that exists: Seldon's wrapper takes a file:// for a path as it stands."""
    plain, unescaped = folder / path, folder / unquote(path)
    return unescaped if unescaped.exists() and not plain.exists() else plain


def _in_claim(path: str, uri: str, volumes: Path | None) -> Path:
    if volumes is None:
        raise ModelUriNotUnderstood(
            f"the model URI {uri} names a claim, and no folder of volumes was given to look for it in; give one, or "
            "name the model's folder with file://PATH"
        )
    for each in (PurePosixPath(path), PurePosixPath(unquote(path))):
        if not each.parts or each.is_absolute() or ".." in each.parts:
            raise ModelUriNotUnderstood(
                f"the model URI {uri} is not pvc://CLAIM/PATH with a path that stays in its claim: '..' is not accepted"
            )
    folder = _as_it_stands(volumes, path)
    claim = volumes / folder.relative_to(volumes).parts[0]
    if not claim.is_dir():
        raise ModelMissing(f"there is no folder {claim} for the claim of the model URI {uri}; make it, or a link to it")
    return folder
