"""A model on disk: a folder with `manifest.json`, `model.ubj` and `vocabulary.json`, each file's sha256 checked.

No pickle: the model is XGBoost's own UBJSON, everything else is JSON.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

from model_server.booster import Booster
from model_server.errors import CallersFault, OursToMend
from model_server.features import FEATURE_SETS, FeatureSet
from model_server.impressions import COLUMNS, LABEL, MAX_ROWS

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MODEL: Final = "model.ubj"
VOCABULARY: Final = "vocabulary.json"
FILES: Final = (MANIFEST, MODEL, VOCABULARY)


class BundleMissing(OursToMend):
    """There is no model where one was expected."""


class NotABundle(CallersFault):
    """What stands where a model should go is something else."""


class BundleDamaged(OursToMend):
    """What is there is not what was saved."""


@dataclass(frozen=True)
class Bundle:
    """A checked bundle. `version` is derived from the content: the same training gives the same version."""

    name: str
    version: str
    features: FeatureSet
    booster: Booster
    manifest: dict[str, Any]


def input_contract() -> dict[str, Any]:
    """The request contract as data, as it stands in a manifest."""
    return {
        "columns": [{"name": c.name, "kind": c.kind.value, "nullable": c.nullable} for c in COLUMNS],
        "label": LABEL,
        "max_rows": MAX_ROWS,
    }


def folder_of(model_uri: str) -> Path:
    """The folder that a model URI names: a path, or file://PATH. Other schemes are resolved before the model starts."""
    parsed = urlparse(model_uri)
    if parsed.scheme in {"", "file"}:
        return Path(parsed.path if parsed.scheme else model_uri)
    raise BundleMissing(
        f"the model URI {model_uri} is no folder of this machine; mount it and give the folder, as Seldon's storage "
        "initializer and `forkcast up` do (/mnt/models on a cluster)"
    )


def require_replaceable(folder: Path) -> None:
    """Errors: NotABundle where writing a bundle would take away anything but an earlier one."""
    if not folder.exists():
        return
    foreign = [path.name for path in folder.iterdir() if path.name not in FILES] if folder.is_dir() else [folder.name]
    if foreign:
        raise NotABundle(
            f"{folder} is there and is no model: it holds {', '.join(sorted(foreign)[:5])}; name a folder of the "
            "model's own, such as models/champion"
        )


def save(folder: Path, *, features: FeatureSet, model: bytes, about: dict[str, Any]) -> str:
    """Write a bundle in the place of an earlier one; the version comes back.

    `about` joins the manifest: data, versions, metrics. Errors: NotABundle; then nothing was changed.
    """
    require_replaceable(folder)
    files = {MODEL: model, VOCABULARY: json.dumps(features.to_json(), separators=(",", ":")).encode()}
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    version = hashlib.sha256("".join(checksums[name] for name in sorted(checksums)).encode()).hexdigest()[:12]
    manifest = {
        "format": FORMAT,
        "name": folder.name,
        "version": version,
        "feature_set": features.name,
        "feature_names": list(features.names),
        "contract": input_contract(),
        **about,
        "sha256": checksums,
    }
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
    return version


def load(folder: Path, threads: int = 1) -> Bundle:
    """The bundle in a folder, every byte checked against the manifest.

    Errors: BundleMissing where there is none, BundleDamaged where it is not what was saved.
    """
    manifest = _manifest(folder)
    contents: dict[str, bytes] = {}
    for name in (MODEL, VOCABULARY):
        path = folder / name
        try:
            contents[name] = path.read_bytes()
        except OSError as error:
            raise BundleDamaged(f"{path}: {error.strerror}; train the model again") from error
        seen, expected = hashlib.sha256(contents[name]).hexdigest(), manifest["sha256"].get(name)
        if seen != expected:
            raise BundleDamaged(
                f"{path} has sha256 {seen}, but {MANIFEST} says {expected}: the file was changed or cut short after "
                "training; train the model again or copy the whole folder anew"
            )
    features = FEATURE_SETS[manifest["feature_set"]].from_json(json.loads(contents[VOCABULARY]))
    booster = Booster.from_bytes(contents[MODEL], threads)
    if booster.n_features != len(features.names):
        raise BundleDamaged(
            f"{folder}: the model takes {booster.n_features} features, the feature set {features.name} gives "
            f"{len(features.names)}; the bundle is of another release: train the model again"
        )
    return Bundle(manifest["name"], manifest["version"], features, booster, manifest)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: Any = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise BundleMissing(
            f"no model in {folder} ({MANIFEST} is not there); train one with "
            f"`forkcast train --features classic --data data/train_data.csv --out {folder}`"
        ) from error
    except (OSError, ValueError) as error:
        raise BundleDamaged(f"{path}: {error}; train the model again") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("sha256", {}), dict):
        raise BundleDamaged(f"{path} is not what `forkcast train` writes; train the model again")
    missing = {"format", "name", "version", "feature_set", "feature_names", "contract", "sha256"} - manifest.keys()
    if missing:
        raise BundleDamaged(f"{path} lacks {', '.join(sorted(missing))}; train the model again")
    if manifest["format"] != FORMAT:
        raise BundleDamaged(f"{path} has format {manifest['format']}; this release reads format {FORMAT}")
    features = FEATURE_SETS.get(manifest["feature_set"])
    if features is None:
        raise BundleDamaged(f"{path} names the feature set {manifest['feature_set']}; known: {', '.join(FEATURE_SETS)}")
    if manifest["contract"] != input_contract() or tuple(manifest["feature_names"]) != features.names:
        raise BundleDamaged(
            f"{path} was written for another request contract or other features than this release has; "
            "train the model again"
        )
    return manifest
