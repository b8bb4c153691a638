"""Turns of phrase of PromQL that rules share. Text in, text out."""

from __future__ import annotations

from typing import Final

BY_DEPLOYMENT: Final = "namespace, deployment_name"
BY_PREDICTOR: Final = f"{BY_DEPLOYMENT}, predictor_name"
BY_COMPONENT: Final = f"{BY_PREDICTOR}, model_name"
BY_ARM: Final = f"{BY_DEPLOYMENT}, credited_predictor"
BY_POD: Final = "namespace, pod"

ON_DEPLOYMENT: Final = f"on ({BY_DEPLOYMENT})"
ON_PREDICTOR: Final = f"on ({BY_PREDICTOR})"

PREDICTOR_LEVEL: Final = "namespace_deployment_predictor"
ARM_LEVEL: Final = "namespace_deployment_arm"

NAMED: Final = 'predictor_name!=""'
"""A container with one component of a graph tells the server's metrics too, under no predictor's name."""

SECONDS: Final = {
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "6h": 21_600,
    "1d": 86_400,
    "3d": 259_200,
}


def total(counter: str) -> str:
    """As a counter is exposed."""
    return f"{counter}_total"


def summed(by: str, what: str) -> str:
    return f"sum by ({by}) ({what})"


def raised(counter: str, window: str) -> str:
    """How often a rare counter was raised in the window, the time included that made it exist.

    `increase` counts from the first value that it sees: of a counter that is made when it is first raised, 1 and not 0.
    A Prometheus that began later than the counter takes all of it for the window's.
    """
    return f"(increase({counter}[{window}]) and {counter} offset {window}) or max_over_time({counter}[{window}])"


def or_zero(part: str, whole: str) -> str:
    """`part`, and 0 where there is `whole` alone: what never happened has no series. Both by the same labels."""
    return f"(\n  {_indented(part)}\n  or\n  0 * {_indented(whole)}\n)"


def ratio(part: str, whole: str) -> str:
    """The share of `part` in `whole`, 0 where it never happened; nothing where there was no traffic."""
    return f"{or_zero(part, whole)}\n/\n(\n  {_indented(whole)} > 0\n)"


def every(*conditions: str) -> str:
    """What the first one gives, where all hold; they have the same labels."""
    return "\nand\n".join(conditions)


def either(*conditions: str) -> str:
    return "\nor\n".join(f"(\n  {_indented(condition)}\n)" for condition in conditions)


def _indented(text: str) -> str:
    """All lines but the first."""
    return text.replace("\n", "\n  ")
