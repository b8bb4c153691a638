"""Which rows train, which stop the training, which judge it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_server.errors import CallersFault

VALIDATION_RATIO: Final = 0.1
"""Of the rows, after those that train: decides when to stop."""
HELD_OUT_RATIO: Final = 0.1
"""Of the rows, the last: seen by no decision, so its metrics are honest."""
MIN_INSTALLS: Final = 10
"""In each part; with fewer, neither stopping nor judging means anything."""


class TooFewInstalls(CallersFault):
    """There is too little to learn from."""


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each in order of time."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    held_out: NDArray[np.int64]


def in_order_of_time(timestamps: NDArray[np.int64]) -> Split:
    """Oldest rows to train, newest to judge. Rows of the same second keep the order of the file."""
    order = np.argsort(timestamps, kind="stable")
    n = len(order)
    first_held_out = n - int(n * HELD_OUT_RATIO)
    first_validation = first_held_out - int(n * VALIDATION_RATIO)
    return Split(*np.split(order, [first_validation, first_held_out]))


def by_time(timestamps: NDArray[np.int64], installs: NDArray[np.int8]) -> Split:
    """In order of time, with installs enough in each part. Errors: TooFewInstalls."""
    split = in_order_of_time(timestamps)
    n = len(timestamps)
    for part, rows in vars(split).items():
        found = int(installs[rows].sum())
        if found < MIN_INSTALLS:
            raise TooFewInstalls(
                f"the {part} part, {len(rows)} of {n} rows by time, has {found} installs; at least {MIN_INSTALLS} are "
                "needed: train on more rows"
            )
    return split
