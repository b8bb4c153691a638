"""Raw columns as several requests asked them -> impressions, all checked at once.

A check costs 100 us and a row in it 3, so requests that come together are read together; each gets what it would
have got alone, whether that is its rows or its findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from model_server.errors import CallersFault
from model_server.impressions import Cells, Impressions, InvalidImpressions, from_cells
from model_server.impressions.cells import cells_of_records, cells_of_table
from model_server.seldon_messages import Records, Table


@dataclass(frozen=True)
class Read:
    """The rows of all requests that hold impressions, one request after the other; the faults of the others.

    `impressions` is None where there are none. `sizes` are the rows of each request, in order; both maps go by the
    caller's own numbers.
    """

    impressions: Impressions | None = None
    sizes: Mapping[int, int] = field(default_factory=dict)
    faults: Mapping[int, CallersFault] = field(default_factory=dict)


def read_together(payloads: Mapping[int, Table | Records]) -> Read:
    """Never an error: what cannot be read is among the faults."""
    cells: dict[int, Cells] = {}
    faults: dict[int, CallersFault] = {}
    for i, payload in payloads.items():
        try:
            cells[i] = _cells_of(payload)
        except InvalidImpressions as fault:
            faults[i] = fault
    impressions, more_faults = _checked_together(cells)
    sizes = {i: len(part) for i, part in cells.items() if i not in more_faults}
    return Read(impressions, sizes, faults | more_faults)


def leave(payloads: Mapping[int, Table | Records], read: Read) -> None:
    """For whoever reads the very same objects next, in this process: the model behind an outlier detector.

    Only for payloads of messages that nobody changes any more, as between the nodes of a graph.
    """
    global _left  # noqa: PLW0603 -- only ever replaced as a whole, by whichever thread
    _left = {i: _source(payload) for i, payload in payloads.items()}, read


def left_or_read(payloads: Mapping[int, Table | Records]) -> Read:
    """What was left for these very payloads, once; else they are read."""
    global _left
    (sources, read), _left = _left, _NOTHING_LEFT
    asked = {i: _source(payload) for i, payload in payloads.items()}
    if (
        asked
        and sources.keys() == asked.keys()
        and all(mine[0] is sources[i][0] and mine[1] == sources[i][1] for i, mine in asked.items())
    ):
        return read
    return read_together(payloads)


type _Source = tuple[Any, Any]
_NOTHING_LEFT: tuple[dict[int, _Source], Read] = ({}, Read())
_left = _NOTHING_LEFT


def _source(payload: Table | Records) -> _Source:
    return (payload.rows, payload.names) if isinstance(payload, Table) else (payload.records, None)


def _cells_of(payload: Table | Records) -> Cells:
    if isinstance(payload, Table):
        return cells_of_table(payload.rows, payload.names)
    return cells_of_records([payload.records] if isinstance(payload.records, Mapping) else payload.records)


def _checked_together(cells: Mapping[int, Cells]) -> tuple[Impressions | None, dict[int, CallersFault]]:
    """All rows that are impressions, None where there are none; and the faults of those payloads that hold others."""
    faults: dict[int, CallersFault] = {}
    if not cells:
        return None, faults
    try:
        return from_cells(_joined(cells)), faults
    except InvalidImpressions as fault:
        if len(cells) == 1:
            return None, {next(iter(cells)): fault}
    for i, part in cells.items():
        try:
            from_cells(part)
        except InvalidImpressions as fault:
            faults[i] = fault
    sound = {i: part for i, part in cells.items() if i not in faults}
    return (from_cells(_joined(sound)) if sound else None), faults


def _joined(cells: Mapping[int, Cells]) -> Cells:
    return next(iter(cells.values())) if len(cells) == 1 else [*chain.from_iterable(cells.values())]
