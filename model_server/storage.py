"""A model's URI as a folder of this machine: found where it is one already, else fetched. The only file that fetches.

    PATH, file://PATH, local://PATH             the folder itself
    pvc://CLAIM/PATH                            PATH in the folder CLAIM among the volumes
    s3://, gs://, http://, zip://...::..., ...  whatever fsspec opens: a copy in the cache

Who may read is settled by the protocol's own package: for `s3://` by AWS_ACCESS_KEY_ID and its like, or fsspec's
FSSPEC_S3_KEY. Seldon's rclone spellings `s3:BUCKET/PATH` and `gs:BUCKET/PATH` are understood; what another remote of
rclone's means stands in rclone's configuration, so it is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from fsspec.callbacks import Callback
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from model_server.errors import OursToMend

MAX_BYTES: Final = 4 * 1024**3
"""Of what one URI names. The largest models of trees are some hundred MB: more is another folder than was meant."""
MAX_FILES: Final = 10_000
MAX_HTTP_DEPTH: Final = 8
"""Of folders within folders. Pages may link in a circle; a listing of a bucket cannot."""
ACCEPTED: Final = "a path, file://PATH, pvc://CLAIM/PATH and what fsspec opens, such as s3://BUCKET/PATH, are accepted"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_RCLONE_REMOTES: Final = {"s3": "s3", "gs": "gs", "gcs": "gs"}
_SECRETS: Final = re.compile(r"(?<=//)[^/@:]*:[^/@]*(?=@)|(?<=\?).+")


class ModelUriNotUnderstood(OursToMend):
    """The URI is none that can be followed here, as things stand."""


class ModelMissing(OursToMend):
    """The URI is understood, but no folder or file is there."""


class ModelNotFetched(OursToMend):
    """What is there did not come here."""


class ModelTooLarge(OursToMend):
    """What is there is more than a model."""


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
        return _existing(Path(uri), uri)
    scheme, rest = match[1].lower(), match[2]
    if "::" not in uri and scheme in {"file", "local"}:
        path = rest.removeprefix("//")
        path = path.removeprefix("localhost") if path.startswith("localhost/") else path
        return _existing(_as_it_stands(Path(), path), uri)
    if scheme == "pvc":
        return _existing(_in_claim(rest.removeprefix("//"), uri, volumes), uri)
    if not rest.startswith(("//", ":")):
        if scheme not in _RCLONE_REMOTES:
            raise ModelUriNotUnderstood(
                f"the model URI {uri} names a remote of rclone's, {scheme}, that is not configured here; {ACCEPTED}"
            )
        uri = f"{_RCLONE_REMOTES[scheme]}://{rest.lstrip('/')}"
    return _copy(uri, cache)


def default_cache() -> Path:
    """Where copies go if nobody says: XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "forkcast" / "models"


def _existing(folder: Path, uri: str) -> Path:
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


def _copy(uri: str, cache: Path) -> Path:
    """Fetch, and put in place what is new."""
    shown = _SECRETS.sub("...", uri)
    fresh = None
    try:
        system, path = url_to_fs(uri, skip_instance_cache=True)  # else it may remember an earlier listing
        if isinstance(system, LocalFileSystem):
            return _existing(Path(path), shown)
        place = cache.absolute() / hashlib.sha256(uri.encode()).hexdigest()[:32]
        place.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".fetching-", dir=place.parent))
        fresh.chmod(0o755)
        folder = place / _fetch(system, path, fresh, shown)
        if not folder.exists():
            try:
                fresh.rename(folder)
            except OSError:
                if not folder.exists():  # else somebody was as quick
                    raise
    except OursToMend:
        raise
    except ImportError as error:
        raise ModelUriNotUnderstood(
            f"the model URI {shown} needs a package that is not installed here: {error}; or copy the model to a "
            "folder and name that"
        ) from error
    except FileNotFoundError as error:
        raise ModelMissing(f"nothing is at the model URI {shown}: {_without_secrets(error, uri, shown)}") from error
    except Exception as error:  # each protocol's package has errors of its own
        if isinstance(error, ValueError) and "Protocol not known" in str(error):
            raise ModelUriNotUnderstood(f"the model URI {shown}: {error}; {ACCEPTED}") from error
        told = _without_secrets(error, uri, shown)
        raise ModelNotFetched(f"{shown} could not be fetched into {cache}: {type(error).__name__}: {told}") from error
    else:
        return folder
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def _fetch(system: Any, path: str, folder: Path, shown: str) -> str:
    """Every file at or below a path, into a folder. A digest of names and contents comes back."""
    is_http = "http" in system.protocol
    # Of pages, a page that fails would else be left out.
    listed = system.find(path, detail=True, **({"maxdepth": MAX_HTTP_DEPTH, "on_error": "raise"} if is_http else {}))
    names = {name: _relative(name, path, is_http=is_http, shown=shown) for name in sorted(listed)}
    files = {name: relative for name, relative in names.items() if relative is not None}
    if not files:
        raise ModelMissing(f"nothing is at the model URI {shown}")
    if len(files) > MAX_FILES:
        raise ModelTooLarge(
            f"{shown} names {len(files):,} files; name the model's own folder, of {MAX_FILES:,} at most"
        )
    bound = _Bound(shown, at_least_bytes=sum(listed[name].get("size") or 0 for name in files))
    whole = hashlib.sha256()
    for name, relative in files.items():
        file = folder / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(name, str(file), callback=bound)
        with file.open("rb") as content:
            whole.update(f"{relative}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:32]


class _Bound(Callback):  # type: ignore[misc]  # fsspec tells no types
    """Counts what arrives of all files together, and ends it where it is too much."""

    def __init__(self, shown: str, *, at_least_bytes: int) -> None:
        super().__init__()
        self._shown = shown
        self._seen_bytes = 0
        self._require(at_least_bytes)

    def relative_update(self, inc: int = 1) -> None:
        self._seen_bytes += inc
        self._require(self._seen_bytes)

    def _require(self, seen_bytes: int) -> None:
        if seen_bytes > MAX_BYTES:
            raise ModelTooLarge(
                f"{self._shown} holds more than {MAX_BYTES:,} bytes; name the model's own folder, or copy it here and "
                "name that"
            )


def _relative(name: str, root: str, *, is_http: bool, shown: str) -> str | None:
    """Where a listed file goes; None for what is no file. Errors: ModelNotFetched for a name that would leave."""
    root = root.rstrip("/")
    below = name.removeprefix(root).lstrip("/")
    if is_http:
        below = "" if name.rstrip("/") == root else below
        if "?" in below or "#" in below:  # a page's links to itself, sorted otherwise
            return None
        below = unquote(below or urlsplit(name).path.rpartition("/")[2])
    below = below or PurePosixPath(name).name
    if below.endswith("/"):  # how buckets note an empty folder
        return None
    if not below or below.startswith("/") or "\0" in below or {"", ".", ".."} & set(below.split("/")):
        raise ModelNotFetched(f"{shown} holds a file named {name!r}, which no folder can hold; rename it")
    return below


def _without_secrets(error: Exception, uri: str, shown: str) -> str:
    """Its first line: some libraries tell of every folder in which they looked for themselves."""
    return str(error).replace(uri, shown).partition("\n")[0]
