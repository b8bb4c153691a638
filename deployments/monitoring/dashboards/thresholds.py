"""What is good and what is bad, as the colours from certain values on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

type Steps = Sequence[tuple[float | None, str]]
"""From which value on which colour; the first one from None, which is as low as it gets."""

NEUTRAL: Final[Steps] = ((None, "blue"),)
"""Where nothing is good or bad by itself."""


def above(bad: float, *, odd: float | None = None) -> Steps:
    """Red from `bad` on, yellow from `odd` on."""
    return ((None, "green"), *(((odd, "yellow"),) if odd is not None else ()), (bad, "red"))


def below(bad: float, *, odd: float | None = None) -> Steps:
    """Red under `bad`, yellow under `odd`."""
    return ((None, "red"), *(((bad, "yellow"), (odd, "green")) if odd is not None else ((bad, "green"),)))


def around(low: float, high: float) -> Steps:
    """Green between the two, yellow outside."""
    return ((None, "yellow"), (low, "green"), (high, "yellow"))


# The numbers that alerts turn on too (deployments/monitoring/rules/thresholds.py says why they are these).
SUCCESS_OBJECTIVE: Final = 0.999
IN_TIME_OBJECTIVE: Final = 0.99
ERRORS: Final = above(0.001)
SUCCESS: Final = below(SUCCESS_OBJECTIVE, odd=(1 + SUCCESS_OBJECTIVE) / 2)
IN_TIME: Final = below(IN_TIME_OBJECTIVE, odd=(1 + IN_TIME_OBJECTIVE) / 2)
LATENCY_SECONDS: Final = above(0.1)
MODEL_AGE_SECONDS: Final = above(30 * 86_400, odd=15 * 86_400)
TRAINING_DIFFERENCE: Final = above(1e-6)
PSI: Final = above(0.2, odd=0.1)
P_VALUE: Final = below(0.01, odd=0.05)
UNKNOWN_SHARE: Final = above(0.05, odd=0.01)
OUTLIER_SHARE: Final = above(0.03, odd=0.02)
CALIBRATION: Final = around(0.8, 1.25)
BANDIT_STATE_AGE_SECONDS: Final = above(60, odd=10)
MISSING_COPIES: Final = above(0.05, odd=0.01)
GENERATOR_LAG_SECONDS: Final = above(0.05, odd=0.01)

# Those of dashboards alone.
SLOWER_THAN_BASELINE: Final = above(1.5, odd=1.2)
RARE_PER_SECOND: Final = above(0.01)
"""Of what should never happen: once in a minute or two."""
ANY_AT_ALL: Final = above(1)
