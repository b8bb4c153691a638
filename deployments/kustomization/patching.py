"""JSON patches, merge patches and Kustomize's replacements on traced documents. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from deployments.kustomization.traced import Spot, Traced

_STEP: Final = r"(?:[\w*/-]+|\[[\w-]+=[\w-]+\])"
"""Of a replacement's field path; what has a dot in it is not done here."""


class BrokenPatch(Exception):
    """An operation that cannot be done, and where it is written. Never seen by a user as such."""

    def __init__(self, spot: Spot, message: str) -> None:
        super().__init__(f"{spot}: {message}")
        self.spot = spot
        self.message = message


class NotEnacted(Exception):
    """Something that Kustomize can and that is not done here."""


def json_patch(document: Traced, operations: Traced) -> None:
    """RFC 6902, in place. Errors: BrokenPatch, NotEnacted."""
    for operation in operations.value:
        if not isinstance(operation.value, dict):
            raise BrokenPatch(operation.spot, f"an operation is a map, not {operation.plain()!r}")
        _operate(document, operation)


def _operate(document: Traced, operation: Traced) -> None:
    kind, path = operation.at("op"), operation.at("path")
    if not isinstance(kind, str) or not isinstance(path, str):
        raise BrokenPatch(operation.spot, "an operation without an op and a path")
    value = operation.value.get("value")
    if kind in {"copy", "move"}:
        origin = operation.at("from")
        if not isinstance(origin, str):
            raise BrokenPatch(operation.spot, f"op {kind} without a from")
        value = _found(document, origin, operation).copy()
        if kind == "move":
            _remove(document, origin, operation)
    elif kind in {"add", "replace", "test"} and value is None:
        raise BrokenPatch(operation.spot, f"op {kind} of {path} without a value")
    if kind in {"add", "copy", "move"}:
        _add(document, path, value, operation)
    elif kind == "replace":
        _found(document, path, operation)
        _set(document, path, value, operation)
    elif kind == "remove":
        _found(document, path, operation)
        _remove(document, path, operation)
    elif kind == "test":
        seen = _found(document, path, operation).plain()
        if value is not None and seen != value.plain():
            raise BrokenPatch(operation.spot, f"op test: {path} is {seen!r}, not {value.plain()!r}")
    else:
        raise BrokenPatch(operation.spot, f"op {kind!r} is none of add, remove, replace, move, copy, test")


def _steps(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _found(document: Traced, path: str, operation: Traced) -> Traced:
    node, done = document, ""
    for step in _steps(path):
        child = _child(node, step)
        if child is None:
            raise BrokenPatch(
                operation.spot, f"op {operation.at('op')}: {path} does not exist ({_holds(node, done or '/')})"
            )
        node, done = child, f"{done}/{step}"
    return node


def _holds(node: Traced, path: str) -> str:
    if isinstance(node.value, dict):
        return f"{path} holds {', '.join(node.value) or 'nothing'}"
    return f"{path} has {len(node.value)} items" if isinstance(node.value, list) else f"{path} is {node.value!r}"


def _child(node: Traced, step: str) -> Traced | None:
    if isinstance(node.value, dict):
        found = node.value.get(step)
        return found if isinstance(found, Traced) else None
    if isinstance(node.value, list) and step.isdecimal() and int(step) < len(node.value):
        child: Traced = node.value[int(step)]
        return child
    return None


def _parent(document: Traced, path: str, operation: Traced) -> tuple[Traced, str]:
    *above, last = _steps(path) or [""]
    if not path.startswith("/"):
        raise BrokenPatch(operation.spot, f"the path {path!r} does not begin with /")
    return _found(document, "".join(f"/{_escaped(step)}" for step in above), operation), last


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _add(document: Traced, path: str, value: Any, operation: Traced) -> None:
    parent, last = _parent(document, path, operation)
    added = _written_here(value, operation)
    if isinstance(parent.value, dict):
        parent.value[last] = added
    elif isinstance(parent.value, list) and (last == "-" or (last.isdecimal() and int(last) <= len(parent.value))):
        parent.value.insert(len(parent.value) if last == "-" else int(last), added)
    else:
        raise BrokenPatch(operation.spot, f"op {operation.at('op')}: {path} is no place to add to")


def _set(document: Traced, path: str, value: Any, operation: Traced) -> None:
    parent, last = _parent(document, path, operation)
    parent.value[last if isinstance(parent.value, dict) else int(last)] = _written_here(value, operation)


def _remove(document: Traced, path: str, operation: Traced) -> None:
    parent, last = _parent(document, path, operation)
    del parent.value[last if isinstance(parent.value, dict) else int(last)]


def _written_here(value: Traced, operation: Traced) -> Traced:
    """A copy or a move keeps the place where its value was first written."""
    return value if operation.at("op") in {"copy", "move"} else value.copy()


def merge(document: Traced, patch: Traced) -> None:
    """A strategic merge of a kind that Kustomize knows no merge keys of: maps merge, all else replaces; in place."""
    for key, value in patch.value.items():
        if key.startswith("$"):
            raise NotEnacted(f"the directive {key}")
        seen = document.value.get(key)
        if value.value is None:
            document.value.pop(key, None)
        elif isinstance(value.value, dict) and seen is not None and isinstance(seen.value, dict):
            merge(seen, value)
        else:
            document.value[key] = value.copy()


def replace_field(document: Traced, path: str, value: Traced, *, create: bool) -> None:
    """A target of a replacement: a path with dots, where * is each item of a list and [name=x] those of that name.

    Errors: NotEnacted.
    """
    if not re.fullmatch(rf"{_STEP}(\.{_STEP})*", path) or (create and "[" in path):
        raise NotEnacted(f"the field path {path}")
    *above, last = re.findall(_STEP, path)
    for parent in _matching(document, above, create=create):
        if isinstance(parent.value, dict) and (create or last in parent.value):
            parent.value[last] = value.copy()


def _matching(node: Traced, steps: list[str], *, create: bool) -> Iterator[Traced]:
    if not steps:
        yield node
        return
    step, *rest = steps
    if step == "*" and isinstance(node.value, list):
        children = list(node.value)
    elif step.startswith("["):
        key, _, wanted = step[1:-1].partition("=")
        children = [each for each in node.value if each.at(key) == wanted] if isinstance(node.value, list) else []
    else:
        if create and isinstance(node.value, dict) and step != "*" and step not in node.value:
            node.value[step] = Traced({}, node.spot)
        child = _child(node, step)
        children = [] if child is None else [child]
    for child in children:
        yield from _matching(child, rest, create=create)
