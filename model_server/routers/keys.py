"""Who a request is about: the key that stickiness goes by, in the request's tags or in a column of its rows. Pure.

Looks only where it has to: a message of thousands of rows is not decoded for the sake of one column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from model_server.routers.choices import is_tree, tag_of
from model_server.routers.errors import InvalidKey
from model_server.seldon_messages import plain

_EXACT: Final = 2**53
"""From here on not every whole number is a float64, which is what JSON's and gRPC's numbers are."""


@dataclass(frozen=True, slots=True)
class Key:
    text: str | None
    """None where the request names nobody."""
    has_others: bool = False
    """Whether other rows name somebody else."""


def in_tags(message: Any, tag: str) -> Key:
    """Errors: InvalidKey; InvalidMessage."""
    return Key(_text(tag_of(message, tag), f"meta.tags.{tag}"))


def in_column(message: Any, column: str) -> Key:
    """The key of the first row, for all of them. Errors: InvalidKey; InvalidMessage."""
    cells = _cells(message, column)
    first = next(iter(cells), None)
    text = _text(first, f"the column {column} of row 0")
    return Key(text, has_others=any(cell != first for cell in cells))


def _text(value: Any, place: str) -> str | None:
    """7, 7.0 and "7" are one user, as gRPC cannot tell the first two apart, and clients write either of the others."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT and value == int(value):
        return str(int(value))
    raise InvalidKey(
        f"{place} is {str(value)[:60]!r}; a text is expected, or a whole number below 2**53, to know a user by"
    )


def _cells(message: Any, column: str) -> list[Any]:
    return list(_of_tree(message, column) if is_tree(message) else _of_proto(message, column))


def _of_tree(message: Mapping[str, Any], column: str) -> Iterable[Any]:
    records = message.get("jsonData")
    if records is not None:
        records = records if isinstance(records, list) else [records]
        return [record.get(column) if isinstance(record, Mapping) else None for record in records]
    data = message.get("data")
    names = data.get("names") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(names, list) or column not in names:
        return ()
    place = names.index(column)
    rows = data.get("ndarray")
    if isinstance(rows, list):
        return [row[place] if isinstance(row, list) and place < len(row) else None for row in rows]
    tensor = data.get("tensor")
    tensor = tensor if isinstance(tensor, Mapping) else {}
    return _of_tensor(tensor.get("shape"), tensor.get("values"), place)


def _of_tensor(shape: Any, values: Any, place: int) -> Iterable[Any]:
    if not isinstance(shape, list) or len(shape) != 2 or not isinstance(values, list):
        return ()
    width = shape[1]
    return values[place::width] if isinstance(width, int) and place < width else ()


def _of_proto(message: Any, column: str) -> Iterable[Any]:
    kind = message.WhichOneof("data_oneof")
    if kind == "jsonData":
        records = plain(message.jsonData)
        records = records if isinstance(records, list) else [records]
        return [record.get(column) if isinstance(record, Mapping) else None for record in records]
    if kind != "data" or column not in (names := list(message.data.names)):
        return ()
    place = names.index(column)
    if message.data.WhichOneof("data_oneof") == "ndarray":
        rows = (row.list_value.values for row in message.data.ndarray.values)
        return [plain(row[place]) if place < len(row) else None for row in rows]
    tensor = message.data.tensor
    return _of_tensor(list(tensor.shape), list(tensor.values), place)
