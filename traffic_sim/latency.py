"""Durations in an HDR histogram: every one counted, each known to three significant digits. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import ArrayLike, NDArray

_MICROSECONDS: Final = 1_000_000
_LONGEST_SECONDS: Final = 3_600
_DIGITS: Final = 3
_STEPS_BITS: Final = 11
"""An HDR histogram of three digits has 2,048 steps of one microsecond, then ever coarser ones: as many bits of a number
are kept."""
PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)


class Durations:
    """Counts durations in seconds; answers in milliseconds. Kept from 1 microsecond to an hour.

    Counting is put off until it is asked for: during a run they are kept, in 4 bytes each.
    """

    def __init__(self) -> None:
        self._counted = HdrHistogram(1, _LONGEST_SECONDS * _MICROSECONDS, _DIGITS)
        self._uncounted: list[NDArray[np.uint32]] = []

    def add(self, seconds: float) -> None:
        self.add_all([seconds])

    def add_all(self, seconds: ArrayLike) -> None:
        """Shapes: seconds [n]. Errors: ValueError if one is not finite."""
        every = np.asarray(seconds, dtype=np.float64)
        if not np.isfinite(every).all():
            raise ValueError(f"a duration of {every[~np.isfinite(every)][0]} seconds")
        microseconds = np.rint(np.clip(every, 0.0, _LONGEST_SECONDS) * _MICROSECONDS)
        self._uncounted.append(np.maximum(microseconds, 1).astype(np.uint32))

    def merge(self, other: Durations) -> None:
        self._histogram().add(other._histogram())

    def __len__(self) -> int:
        return int(self._histogram().total_count)

    def percentiles(self) -> dict[str, float] | None:
        """Milliseconds by `p50`, `p90`, `p95`, `p99`, `p99.9` and `max`; None if nothing was counted."""
        if not len(self):
            return None
        histogram = self._histogram()
        found = histogram.get_percentile_to_value_dict(list(PERCENTILES))
        named = {f"p{percentile:g}": found[percentile] / 1_000 for percentile in PERCENTILES}
        return {**named, "max": histogram.get_max_value() / 1_000}

    def encoded(self) -> str:
        """The whole histogram in the HdrHistogram V2 compressed form, base64, microseconds: tools merge and plot it."""
        encoded: bytes = self._histogram().encode()
        return encoded.decode()

    def _histogram(self) -> HdrHistogram:
        if self._uncounted:
            every = np.concatenate(self._uncounted)
            self._uncounted = []
            # Those that fall into one step are counted together: `record_value` is Python, and takes 1.5 us.
            n_bits = np.frexp(every)[1]
            n_dropped = np.maximum(n_bits - _STEPS_BITS, 0).astype(np.uint32)
            steps, times = np.unique(every >> n_dropped << n_dropped, return_counts=True)
            for step, n in zip(steps.tolist(), times.tolist(), strict=True):
                self._counted.record_value(step, n)
        return self._counted
