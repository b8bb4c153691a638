"""Plain data -> the typed model, or what an API server has against it. Pure.

Messages are worded as a cluster's API server words them; those without a counterpart there (a field that a cluster
drops in silence) are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from deployments.seldon.crd import unknown_field, violations, without, wrong_type
from deployments.seldon.findings import Finding, RefusedBy, go_quoted, written
from deployments.seldon.model import SeldonDeployment
from deployments.seldon.names import is_label_key, is_label_value, is_subdomain
from deployments.seldon.pods import ObjectMeta

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


@dataclass(frozen=True)
class Parsed:
    """A deployment as a cluster would store it, None where its API server refuses it; and what it refuses or drops."""

    deployment: SeldonDeployment | None
    findings: tuple[Finding, ...] = ()


def parse(content: Any) -> Parsed:
    stored = _as_stored(content)
    found = [_worded(finding) for finding in violations(stored["spec"])] if "spec" in stored else []
    found += [unknown_field((key,), _LEVELS) for key in stored if key not in _LEVELS]
    stored = without(stored, {finding.place for finding in found if finding.refused_by is RefusedBy.FORKCAST})
    refused = [finding for finding in found if finding.refused_by is RefusedBy.SCHEMA]
    deployment = None
    try:
        deployment = SeldonDeployment.model_validate_json(json.dumps(stored))
    except ValidationError as error:
        known = {finding.place for finding in refused}
        more = [_finding(details) for details in error.errors(include_url=False)]
        refused += [finding for finding in more if finding.place not in known]
        found += [finding for finding in more if finding.place not in known]
    if deployment is not None:
        of_metadata = list(_of_metadata(deployment.metadata))
        found += of_metadata
        refused += of_metadata
    return Parsed(None if refused else deployment, tuple(found))


_LEVELS = tuple(field.alias or name for name, field in SeldonDeployment.model_fields.items())


def _as_stored(value: Any) -> Any:
    """As the API server stores it: a null in an object counts as absent, and 50.0 is 50."""
    if isinstance(value, dict):
        return {str(key): _as_stored(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_as_stored(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _worded(finding: Finding) -> Finding:
    """Children too deep are known fields elsewhere, and so in need of another word."""
    if finding.refused_by is not RefusedBy.FORKCAST or finding.place[-1] != "children":
        return finding
    if finding.place.count("children") <= MAX_LEVELS_OF_CHILDREN:
        return finding
    message = f"children below level {MAX_LEVELS_OF_CHILDREN} of the graph"
    return Finding(finding.path, message, finding.place, "a cluster would drop them in silence", RefusedBy.FORKCAST)


def _of_metadata(metadata: ObjectMeta) -> Iterator[Finding]:
    """What an API server refuses of any object's metadata, in its words; of names too long it has others."""
    if metadata.name is not None and not is_subdomain(metadata.name):
        yield _no_name(metadata.name)
    key_rule = (
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    )
    value_rule = (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
        "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    )
    for field, texts in (("labels", metadata.labels), ("annotations", metadata.annotations)):
        for key, value in texts.items():
            rules = [(key, key_rule)] if not is_label_key(key) else []
            rules += [(value, value_rule)] if field == "labels" and not is_label_value(value) else []
            for seen, rule in rules:
                message = f"Invalid value: {go_quoted(seen)}: {rule}"
                yield Finding(f"metadata.{field}", message, ("metadata", field, key), refused_by=RefusedBy.SCHEMA)


def _no_name(name: str) -> Finding:
    # The hint after it is Kubernetes' own.
    message = (
        f"Invalid value: {go_quoted(name)}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
        "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
    if len(name) > 253:
        message = f"Invalid value: {go_quoted(name)}: must be no more than 253 characters"
    return Finding("metadata.name", message, ("metadata", "name"), refused_by=RefusedBy.SCHEMA)


def _finding(details: ErrorDetails) -> Finding:
    """What the schema leaves to the typed model: names, versions, metadata, numbers beyond 32 bits."""
    kind, seen, place = details["type"], details["input"], details["loc"]
    path = written(place)
    message = details["msg"]
    if kind == "missing":
        message = "Required value"
    elif kind in _JSON_TYPES or kind == "null":
        return wrong_type(place, _JSON_TYPES.get(kind, "something else; leave the field out"), seen)
    elif kind in {"greater_than_equal", "less_than"}:
        message = f"Invalid value: {seen}: {path} must be of type integer with format int32"
    elif kind == "literal_error":
        message = f"Unsupported value: {json.dumps(seen)}: supported values: {details['ctx']['expected']}"
    return Finding(path, message, place, refused_by=RefusedBy.SCHEMA)
