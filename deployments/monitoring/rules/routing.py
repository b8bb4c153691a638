"""Does each predictor get what the manifest gives it, and is it there at all?

The window is 15 minutes, and what looks at shares must hold for 20: so no window that a change of weights, or of Pods,
cuts in two can raise an alarm.
"""

from __future__ import annotations

from typing import Final

from deployments.monitoring.rules.model import PREDICTOR, Alert, Group, Recording
from deployments.monitoring.rules.promql import (
    BY_DEPLOYMENT,
    BY_POD,
    BY_PREDICTOR,
    NAMED,
    ON_DEPLOYMENT,
    ON_PREDICTOR,
    PREDICTOR_LEVEL,
    every,
    or_zero,
    summed,
)
from deployments.monitoring.rules.service_levels import predictions
from deployments.monitoring.rules.thresholds import (
    SHADOW_MIN_REQUESTS,
    SHADOW_MIN_SHARE,
    SILENT_MIN_EXPECTED,
    SPLIT_DEVIATIONS,
    SPLIT_MIN_REQUESTS,
    SPLIT_TOLERANCE,
)
from model_server import metric_names as names

WINDOW: Final = "15m"
_BEYOND_WINDOW: Final = "20m"

_WEIGHT: Final = f"{PREDICTOR_LEVEL}:weight:percent"
"""By role too: live or shadow."""
_LIVE: Final = f'{_WEIGHT}{{role="live"}}'
_SHADOW: Final = f'{_WEIGHT}{{role="shadow"}}'
_ASKED: Final = f"{PREDICTOR_LEVEL}:requests:increase{WINDOW}"
"""Of each predictor of the manifest; 0 where it told nothing."""
_LIVE_ASKED: Final = f"namespace_deployment:live_requests:increase{WINDOW}"
_WEIGHT_SHARE: Final = f"{PREDICTOR_LEVEL}:weight_share:ratio"
_SHARE: Final = f"{PREDICTOR_LEVEL}:request_share:ratio_increase{WINDOW}"
_SHOULD_SEE: Final = f"{PREDICTOR_LEVEL}:expected_requests:increase{WINDOW}"
_TOLD: Final = f"{PREDICTOR_LEVEL}_pod:told:group"

_TELLING: Final = "|".join(
    (f"{names.EXECUTOR_SERVER}_count", f"{names.EXECUTOR_CLIENT}_count", names.MODEL_INFO, f"{names.EXPOSURES}_total")
)
_EACH_OF_DEPLOYMENT: Final = f"{ON_DEPLOYMENT} group_left ()"
_UP: Final = f"min by ({BY_POD}) (up)"
"""A Pod has a target for each container; without one of them its graph does not answer."""


def _recordings() -> tuple[Recording, ...]:
    asked = summed(BY_PREDICTOR, f"increase({predictions('count')}[{WINDOW}])")
    of_live = f"({_ASKED} and {ON_PREDICTOR} {_LIVE})"
    share = f"{_LIVE} / {_EACH_OF_DEPLOYMENT} (sum by ({BY_DEPLOYMENT}) ({_LIVE}) > 0)"
    # A mirror without a share copies everything under Istio.
    mirrored = f"({_SHADOW} > 0 or 100 + 0 * {_SHADOW}) / 100"
    return (
        Recording(_WEIGHT, f"max by ({BY_PREDICTOR}, role) ({names.TRAFFIC_PERCENT})"),
        Recording(_ASKED, or_zero(asked, f"sum by ({BY_PREDICTOR}) ({_WEIGHT})")),
        Recording(_LIVE_ASKED, summed(BY_DEPLOYMENT, of_live)),
        Recording(_WEIGHT_SHARE, share),
        Recording(_SHARE, f"{of_live} / {_EACH_OF_DEPLOYMENT} ({_LIVE_ASKED} > 0)"),
        Recording(
            _SHOULD_SEE,
            f"({_WEIGHT_SHARE} or {mirrored})\n* {_EACH_OF_DEPLOYMENT}\n{_LIVE_ASKED}",
        ),
        Recording(_TOLD, f'group by ({BY_PREDICTOR}, pod) ({{__name__=~"{_TELLING}",{NAMED}}})'),
    )


def _off_weights() -> str:
    weight = f"sum by ({BY_PREDICTOR}) ({_WEIGHT_SHARE})"
    off = f"abs({_SHARE} - {weight})"
    variance = f"{weight} * (1 - {weight}) / {_EACH_OF_DEPLOYMENT} {_LIVE_ASKED}"
    return (
        every(
            f"{off} > {SPLIT_TOLERANCE}",
            f"{off} > {SPLIT_DEVIATIONS} * sqrt({variance})",
        )
        + f"\nand on ({BY_DEPLOYMENT})\n{_LIVE_ASKED} >= {SPLIT_MIN_REQUESTS}"
    )


def _alerts() -> tuple[Alert, ...]:
    known = f"last_over_time({_TOLD}[1d])"
    sees = f'{_ASKED} / {ON_PREDICTOR} group_right () ({_SHOULD_SEE}{{role="shadow"}} >= {SHADOW_MIN_REQUESTS})'
    return (
        Alert(
            "PredictorDown",
            f"{_LIVE} > 0\nunless {ON_PREDICTOR}\n({known} and on ({BY_POD}) {_UP} == 1)",
            "5m",
            "page",
            f"{PREDICTOR}: no Pod of it is up",
            "It is to get {{ $value }} % of the traffic, and no Pod that tells of it can be reached.",
        ),
        Alert(
            "PredictorPodDown",
            f"{known}\nand on ({BY_POD})\n{_UP} == 0",
            "5m",
            "ticket",
            f"{PREDICTOR}: a Pod is down",
            "{{ $labels.pod }}: at least one of its containers does not answer at /prometheus.",
        ),
        Alert(
            "PredictorWithoutTraffic",
            f"{_SHOULD_SEE} >= {SILENT_MIN_EXPECTED}\nunless {ON_PREDICTOR}\n{_ASKED} > 0",
            "10m",
            "ticket",
            f"{PREDICTOR}: not asked at all",
            f'{{{{ $value | printf "%.0f" }}}} requests should have come within {WINDOW} ({{{{ $labels.role }}}}); '
            "the deployment has traffic, and this predictor has none.",
        ),
        Alert(
            "SplitOffWeights",
            _off_weights(),
            _BEYOND_WINDOW,
            "ticket",
            f"{PREDICTOR}: its share is not its weight",
            "The share of requests is {{ $value | humanizePercentage }} off the weight, more than chance makes it.",
        ),
        Alert(
            "ShadowMissesRequests",
            f"{sees} < {SHADOW_MIN_SHARE}",
            _BEYOND_WINDOW,
            "ticket",
            f"{PREDICTOR}: the shadow does not see every request",
            "It saw {{ $value | humanizePercentage }} of what the live predictors were asked: a comparison is skewed.",
        ),
    )


GROUP: Final = Group("forkcast-routing", (*_recordings(), *_alerts()))
