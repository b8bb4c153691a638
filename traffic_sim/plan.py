"""All that a run will send, made before it begins. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_server.impressions import Impressions, to_rows

_ENCODED_AT_ONCE = 10_000
"""Rows turned from columns to lists at a time, so that 5 million of them do not stand in memory as Python objects."""


@dataclass(frozen=True, eq=False)
class Encounters:
    """What is asked for, and what would come of each possible choice.

    Shapes: impressions n * k rows, moment by moment; installs bool[n, k], whether ad j of moment i is installed if
    shown, or None where the world does not know; outlier_kinds int8[n, k], the place of each row's kind in
    `traffic_sim.outliers.KINDS` or NORMAL, or None where all are normal.
    """

    impressions: Impressions
    installs: NDArray[np.bool_] | None
    outlier_kinds: NDArray[np.int8] | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """n requests.

    Shapes: planned_at float64[n], seconds since the start of the run, ascending; payloads [n], as the transport
    encodes them; wants_feedback bool[n]; installs bool[n, k] or None and outlier_kinds int8[n, k] or None, as in
    `Encounters`; users int64[n], the number of the user that each request is about, or None where nobody is named.
    """

    duration_seconds: float
    rows_per_request: int
    planned_at: NDArray[np.float64]
    payloads: Sequence[Any]
    wants_feedback: NDArray[np.bool_]
    installs: NDArray[np.bool_] | None
    outlier_kinds: NDArray[np.int8] | None = None
    users: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = len(self.planned_at)
        shapes = (len(self.payloads), len(self.wants_feedback), n if self.installs is None else len(self.installs))
        if shapes != (n, n, n):
            raise ValueError(f"{n} planned times for {shapes} payloads, feedback choices and outcomes")

    def __len__(self) -> int:
        return len(self.planned_at)

    def part(self, index: int, n_parts: int) -> Plan:
        """Every n_parts-th request from `index` on: an even share of the traffic at every moment."""
        mine = slice(index, None, n_parts)
        return Plan(
            self.duration_seconds,
            self.rows_per_request,
            self.planned_at[mine],
            self.payloads[mine],
            self.wants_feedback[mine],
            None if self.installs is None else self.installs[mine],
            None if self.outlier_kinds is None else self.outlier_kinds[mine],
            None if self.users is None else self.users[mine],
        )

    def user(self, index: int) -> int | None:
        return None if self.users is None else int(self.users.item(index))

    def reward(self, index: int, scores: Sequence[float]) -> int | None:
        """1 if the best-scored ad of request `index` (the first of equals) is installed, 0 if not."""
        if self.installs is None:
            return None
        return int(self.installs.item(index, scores.index(max(scores))))


def make_plan(
    encounters: Encounters,
    planned_at: NDArray[np.float64],
    encode: Callable[[list[list[Any]], str | None], Any],
    *,
    users: NDArray[np.int64] | None = None,
    duration_seconds: float,
    rows_per_request: int,
    feedback_ratio: float,
    rng: np.random.Generator,
) -> Plan:
    """A plan of the encounters at those times. `encode` makes a payload of the rows of one request and the name of its
    user; `rng` chooses those that get feedback, each with probability `feedback_ratio`: none where the outcome is
    unknown. Encounters beyond n are left out. Shapes: users int64[n] or None.
    """
    n = len(planned_at)
    wants_feedback = rng.random(n) < feedback_ratio
    if encounters.installs is None:
        wants_feedback = np.zeros(n, dtype=np.bool_)
    payloads: list[Any] = []
    requests_at_once = max(1, _ENCODED_AT_ONCE // rows_per_request)
    for first in range(0, n, requests_at_once):
        last = min(n, first + requests_at_once)
        rows = to_rows(encounters.impressions.take(slice(first * rows_per_request, last * rows_per_request)))
        names = [None] * (last - first) if users is None else map(user_name, users[first:last].tolist())
        starts = range(0, len(rows), rows_per_request)
        payloads.extend(encode(rows[i : i + rows_per_request], name) for i, name in zip(starts, names, strict=True))
    return Plan(
        duration_seconds,
        rows_per_request,
        planned_at,
        payloads,
        wants_feedback,
        None if encounters.installs is None else encounters.installs[:n],
        None if encounters.outlier_kinds is None else encounters.outlier_kinds[:n],
        users,
    )


def user_name(number: int) -> str:
    """As the request says it."""
    return f"u{number}"
