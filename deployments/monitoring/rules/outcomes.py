"""What predictions earn, by the predictor or arm that is credited; calibration; and whether feedback still comes."""

from __future__ import annotations

from typing import Final

from deployments.monitoring.rules.model import PREDICTOR, Alert, Group, Recording
from deployments.monitoring.rules.promql import (
    ARM_LEVEL,
    BY_ARM,
    BY_DEPLOYMENT,
    BY_PREDICTOR,
    ON_PREDICTOR,
    every,
    summed,
    total,
)
from deployments.monitoring.rules.service_levels import predictions
from deployments.monitoring.rules.thresholds import (
    BANDIT_MIN_CHOICES,
    BANDIT_STATE_AGE,
    CALIBRATION_HIGHEST,
    CALIBRATION_LOWEST,
    CALIBRATION_MIN_EXPECTED,
    SILENT_MIN_EXPECTED,
)
from model_server import metric_names as names

_FEEDBACK: Final = f"{ARM_LEVEL}:feedback:increase1h"
_REWARD: Final = f"{ARM_LEVEL}:reward:mean_increase1h"
_PROMISED: Final = f"{ARM_LEVEL}:expected_reward:increase1d"
_CALIBRATION: Final = f"{ARM_LEVEL}:calibration:ratio_increase1d"
_SHOULD_COME: Final = "namespace_deployment:expected_feedback:increase1h"
_CHOICES: Final = "namespace_deployment_predictor:router_choices:increase1h"


def _increase(counter: str, window: str, by: str = BY_ARM) -> str:
    return summed(by, f"increase({total(counter)}[{window}])")


def _asked(window: str) -> str:
    return summed(BY_DEPLOYMENT, f"increase({predictions('count')}[{window}])")


def _should_come() -> str:
    """As much feedback a request as in the day before, for the requests of this hour."""
    before = summed(BY_DEPLOYMENT, f"increase({total(names.FEEDBACK)}[1d] offset 1h)")
    asked_before = summed(BY_DEPLOYMENT, f"increase({predictions('count')}[1d] offset 1h)")
    return f"{before}\n/\n({asked_before} > 0)\n*\n{_asked('1h')}"


_RECORDINGS: Final = (
    Recording(_FEEDBACK, _increase(names.FEEDBACK, "1h")),
    Recording(_REWARD, f"{_increase(names.REWARD, '1h')}\n/\n({_FEEDBACK} > 0)"),
    Recording(_PROMISED, _increase(names.EXPECTED_REWARD, "1d")),
    Recording(_CALIBRATION, f"{_increase(names.REWARD, '1d')}\n/\n({_PROMISED} > 0)"),
    Recording(_SHOULD_COME, _should_come()),
    Recording(_CHOICES, _increase(names.ROUTER_CHOICES, "1h", BY_PREDICTOR)),
)


def _miscalibrated() -> str:
    outside = f"({_CALIBRATION} < {CALIBRATION_LOWEST} or {_CALIBRATION} > {CALIBRATION_HIGHEST})"
    return every(outside, f"{_PROMISED} >= {CALIBRATION_MIN_EXPECTED}")


_ARM: Final = "{{ $labels.namespace }}/{{ $labels.deployment_name }}, {{ $labels.credited_predictor }}"
_ALERTS: Final = (
    Alert(
        "Miscalibrated",
        _miscalibrated(),
        "1h",
        "ticket",
        f"{_ARM}: promises are not kept",
        '{{ $value | printf "%.2f" }} installs came for each that its probabilities promised, over a day.',
    ),
    Alert(
        "FeedbackStopped",
        f"{_SHOULD_COME} >= {SILENT_MIN_EXPECTED}\nunless\nsum by ({BY_DEPLOYMENT}) ({_FEEDBACK}) > 0",
        "5m",
        "ticket",
        "{{ $labels.namespace }}/{{ $labels.deployment_name }}: no feedback for an hour",
        'Predictions go on, and by the day before they should have brought {{ $value | printf "%.0f" }} rewards.',
    ),
    Alert(
        "BanditStuck",
        f"{_CHOICES} >= {BANDIT_MIN_CHOICES}\nand {ON_PREDICTOR}\n"
        f"max by ({BY_PREDICTOR}) ({names.ROUTER_ARM_PROBABILITY})\nunless {ON_PREDICTOR}\n"
        f"{_increase(names.ROUTER_TRIALS, '1h', BY_PREDICTOR)} > 0",
        "15m",
        "ticket",
        f"{PREDICTOR}: the bandit learns nothing",
        'It chose {{ $value | printf "%.0f" }} times in an hour, and no reward taught it anything.',
    ),
    Alert(
        "BanditStateStale",
        f"max by ({BY_PREDICTOR}) ({names.ROUTER_STATE_AGE}) > {BANDIT_STATE_AGE}\nand {ON_PREDICTOR}\n"
        f"{_increase(names.ROUTER_CHOICES, '5m', BY_PREDICTOR)} > 0",
        "5m",
        "ticket",
        f"{PREDICTOR}: the bandit's store is away",
        "{{ $value | humanizeDuration }} since a worker last read or wrote it; choices go on from what was known then.",
    ),
)

GROUP: Final = Group("forkcast-outcomes", (*_RECORDINGS, *_ALERTS))
