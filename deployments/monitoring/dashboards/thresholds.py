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
