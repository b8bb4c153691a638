"""What must hold for a run to pass: `metric <= number`, judged against a summary's metrics. Pure."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

METRICS: Final[Mapping[str, str]] = {
    "sent_ratio": "requests sent / requests planned",
    "error_ratio": "(failed + malformed + timed out) / requests sent",
    "latency_p50_milliseconds": "median latency from the planned send time",
    "latency_p95_milliseconds": "95th percentile of latency from the planned send time",
    "latency_p99_milliseconds": "99th percentile of latency from the planned send time",
    "service_p99_milliseconds": "99th percentile of latency from the real send",
    "answered_records_per_second": "records in good answers / duration of the run",
    "feedback_error_ratio": "feedback not accepted / feedback sent",
    "inconsistent_users": "users whom more than one predictor or arm answered (scenarios with n_users)",
}
"""The metrics that a threshold may name, and what they are."""

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM: Final = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True)
class Threshold:
    """`metric comparison limit`; ValueError if it cannot be one."""

    metric: str
    comparison: str
    limit: float

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            near = difflib.get_close_matches(self.metric, METRICS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(METRICS)}"
            raise ValueError(f"no metric {self.metric}; {hint}")
        if self.comparison not in _COMPARISONS or not math.isfinite(self.limit):
            raise ValueError(f"{self}: one of {' '.join(_COMPARISONS)} and a finite number are expected")

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.limit:g}"

    @classmethod
    def parse(cls, text: str) -> Self:
        match = _FORM.fullmatch(text)
        if not match:
            raise ValueError(f"'{text}' is no threshold; write it as 'latency_p99_milliseconds <= 100'")
        metric, comparison, limit = match.groups()
        return cls(metric, comparison, float(limit))


@dataclass(frozen=True)
class Verdict:
    """One threshold and what was seen."""

    threshold: Threshold
    seen: float | None
    """None where there was nothing to measure: no answer, no feedback."""
    holds: bool | None
    """None where the run cannot tell."""


def judge(
    thresholds: Sequence[Threshold], metrics: Mapping[str, float | None], *, is_generator_sound: bool
) -> tuple[Verdict, ...]:
    """A verdict for each threshold. What was not measured does not hold.

    A generator that was too slow proves nothing about the target: then only `sent_ratio` is judged.
    """
    verdicts = []
    for threshold in thresholds:
        seen = metrics[threshold.metric]
        holds: bool | None = seen is not None and _COMPARISONS[threshold.comparison](seen, threshold.limit)
        if not is_generator_sound and threshold.metric != "sent_ratio":
            holds = None
        verdicts.append(Verdict(threshold, seen, holds))
    return tuple(verdicts)
