"""What is good and what is bad, as the colours from certain values on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deployments.monitoring.rules import thresholds as rules

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


# The numbers that alerts turn on too, where it is said why they are these.
SUCCESS_OBJECTIVE: Final = 1 - rules.AVAILABILITY_BUDGET.value
IN_TIME_OBJECTIVE: Final = 1 - rules.LATENCY_BUDGET.value
ERRORS: Final = above(rules.AVAILABILITY_BUDGET.value)
SUCCESS: Final = below(SUCCESS_OBJECTIVE, odd=(1 + SUCCESS_OBJECTIVE) / 2)
IN_TIME: Final = below(IN_TIME_OBJECTIVE, odd=(1 + IN_TIME_OBJECTIVE) / 2)
LATENCY_SECONDS: Final = above(rules.LATENCY_BOUND.value)
MODEL_AGE_SECONDS: Final = above(rules.MODEL_AGE.value, odd=rules.MODEL_AGE.value / 2)
TRAINING_DIFFERENCE: Final = above(rules.TRAINING_DIFFERENCE.value)
PSI: Final = above(rules.DRIFT_MIN_PSI.value, odd=0.1)
P_VALUE: Final = below(0.01, odd=0.05)
UNKNOWN_SHARE: Final = above(rules.UNKNOWN_SHARE.value, odd=0.01)
OUTLIER_SHARE: Final = above(rules.OUTLIER_RATE.value, odd=0.02)
CALIBRATION: Final = around(rules.CALIBRATION_LOWEST.value, rules.CALIBRATION_HIGHEST.value)
BANDIT_STATE_AGE_SECONDS: Final = above(rules.BANDIT_STATE_AGE.value, odd=10)
MISSING_COPIES: Final = above(0.05, odd=round(1 - rules.SHADOW_MIN_SHARE.value, 6))
GENERATOR_LAG_SECONDS: Final = above(rules.SIMULATOR_LAG.value, odd=0.01)

# Those of dashboards alone.
SLOWER_THAN_BASELINE: Final = above(1.5, odd=1.2)
RARE_PER_SECOND: Final = above(0.01)
"""Of what should never happen: once in a minute or two."""
ANY_AT_ALL: Final = above(1)
