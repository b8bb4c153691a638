"""Plain data -> the typed model, or what the CRD's schema says against it. Pure.

Messages are worded as a cluster's API server words them; those without a counterpart there (a field that a cluster
drops in silence) are ours.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from deployments.seldon import model
from deployments.seldon.findings import Finding, Place, RefusedBy, written
from deployments.seldon.model import SeldonDeployment

MAX_LEVELS_OF_CHILDREN = 10
"""The CRD spells its recursion out to this depth; what hangs below is dropped. Source: patches/graph_children.yaml."""

_JSON_TYPES = {
    "string_type": "string",
    "int_type": "integer",
    "int_from_float": "integer",
    "bool_type": "boolean",
    "int_or_string": "integer,string",
    "tuple_type": "array",
    "dict_type": "object",
    "mapping_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}


def parse(content: Any) -> SeldonDeployment | list[Finding]:
    try:
        deployment = SeldonDeployment.model_validate_json(json.dumps(_as_stored(content)))
    except ValidationError as error:
        return [_finding(details) for details in error.errors(include_url=False)]
    return list(_too_deep(deployment)) or deployment


def _as_stored(value: Any) -> Any:
    """As the API server stores it: a null in an object counts as absent, and 50.0 is 50."""
    if isinstance(value, dict):
        return {str(key): _as_stored(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_as_stored(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _finding(details: ErrorDetails) -> Finding:
    kind, seen = details["type"], details["input"]
    place = details["loc"]
    path = written(place)
    message, advice, refused_by = details["msg"], "", RefusedBy.SCHEMA
    if kind == "missing":
        message = "Required value"
    elif kind == "extra_forbidden":
        message, advice, refused_by = (
            _unknown_field(place),
            "kubectl would refuse it, other clients drop it",
            RefusedBy.FORKCAST,
        )
    elif kind in _JSON_TYPES or kind == "null":
        expected = _JSON_TYPES.get(kind, "something else; leave the field out")
        message = (
            f'Invalid value: "{_json_type(seen)}": {path} in body must be of type {expected}: "{_json_type(seen)}"'
        )
    elif kind in {"greater_than_equal", "less_than"}:
        message = f"Invalid value: {seen}: {path} must be of type integer with format int32"
    elif kind == "literal_error":
        message = f"Unsupported value: {json.dumps(seen)}: supported values: {details['ctx']['expected']}"
    return Finding(path, message, place, advice, refused_by)


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "object")


def _unknown_field(place: Place) -> str:
    *above, name = place
    known = _fields(tuple(above))
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"unknown field; did you mean {near[0]}?" if near else f"unknown field; known here: {', '.join(known)}"


def _fields(place: Place) -> list[str]:
    """The names that may stand in the object at `place`."""
    level: Any = SeldonDeployment
    for step in place:
        if not isinstance(step, int):
            annotation = next(f.annotation for n, f in level.model_fields.items() if step in {n, f.alias})
            level = next(_models(annotation))
    return [field.alias or name for name, field in level.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in (getattr(annotation, "__value__", None), *getattr(annotation, "__args__", ())):
        if inner is not None:
            yield from _models(inner)


def _too_deep(deployment: model.SeldonDeployment) -> Iterator[Finding]:
    def walk(unit: model.Unit, place: Place, levels_left: int) -> Iterator[Finding]:
        if unit.children and not levels_left:
            here = (*place, "children")
            message = f"children below level {MAX_LEVELS_OF_CHILDREN} of the graph"
            yield Finding(written(here), message, here, "a cluster would drop them in silence", RefusedBy.FORKCAST)
            return
        for i, child in enumerate(unit.children):
            yield from walk(child, (*place, "children", i), levels_left - 1)

    for i, predictor in enumerate(deployment.spec.predictors):
        yield from walk(predictor.graph, ("spec", "predictors", i, "graph"), MAX_LEVELS_OF_CHILDREN)
