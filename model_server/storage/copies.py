"""Copies of what a model's URI names elsewhere, fetched through fsspec. The only file that fetches."""

from __future__ import annotations

import hashlib
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
from model_server.storage.errors import ACCEPTED, ModelMissing, ModelNotFetched, ModelTooLarge, ModelUriNotUnderstood
from model_server.storage.folders import existing

MAX_BYTES: Final = 4 * 1024**3
"""Of what one URI names. The largest models of trees are some hundred MB: more is another folder than was meant."""
MAX_FILES: Final = 10_000
MAX_HTTP_DEPTH: Final = 8
"""Of folders within folders. Pages may link in a circle; a listing of a bucket cannot."""
_SECRETS: Final = re.compile(r"(?<=//)[^/@:]*:[^/@]*(?=@)|(?<=\?).+")


def copy(uri: str, cache: Path) -> Path:
    """The folder with what is at a URI now: fetched, and put in place if it is new; whole or not at all.

    Errors: those of `local_folder`.
    """
    shown = _SECRETS.sub("...", uri)
    fresh = None
    try:
        system, path = url_to_fs(uri, skip_instance_cache=True)  # else it may remember an earlier listing
        if isinstance(system, LocalFileSystem):
            return existing(Path(path), shown)
        place, fresh = _room_in(cache, uri, shown)
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
        raise ModelNotFetched(f"{shown} could not be fetched: {type(error).__name__}: {told}") from error
    else:
        return folder
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def _room_in(cache: Path, uri: str, shown: str) -> tuple[Path, Path]:
    """The folder of all copies of a URI, and a fresh one beside it. Errors: ModelNotFetched."""
    try:
        whole = cache.expanduser().absolute()
        place = whole / hashlib.sha256(uri.encode()).hexdigest()[:32]
        place.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".fetching-", dir=whole))
        fresh.chmod(0o755)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        raise ModelNotFetched(
            f"no copy of {shown} can be kept in {cache}: {error}; set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return place, fresh


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
