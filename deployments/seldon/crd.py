"""The schema of Seldon's custom resource, pods included: what an API server refuses, what it drops in silence. Pure.

`crd.json` is the schema of Seldon Core 1.17.1 (Apache-2.0), closed: a field that it does not name is one that a cluster
would drop. Messages are worded as an API server words them.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any, Final

import jsonschema

from deployments.seldon.findings import Finding, Place, RefusedBy, written

_SPEC: Final = jsonschema.Draft202012Validator(
    json.loads(resources.files("deployments.seldon").joinpath("crd.json").read_text(encoding="utf-8"))
)


def violations(spec: Any) -> Iterator[Finding]:
    """What the schema has against a `spec`: refusals by the API server, and fields that it would drop (ours)."""
    for error in _SPEC.iter_errors(spec):
        yield from _findings(error, ("spec", *error.absolute_path))


def wrong_type(place: Place, expected: str, seen: Any) -> Finding:
    """A value of another type, in the API server's words."""
    path, kind = written(place), json_type(seen)
    message = f'Invalid value: "{kind}": {path} in body must be of type {expected}: "{kind}"'
    return Finding(path, message, place, refused_by=RefusedBy.SCHEMA)


def json_type(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "object")


def unknown_field(place: Place, known: Iterable[str]) -> Finding:
    known = list(known)
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    message = f"unknown field; did you mean {near[0]}?" if near else f"unknown field; known here: {', '.join(known)}"
    return Finding(written(place), message, place, "kubectl refuses it, other clients drop it", RefusedBy.FORKCAST)


def without(content: Any, places: set[Place], here: Place = ()) -> Any:
    """The content as a cluster stores it: without the fields at `places`."""
    if isinstance(content, dict):
        return {
            key: without(value, places, (*here, key)) for key, value in content.items() if (*here, key) not in places
        }
    if isinstance(content, list):
        return [without(value, places, (*here, i)) for i, value in enumerate(content)]
    return content


def _findings(error: jsonschema.ValidationError, place: Place) -> Iterator[Finding]:
    if error.validator == "required":
        # One error for each missing field, which alone its message names: 'name' is a required property.
        name = next(name for name in error.validator_value if error.message.startswith(repr(name)))
        here = (*place, name)
        yield Finding(written(here), "Required value", here, refused_by=RefusedBy.SCHEMA)
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for name in error.instance:
            if name not in known:
                yield unknown_field((*place, name), known)
    else:
        kinds = error.validator_value
        expected = ",".join(kind["type"] for kind in kinds) if error.validator == "anyOf" else str(kinds)
        yield wrong_type(
            place, "date-time" if isinstance(kinds, list) and error.validator == "type" else expected, error.instance
        )
