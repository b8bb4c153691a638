"""A bundle's files: written together in the place of an earlier bundle, read back only if each byte is as it was saved.

What a bundle means (a model in `artifact`, a detector in `outliers.detector_bundle`) is decided there. No pickle.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

from model_server.errors import CallersFault, OursToMend
from model_server.impressions import COLUMNS, LABEL, MAX_ROWS

MANIFEST: Final = "manifest.json"


class BundleMissing(OursToMend):
    """There is no bundle where one was expected."""


class NotABundle(CallersFault):
    """What stands where a bundle should go is something else."""


class BundleDamaged(OursToMend):
    """What is there is not what was saved."""


def input_contract() -> dict[str, Any]:
    """The request contract as data, as it stands in a manifest."""
    return {
        "columns": [{"name": c.name, "kind": c.kind.value, "nullable": c.nullable} for c in COLUMNS],
        "label": LABEL,
        "max_rows": MAX_ROWS,
    }


def folder_of(model_uri: str) -> Path:
    """The folder that a model URI names: a path, or file://PATH. Other schemes are resolved before the server starts.

    Errors: BundleMissing.
    """
    parsed = urlparse(model_uri)
    if parsed.scheme in {"", "file"}:
        return Path(parsed.path if parsed.scheme else model_uri)
    raise BundleMissing(
        f"the model URI {model_uri} is no folder of this machine; mount it and give the folder, as Seldon's storage "
        "initializer and `forkcast up` do (/mnt/models on a cluster)"
    )


def require_replaceable(folder: Path, names: Collection[str], *, what: str, such_as: str) -> None:
    """Errors: NotABundle where writing a bundle of these files would take away anything but an earlier one."""
    if not folder.exists():
        return
    foreign = [path.name for path in folder.iterdir() if path.name not in names] if folder.is_dir() else [folder.name]
    if foreign:
        held = ", ".join(sorted(foreign)[:5])
        raise NotABundle(
            f"{folder} is there and is no {what}: it holds {held}; name a folder of its own, such as {such_as}"
        )


def checksums(files: Mapping[str, bytes]) -> dict[str, str]:
    """The sha256 of each file, as it stands in a manifest."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def write(folder: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """All of the files and the manifest, in the place of what is there: whoever reads sees the old or the new."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        for name, content in {**files, MANIFEST: json.dumps(manifest, indent=2).encode() + b"\n"}.items():
            (fresh / name).write_bytes(content)
        old = fresh.with_name(f"{fresh.name}.old")
        if folder.exists():
            folder.replace(old)
        try:
            fresh.replace(folder)
        except BaseException:
            if old.exists():
                old.replace(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_manifest(folder: Path, required: Collection[str], *, missing: str, remedy: str, written_by: str) -> Any:
    """The manifest, with all keys of `required`; its `sha256` is an object.

    `missing` says how a bundle is made, `remedy` what to do about a damaged one, `written_by` by which command.
    Errors: BundleMissing, BundleDamaged.
    """
    path = folder / MANIFEST
    try:
        manifest: Any = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise BundleMissing(f"{missing} ({path} is not there)") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleDamaged(f"{path}: {error}; {remedy}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("sha256", {}), dict):
        raise BundleDamaged(f"{path} is not what `{written_by}` writes; {remedy}")
    lacking = set(required) - manifest.keys()
    if lacking:
        raise BundleDamaged(f"{path} lacks {', '.join(sorted(lacking))}; {remedy}")
    return manifest


def read_files(folder: Path, names: Collection[str], expected: Mapping[str, Any], *, remedy: str) -> dict[str, bytes]:
    """The content of each file, if its sha256 is the expected one. Errors: BundleDamaged."""
    contents: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        try:
            contents[name] = path.read_bytes()
        except OSError as error:
            raise BundleDamaged(f"{path}: {error.strerror}; {remedy}") from error
        seen = hashlib.sha256(contents[name]).hexdigest()
        if seen != expected.get(name):
            raise BundleDamaged(
                f"{path} has sha256 {seen}, but {MANIFEST} says {expected.get(name)}: the file was changed or cut "
                f"short after it was made; {remedy} or copy the whole folder anew"
            )
    return contents
