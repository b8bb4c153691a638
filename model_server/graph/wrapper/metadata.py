"""What a class tells of itself: `init_metadata()`, what MODEL_METADATA says over it, and Seldon's rules for both.

Source of the rules: Seldon Core, "Metadata" (reference/apis/metadata), and what the stock wrapper accepts.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import jsonschema
import yaml

from model_server.graph.errors import ComponentBroken, WrapperError
from model_server.graph.wrapper.identity import Identity
from model_server.graph.wrapper.stock_types import is_not_implemented

logger = logging.getLogger(__name__)

BAD_METADATA: Final = "MICROSERVICE_BAD_METADATA"
DATA_TYPES: Final = (
    "BOOL",
    *(f"{sign}{bits}" for sign in ("UINT", "INT") for bits in (8, 16, 32, 64)),
    *("FP16", "FP32", "FP64", "BYTES"),
)

type Schema = dict[str, Any]
_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_SIZES: Final[Schema] = {"type": "array", "items": {"type": "integer"}}
_ARRAYS: Final = ("tensor", "ndarray", "tftensor")
_KNOWN: Final = (*_ARRAYS, "jsonData", "strData", "binData")


def _closed(properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def _message(messagetype: Schema, schema: Schema | None = None) -> Schema:
    properties = {"messagetype": {**_TEXT, **messagetype}} | ({} if schema is None else {"schema": schema})
    return _closed(properties, ("messagetype",))


_MESSAGES: Final[Schema] = {
    "type": "array",
    "items": {
        "anyOf": [
            _message({"enum": [*_ARRAYS]}, _closed({"names": _TEXTS, "shape": _SIZES})),
            _message({"enum": ["jsonData"]}, {"type": "object"}),
            _message({"enum": ["strData", "binData"]}),
            _message({"not": {"enum": [*_KNOWN]}}, {"type": "object"}),
            _closed({"name": _TEXT, "datatype": {**_TEXT, "enum": [*DATA_TYPES]}, "shape": _SIZES}),
        ]
    },
}
SCHEMA: Final = _closed(
    {
        "name": _TEXT,
        "versions": _TEXTS,
        "platform": _TEXT,
        "inputs": _MESSAGES,
        "outputs": _MESSAGES,
        "custom": {"type": "object", "additionalProperties": _TEXT},
    }
)
_RULES: Final = jsonschema.Draft202012Validator(SCHEMA)


class Metadata:
    """Read once, when the component is made; what is wrong with it is logged then, and told to whoever asks."""

    def __init__(self, instance: Any, identity: Identity) -> None:
        """Errors: ComponentBroken, where `init_metadata()` fails."""
        told = {
            "name": identity.image_name,
            "versions": [identity.image_version],
            "platform": "",
            "inputs": [],
            "outputs": [],
            "custom": {},
            **_of_class(instance),
            **_of_environment(identity.model_metadata),
        }
        error = jsonschema.exceptions.best_match(_RULES.iter_errors(told))
        if error is not None:
            where = ".".join(map(str, error.absolute_path)) or "the whole"
            logger.error("Seldon's rules refuse the metadata of %s: %s: %s", type(instance), where, error.message)
        self._told: dict[str, Any] | None = told if error is None else None

    def tree(self) -> dict[str, Any]:
        """Errors: WrapperError with 500, where they are not valid."""
        if self._told is None:
            raise WrapperError("Model metadata unavailable", http_status=500, reason=BAD_METADATA)
        return self._told


def _of_class(instance: Any) -> dict[str, Any]:
    if not hasattr(instance, "init_metadata"):
        return {}
    try:
        told = instance.init_metadata()
    except Exception as error:
        if is_not_implemented(error):
            return {}
        raise ComponentBroken(f"init_metadata() of {type(instance).__name__} failed: {error}") from error
    if not isinstance(told, dict):
        logger.error("init_metadata() of %s gives %s, not a dict", type(instance).__name__, type(told).__name__)
        return {}
    return told


def _of_environment(text: str) -> dict[str, Any]:
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        logger.error("MODEL_METADATA is no YAML: %s", error)  # noqa: TRY400  (said so)
        return {}
    if told is not None and not isinstance(told, dict):
        logger.error("MODEL_METADATA holds %s; a mapping such as `name: my-model` is expected", type(told).__name__)
        return {}
    return told or {}
