"""When each request is planned to leave: schedules made before the run. Pure.

A schedule is float64[n], seconds since the start of the run, ascending, each in [0, duration). Since it exists before
the first request is sent, no answer, however slow, can delay the arrivals: the traffic is an open loop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from traffic_sim.errors import CallersFault

type Offsets = NDArray[np.float64]
ArrivalName = Literal["constant", "poisson"]


class InvalidPace(CallersFault):
    """No schedule can be made of this rate and duration."""


class Pacer(Protocol):
    """Plans the arrivals of a run; asks for nothing but rate, duration and randomness."""

    def __call__(self, rate_per_second: float, duration_seconds: float, rng: np.random.Generator) -> Offsets: ...


def constant(rate_per_second: float, duration_seconds: float, rng: np.random.Generator) -> Offsets:  # noqa: ARG001
    """Arrivals at equal distances, as a metronome.

        t[i] = i / rate,  for each i with t[i] < duration

    Units: rate in requests per second, duration and t in seconds. `rng` is not used.
    Errors: InvalidPace unless both are finite and above 0.
    """
    _refuse_unusable(rate_per_second, duration_seconds)
    offsets: Offsets = np.arange(math.ceil(rate_per_second * duration_seconds), dtype=np.float64) / rate_per_second
    return offsets[offsets < duration_seconds]


def poisson(rate_per_second: float, duration_seconds: float, rng: np.random.Generator) -> Offsets:
    """Arrivals of many independent users: a Poisson process, with the clumps and gaps of real traffic.

        n ~ Poisson(rate * duration);  t = n independent uniforms over [0, duration), sorted

    which is the same process as one of exponential gaps with mean 1 / rate.

    Units: rate in requests per second, duration and t in seconds.
    Errors: InvalidPace unless both are finite and above 0.
    Source: Kingman, "Poisson Processes" (1993), section 2.4, on the conditional property.
    """
    _refuse_unusable(rate_per_second, duration_seconds)
    n = rng.poisson(rate_per_second * duration_seconds)
    return np.sort(rng.random(n) * duration_seconds)


PACERS: Final[Mapping[ArrivalName, Pacer]] = {"constant": constant, "poisson": poisson}


def _refuse_unusable(rate_per_second: float, duration_seconds: float) -> None:
    for name, value in (("rate_per_second", rate_per_second), ("duration_seconds", duration_seconds)):
        if not (math.isfinite(value) and value > 0):
            raise InvalidPace(f"{name} is {value}; a finite number above 0 is expected")
