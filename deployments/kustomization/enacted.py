"""A kustomization built as Kustomize builds it, with the place of every value. Pure, given a way to read files.

Done here: resources, components, patches of both kinds, replacements, namespace. What would change a SeldonDeployment
in another way is not, and then nothing is said of the whole overlay.
"""

from __future__ import annotations

import posixpath
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Final

from deployments.kustomization.patching import BrokenPatch, NotEnacted, json_patch, merge, replace_field
from deployments.kustomization.traced import Spot, Traced, traced_documents

FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
KIND: Final = "SeldonDeployment"

NO_MATTER: Final = frozenset(
    {
        *("apiVersion", "kind", "metadata", "images", "labels", "commonLabels", "commonAnnotations", "buildMetadata"),
        *("configMapGenerator", "secretGenerator", "generatorOptions", "sortOptions"),
    }
)
"""Fields that change a SeldonDeployment's images, labels and annotations alone: where they do, it is seen."""
ENACTED: Final = frozenset(
    {
        *("resources", "bases", "components", "patches", "patchesJson6902", "patchesStrategicMerge"),
        *("replacements", "namespace"),
    }
)
NOT_ENACTED: Final = frozenset(
    {
        *(
            "namePrefix",
            "nameSuffix",
            "replicas",
            "transformers",
            "generators",
            "validators",
            "vars",
            "openapi",
            "crds",
        ),
        *("configurations", "helmCharts", "helmGlobals", "helmChartInflationGenerator", "inventory", "imageTags"),
    }
)
SELECTORS: Final = ("kind", "name", "namespace", "group", "version")
LABELS: Final = "labelSelector"

MAPS: Final = frozenset({"patches", "patchesJson6902", "replacements", "targets"})
"""Lists of maps; the others are of texts."""
_ACCEPTED: Final = {True: "a map", False: "a text"}

type Read = Callable[[str], str | None]
"""The text of a file by its path; None where there is no such file."""


def enacted(
    folder: str, read: Read, inherited: list[Traced] | None = None, above: tuple[str, ...] = ()
) -> list[Traced]:
    """The documents of a kustomization, in order; a component works on those it inherits. `above` are who ask for it.

    Errors: NotEnacted, BrokenPatch, and InvalidDeployment for a file that is no YAML.
    """
    file, settings = _kustomization(folder, read)
    if folder in above:
        raise BrokenPatch(Spot(file, 1), f"it takes itself in, by {', '.join(above[above.index(folder) :])}")
    above = (*above, folder)
    for field, value in settings.value.items():
        if field in NOT_ENACTED:
            raise NotEnacted(field)
        if field not in NO_MATTER | ENACTED:
            raise BrokenPatch(value.spot, f"{field} is no field of a kustomization")
    found = [] if inherited is None else inherited
    for entry in (*_items(settings, "resources"), *_items(settings, "bases")):
        found += _resource(entry, folder, read, above)
    for entry in _items(settings, "components"):
        found = enacted(posixpath.normpath(posixpath.join(folder, str(entry.value))), read, found, above)
    for entry in _items(settings, "patchesStrategicMerge"):
        text = str(entry.value)
        path = posixpath.join(folder, text)
        body = read(path)
        for patch in traced_documents(text, file, _inline(entry)) if body is None else traced_documents(body, path):
            _patch(found, patch, None)
    for entry in _items(settings, "patches"):
        _patches(found, entry, folder, file, read)
    namespace = settings.value.get("namespace")
    if namespace is not None:
        _set_namespace(found, namespace)
    for entry in _items(settings, "patchesJson6902"):
        _patches(found, entry, folder, file, read)
    for entry in _items(settings, "replacements"):
        _replace(found, entry, folder, read)
    return found


def _kustomization(folder: str, read: Read) -> tuple[str, Traced]:
    for name in FILES:
        file = posixpath.join(folder, name)
        text = read(file)
        if text is not None:
            documents = traced_documents(text, file)
            if len(documents) != 1 or not isinstance(documents[0].value, dict):
                raise NotEnacted(f"{file} is no single map")
            return file, documents[0]
    raise NotEnacted(f"{folder} holds no {FILES[0]}")


def _items(settings: Traced, field: str) -> list[Traced]:
    found = settings.value.get(field)
    if found is None or found.value is None:
        return []
    if not isinstance(found.value, list):
        raise BrokenPatch(found.spot, f"{field} is no list")
    for item in found.value:
        if not isinstance(item.value, dict if field in MAPS else str):
            raise BrokenPatch(item.spot, f"{field} holds {item.plain()!r}; {_ACCEPTED[field in MAPS]} is accepted")
    return list(found.value)


def _resource(entry: Traced, folder: str, read: Read, above: tuple[str, ...]) -> list[Traced]:
    path = posixpath.normpath(posixpath.join(folder, str(entry.value)))
    text = read(path)
    if text is not None:
        return [each for each in traced_documents(text, path) if isinstance(each.value, dict)]
    if any(read(posixpath.join(path, name)) is not None for name in FILES):
        return enacted(path, read, None, above)
    if "//" in str(entry.value) or "github.com" in str(entry.value):
        raise NotEnacted(f"the resource {entry.value} lies elsewhere")
    raise BrokenPatch(entry.spot, f"there is no {path}")


def _patches(found: list[Traced], entry: Traced, folder: str, file: str, read: Read) -> None:
    target = entry.value.get("target")
    inline = entry.value.get("patch")
    if inline is not None:
        patches = traced_documents(str(inline.value), file, _inline(inline))
    else:
        path = posixpath.normpath(posixpath.join(folder, str(entry.at("path"))))
        text = read(path)
        if text is None:
            raise BrokenPatch(entry.spot, f"there is no {path}")
        patches = traced_documents(text, path)
    for patch in patches:
        _patch(found, patch, target)


def _inline(scalar: Traced) -> Callable[[int], int]:
    """A text of several lines stands below its key, if it is written with | as nearly all are."""
    several = "\n" in str(scalar.value).strip()
    return lambda line: scalar.spot.line + line if several else scalar.spot.line


def _patch(found: list[Traced], patch: Traced, target: Traced | None) -> None:
    is_list = isinstance(patch.value, list)
    if not is_list and not isinstance(patch.value, dict):
        raise BrokenPatch(patch.spot, f"a patch is a list of operations or a map, not {patch.plain()!r}")
    if target is None and is_list:
        raise BrokenPatch(patch.spot, "a JSON patch needs a target")
    chosen = list(_selected(found, target)) if target is not None else list(_same(found, patch))
    if not chosen and target is None:
        raise BrokenPatch(patch.spot, f"no resource is a {patch.at('kind')} called {patch.at('metadata', 'name')}")
    for document in chosen:
        if is_list:
            json_patch(document, patch)
        elif document.at("kind") == KIND:
            merge(document, patch)


def _same(found: list[Traced], patch: Traced) -> Iterator[Traced]:
    for document in found:
        if all(document.at(*path) == patch.at(*path) for path in (("kind",), ("metadata", "name"))):
            yield document


def _selected(found: list[Traced], target: Traced) -> Iterator[Traced]:
    if not isinstance(target.value, dict):
        raise BrokenPatch(target.spot, f"a target is a map, not {target.plain()!r}")
    other = target.value.keys() - {*SELECTORS, LABELS}
    if other:
        raise NotEnacted(f"a target's {', '.join(sorted(other))}")
    labels = _labels(target)
    for document in found:
        group, _, version = str(document.at("apiVersion")).rpartition("/")
        values = {
            "kind": document.at("kind"),
            "name": document.at("metadata", "name"),
            "namespace": document.at("metadata", "namespace"),
            "group": group,
            "version": version,
        }
        try:
            is_meant = all(
                _matches(str(target.at(key)), str(values[key] or "")) for key in SELECTORS if key in target.value
            )
        except re.error as error:
            raise BrokenPatch(target.spot, f"a target's pattern: {error}") from error
        own = document.at("metadata", "labels")
        if is_meant and labels.items() <= (own if isinstance(own, dict) else {}).items():
            yield document


def _labels(target: Traced) -> dict[str, str]:
    """Those that a target asks for: key=value, or several with commas between. Errors: NotEnacted for other forms."""
    asked = target.at(LABELS)
    if asked is None:
        return {}
    found = [re.fullmatch(r"([\w./-]+)=([\w.-]*)", part.strip()) for part in str(asked).split(",")]
    pairs = [(each[1], each[2]) for each in found if each is not None]
    if len(pairs) != len(found):
        raise NotEnacted(f"the {LABELS} {asked}")
    return dict(pairs)


def _set_namespace(found: list[Traced], namespace: Traced) -> None:
    for document in found:
        metadata = document.value.get("metadata")
        if document.at("kind") == KIND and metadata is not None and isinstance(metadata.value, dict):
            metadata.value["namespace"] = namespace


def _replace(found: list[Traced], entry: Traced, folder: str, read: Read) -> None:
    if "path" in entry.value:
        path = posixpath.normpath(posixpath.join(folder, str(entry.at("path"))))
        for document in traced_documents(read(path) or "", path):
            for inner in document.value if isinstance(document.value, list) else [document]:
                if not isinstance(inner.value, dict) or "path" in inner.value:
                    raise NotEnacted("a replacement's file")
                _replace(found, inner, folder, read)
        return
    source = entry.value.get("source")
    if source is None or not isinstance(source.value, dict):
        raise NotEnacted("a replacement's source")
    if source.value.keys() - {"kind", "name", "fieldPath"} or "fieldPath" not in source.value:
        raise NotEnacted("a replacement's source")
    whence = [
        document
        for document in found
        if all(document.at(*path) == source.at(key) for key, path in _IDENTITY.items() if key in source.value)
    ]
    value = whence[0] if len(whence) == 1 else None
    for step in str(source.at("fieldPath")).split("."):
        value = value.value.get(step) if value is not None and isinstance(value.value, dict) else None
    if value is None:
        raise NotEnacted(f"the source {source.plain()} of a replacement")
    for target in _items(entry, "targets"):
        _replace_target(found, target, value)


def _replace_target(found: list[Traced], target: Traced, value: Traced) -> None:
    options = target.at("options") or {}
    if not isinstance(options, dict):
        raise NotEnacted("a replacement's options")
    if target.value.keys() - {"select", "fieldPaths", "options"} or options.keys() - {"create"}:
        raise NotEnacted("a replacement's target")
    select = target.value.get("select")
    for document in [] if select is None else list(_selected(found, select)):
        for path_of_field in _items(target, "fieldPaths"):
            replace_field(document, str(path_of_field.value), value, create=bool(options.get("create")))


_IDENTITY: Final = {"kind": ("kind",), "name": ("metadata", "name")}


def _matches(pattern: str, text: str) -> bool:
    """Whether Kustomize would find the text by its pattern. Errors: re.error."""
    with warnings.catch_warnings(action="ignore"):  # Python's on what a later Python may read otherwise
        return re.fullmatch(pattern, text) is not None
