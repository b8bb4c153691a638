"""What a container mounts of PersistentVolumeClaims, and so where a path in it lies on the claim. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployments.seldon.model import Predictor, Unit


def claimed_uri(path: str, predictor: Predictor, node: str) -> str | None:
    """pvc://CLAIM/PATH of an absolute path in the container of a node; None where it lies on no claim.

    With claim `models` mounted at /mnt/models, subPath champion: /mnt/models/a is pvc://models/champion/a.
    """
    within = [
        (len(mounted), f"pvc://{'/'.join(part for part in (claim, inside, rest) if part)}")
        for mounted, claim, inside in _mounts(predictor, node)
        if (rest := _below(path, mounted)) is not None
    ]
    return max(within)[1] if within else None  # the innermost mount


def model_uri(unit: Unit, predictor: Predictor) -> str | None:
    """Where a node's model lies: its `modelUri`, or else the first of its parameters that is a path on a claim."""
    if unit.model_uri:
        return unit.model_uri
    claimed = (claimed_uri(parameter.value, predictor, unit.name) for parameter in unit.parameters)
    return next((uri for uri in claimed if uri is not None), None)


def _below(path: str, folder: str) -> str | None:
    """What follows the folder in an absolute path; None where it lies elsewhere."""
    if not path.startswith("/") or not f"{path}/".startswith(f"{folder}/"):
        return None
    return path[len(folder) :].strip("/")


def _mounts(predictor: Predictor, node: str) -> Iterator[tuple[str, str, str]]:
    """Where in the container, which claim, and where on it."""
    for component in predictor.component_specs:
        claims = {
            volume.get("name"): volume["persistentVolumeClaim"].get("claimName")
            for volume in _listed((component.spec.model_extra or {}).get("volumes"))
            if isinstance(volume.get("persistentVolumeClaim"), dict)
        }
        for container in component.spec.containers:
            if container.name != node:
                continue
            for mount in _listed((container.model_extra or {}).get("volumeMounts")):
                claim = claims.get(mount.get("name"))
                if claim and isinstance(mount.get("mountPath"), str):
                    yield mount["mountPath"].rstrip("/"), claim, str(mount.get("subPath") or "").strip("/")


def _listed(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
