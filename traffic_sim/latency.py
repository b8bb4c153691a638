"""Durations in an HDR histogram: every one counted, each known to three significant digits. Pure."""

from __future__ import annotations

import math
from typing import Final

from hdrh.histogram import HdrHistogram

_MICROSECONDS: Final = 1_000_000
_LONGEST_SECONDS: Final = 3_600
PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)


class Durations:
    """Counts durations in seconds; answers in milliseconds. Kept from 1 microsecond to an hour."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_SECONDS * _MICROSECONDS, 3)

    def add(self, seconds: float) -> None:
        if not math.isfinite(seconds):
            raise ValueError(f"a duration of {seconds} seconds")
        microseconds = round(min(max(seconds, 0.0), _LONGEST_SECONDS) * _MICROSECONDS)
        self._histogram.record_value(max(microseconds, 1))

    def merge(self, other: Durations) -> None:
        self._histogram.add(other._histogram)

    def __len__(self) -> int:
        return int(self._histogram.total_count)

    def percentiles(self) -> dict[str, float] | None:
        """Milliseconds by `p50`, `p90`, `p95`, `p99`, `p99.9` and `max`; None if nothing was counted."""
        if not len(self):
            return None
        found = self._histogram.get_percentile_to_value_dict(list(PERCENTILES))
        named = {f"p{percentile:g}": found[percentile] / 1_000 for percentile in PERCENTILES}
        return {**named, "max": self._histogram.get_max_value() / 1_000}

    def encoded(self) -> str:
        """The whole histogram in the HdrHistogram V2 compressed form, base64, microseconds: tools merge and plot it."""
        encoded: bytes = self._histogram.encode()
        return encoded.decode()
