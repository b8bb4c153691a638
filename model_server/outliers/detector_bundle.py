"""A detector on disk: a folder with `manifest.json`, `forest.tl` (treelite's checkpoint) and `view.json`.

Each file's sha256 stands in the manifest, and the version is derived from all of the manifest: whatever is changed in
the folder, the threshold included, is noticed before treelite reads a byte. No pickle.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server import bundle_files
from model_server.bundle_files import MANIFEST, BundleDamaged, input_contract
from model_server.impressions import Impressions
from model_server.outliers import view
from model_server.outliers.forest import Forest
from model_server.outliers.view import View

FORMAT: Final = 1
KIND: Final = "outlier-detector"
FOREST: Final = "forest.tl"
VIEW: Final = "view.json"
FILES: Final = (MANIFEST, FOREST, VIEW)
_REMEDY: Final = "fit the detector again"
_REQUIRED: Final = (
    "kind",
    "format",
    "name",
    "version",
    "contract",
    "columns",
    "threshold",
    "false_alarm_rate",
    "sha256",
)


@dataclass(frozen=True)
class DetectorBundle:
    """A checked detector. An impression is an outlier if its score is above `threshold`."""

    name: str
    version: str
    view: View
    forest: Forest
    threshold: float
    manifest: dict[str, Any]

    def scores(self, impressions: Impressions) -> NDArray[np.float64]:
        """float64[n], each row by itself, to the bit; the larger, the odder."""
        return self.forest.scores(self.view.transform(impressions))


def require_replaceable(folder: Path) -> None:
    """Errors: NotABundle where writing a detector would take away anything but an earlier one."""
    bundle_files.require_replaceable(folder, FILES, what="outlier detector", such_as="models/detector")


def save(
    folder: Path,
    *,
    learnt: View,
    checkpoint: bytes,
    threshold: float,
    false_alarm_rate: dict[str, Any],
    about: dict[str, Any],
) -> str:
    """Write a detector in the place of an earlier one; the version comes back.

    `false_alarm_rate`: what was asked for, and what was measured; `about` joins the manifest. Errors: NotABundle.
    """
    require_replaceable(folder)
    files = {FOREST: checkpoint, VIEW: json.dumps(learnt.to_json(), separators=(",", ":")).encode()}
    manifest = {
        "kind": KIND,
        "format": FORMAT,
        "name": folder.name,
        "contract": input_contract(),
        "columns": list(view.NAMES),
        "threshold": threshold,
        "false_alarm_rate": false_alarm_rate,
        **about,
        "sha256": bundle_files.checksums(files),
    }
    version = _version_of(manifest)
    bundle_files.write(folder, files, {**manifest, "version": version})
    return version


def load(folder: Path) -> DetectorBundle:
    """The detector in a folder, every byte checked.

    Errors: BundleMissing where there is none, BundleDamaged where it is not what was saved.
    """
    manifest = _manifest(folder)
    contents = bundle_files.read_files(folder, (FOREST, VIEW), manifest["sha256"], remedy=_REMEDY)
    forest = Forest.from_bytes(contents[FOREST])
    if forest.n_columns != len(view.NAMES):
        raise BundleDamaged(
            f"{folder}: the forest takes {forest.n_columns} columns, this release's view has {len(view.NAMES)}; "
            f"{_REMEDY}"
        )
    learnt = View.from_json(json.loads(contents[VIEW]))
    return DetectorBundle(manifest["name"], manifest["version"], learnt, forest, float(manifest["threshold"]), manifest)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    manifest: dict[str, Any] = bundle_files.read_manifest(
        folder,
        ("sha256",),
        missing=f"no outlier detector in {folder}; fit one with "
        f"`forkcast fit-detector --data data/train_data.csv --out {folder}`",
        remedy=_REMEDY,
        written_by="forkcast fit-detector",
    )
    if manifest.get("kind") != KIND:
        seen = "a model, not an outlier detector" if "feature_set" in manifest else f"not of the kind {KIND}"
        raise BundleDamaged(f"{path} is {seen}; give the folder that `forkcast fit-detector` wrote")
    if manifest.get("format") != FORMAT:
        raise BundleDamaged(f"{path} has format {manifest.get('format')}; this release reads format {FORMAT}")
    lacking = set(_REQUIRED) - manifest.keys()
    if lacking:
        raise BundleDamaged(f"{path} lacks {', '.join(sorted(lacking))}; {_REMEDY}")
    if manifest["version"] != _version_of(manifest):
        raise BundleDamaged(
            f"{path} was changed after the detector was fitted: its version is not that of its content; {_REMEDY}, or "
            "copy the whole folder anew (another threshold is a parameter of OutlierDetector)"
        )
    if manifest["contract"] != input_contract() or tuple(manifest["columns"]) != view.NAMES:
        raise BundleDamaged(
            f"{path} was written for another request contract or other columns than this release has; {_REMEDY}"
        )
    threshold = manifest["threshold"]
    if not isinstance(threshold, float) or not math.isfinite(threshold):
        raise BundleDamaged(f"{path} has the threshold {threshold}; {_REMEDY}")
    return manifest


def _version_of(manifest: dict[str, Any]) -> str:
    """Of everything in the manifest but the version and the name: the same fit elsewhere has the same."""
    told = {key: value for key, value in manifest.items() if key not in {"version", "name"}}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
