"""A model on disk: a folder with `manifest.json`, `model.ubj`, `vocabulary.json` and `drift.json`.

Each file is checked by its sha256. No pickle: the model is XGBoost's own UBJSON, everything else is JSON.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from model_server import bundle_files
from model_server.booster import Booster
from model_server.bundle_files import MANIFEST, BundleDamaged, BundleMissing, NotABundle, folder_of, input_contract
from model_server.drift.errors import InvalidRecord
from model_server.drift.record import TrainingRecord
from model_server.features import FEATURE_SETS, FeatureSet

__all__ = [
    "Bundle",
    "BundleDamaged",
    "BundleMissing",
    "NotABundle",
    "folder_of",
    "input_contract",
    "load",
    "require_replaceable",
    "save",
]

FORMAT: Final = 1
MODEL: Final = "model.ubj"
VOCABULARY: Final = "vocabulary.json"
DRIFT: Final = "drift.json"
"""What training looked like; not in bundles of earlier releases."""
FILES: Final = (MANIFEST, MODEL, VOCABULARY, DRIFT)
_REMEDY: Final = "train the model again"


@dataclass(frozen=True)
class Bundle:
    """A checked bundle. `version` is derived from model and vocabulary: what gives the same scores has the same.

    `drift`: what serving compares itself with; None in a bundle that has nothing of it.
    """

    name: str
    version: str
    features: FeatureSet
    booster: Booster
    manifest: dict[str, Any]
    drift: TrainingRecord | None = None


def require_replaceable(folder: Path) -> None:
    """Errors: NotABundle where writing a bundle would take away anything but an earlier one."""
    bundle_files.require_replaceable(folder, FILES, what="model", such_as="models/champion")


def save(
    folder: Path, *, features: FeatureSet, model: bytes, about: dict[str, Any], drift: TrainingRecord | None = None
) -> str:
    """Write a bundle in the place of an earlier one; the version comes back.

    `about` joins the manifest: data, versions, metrics. `drift`: what training looked like; without it there is no
    such file. Errors: NotABundle; then nothing was changed.
    """
    require_replaceable(folder)
    files = {MODEL: model, VOCABULARY: json.dumps(features.to_json(), separators=(",", ":")).encode()}
    checksums = bundle_files.checksums(files)
    version = hashlib.sha256("".join(checksums[name] for name in sorted(checksums)).encode()).hexdigest()[:12]
    if drift is not None:
        files[DRIFT] = drift.to_bytes()
        checksums = bundle_files.checksums(files)
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
    bundle_files.write(folder, files, manifest)
    return version


def load(folder: Path, threads: int = 1) -> Bundle:
    """The bundle in a folder, every byte checked against the manifest.

    Errors: BundleMissing where there is none, BundleDamaged where it is not what was saved.
    """
    manifest = _manifest(folder)
    names = (MODEL, VOCABULARY, *({DRIFT} & manifest["sha256"].keys()))
    contents = bundle_files.read_files(folder, names, manifest["sha256"], remedy=_REMEDY)
    features = FEATURE_SETS[manifest["feature_set"]].from_json(json.loads(contents[VOCABULARY]))
    booster = Booster.from_bytes(contents[MODEL], threads)
    if booster.n_features != len(features.names):
        raise BundleDamaged(
            f"{folder}: the model takes {booster.n_features} features, the feature set {features.name} gives "
            f"{len(features.names)}; the bundle is of another release: train the model again"
        )
    drift = _drift(folder, contents[DRIFT]) if DRIFT in contents else None
    return Bundle(manifest["name"], manifest["version"], features, booster, manifest, drift)


def _drift(folder: Path, content: bytes) -> TrainingRecord:
    try:
        return TrainingRecord.from_bytes(content)
    except InvalidRecord as error:
        raise BundleDamaged(f"{folder / DRIFT}: {error.message}; {_REMEDY}") from error


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    manifest: dict[str, Any] = bundle_files.read_manifest(
        folder,
        ("format", "name", "version", "feature_set", "feature_names", "contract", "sha256"),
        missing=f"no model in {folder}; train one with "
        f"`forkcast train --features classic --data data/train_data.csv --out {folder}`",
        remedy=_REMEDY,
        written_by="forkcast train",
    )
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
