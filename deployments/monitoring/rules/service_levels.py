"""How many predictions, how many failed, how slow; and whether that spends the error budget too fast.

A prediction fails by an answer that is the server's fault: 5xx, 429 (no room), and the gRPC codes for these. What is
the caller's own (400, InvalidArgument; also Unimplemented, a call that is none) spends nothing.
Slow is judged among those that were answered: a fast refusal is no fast answer.
"""

from __future__ import annotations

from typing import Final

from deployments.monitoring.rules.model import PREDICTOR, Alert, Group, Recording, Severity
from deployments.monitoring.rules.promql import (
    BY_PREDICTOR,
    NAMED,
    PREDICTOR_LEVEL,
    SECONDS,
    either,
    every,
    ratio,
    summed,
)
from deployments.monitoring.rules.thresholds import (
    AVAILABILITY_BUDGET,
    BURN_RATES,
    LATENCY_BOUND,
    LATENCY_BUDGET,
    MIN_SPOILT,
    BurnRate,
    Threshold,
)
from model_server import metric_names as names

SERVER_FAULTS: Final = "5..|429|Unknown|Internal|Unavailable|DeadlineExceeded|ResourceExhausted|DataLoss"
"""REST's codes, and gRPC's as Go spells them. Seldon's executor says Unknown of whatever a component fails with."""
ANSWERED: Final = "200|OK"

_SERVICES: Final = 'service=~"predictions|/seldon.protos.Seldon/Predict"'
_SEVERITIES: Final[tuple[tuple[Severity, str, str], ...]] = (("page", "2m", "five days"), ("ticket", "15m", "a month"))
"""How long a burn must last, and when at its slowest the budget is gone."""
_WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def predictions(suffix: str, *matchers: str) -> str:
    """The selector of predictions asked of a predictor. `suffix`: count, sum or bucket."""
    return f"{names.EXECUTOR_SERVER}_{suffix}{{{','.join((NAMED, _SERVICES, *matchers))}}}"


def _rate(window: str, suffix: str, *matchers: str) -> str:
    return summed(BY_PREDICTOR, f"rate({predictions(suffix, *matchers)}[{window}])")


def requests_rate(window: str) -> str:
    """Recorded: requests a second, whatever became of them."""
    return f"{PREDICTOR_LEVEL}:requests:rate{window}"


def _answers_rate(window: str) -> str:
    return f"{PREDICTOR_LEVEL}:answers:rate{window}"


def _error_ratio(window: str) -> str:
    return f"{PREDICTOR_LEVEL}:request_errors:ratio_rate{window}"


def _slow_ratio(window: str) -> str:
    return f"{PREDICTOR_LEVEL}:slow_answers:ratio_rate{window}"


def _of_window(window: str) -> tuple[Recording, ...]:
    answered, requests = f'code=~"{ANSWERED}"', requests_rate(window)
    failed = _rate(window, "count", f'code=~"{SERVER_FAULTS}"')
    fast = _rate(window, "bucket", answered, f'le="{LATENCY_BOUND}"')
    answers = _answers_rate(window)
    return (
        Recording(requests, _rate(window, "count")),
        Recording(answers, _rate(window, "count", answered)),
        Recording(_error_ratio(window), ratio(failed, requests)),
        # The two series of a histogram are read at one moment, but a rounding of their rates may leave -1e-17.
        Recording(_slow_ratio(window), f"clamp_min(\n  1 - {ratio(fast, answers)},\n  0\n)"),
    )


def _quantile(name: str, quantile: float) -> Recording:
    buckets = summed(f"{BY_PREDICTOR}, le", f"rate({predictions('bucket', f'code=~"{ANSWERED}"')}[5m])")
    return Recording(
        f"{PREDICTOR_LEVEL}:answer_seconds:{name}_5m",
        f"histogram_quantile({quantile}, {buckets})\nand\n{_answers_rate('5m')} > 0",
    )


def _burns(ratio_of: str, budget: Threshold, rate_of: str, burn: BurnRate) -> str:
    """`ratio_of`, `rate_of`: names of recording rules up to their window."""
    limit = f"{burn.rate} * {budget}"
    spoilt = f"{ratio_of}{burn.long} * {rate_of}{burn.long} * {SECONDS[burn.long]}"
    return every(f"{ratio_of}{burn.long} > {limit}", f"{ratio_of}{burn.short} > {limit}", f"{spoilt} >= {MIN_SPOILT}")


def _burn_alerts(name: str, what: str, ratio_of: str, budget: Threshold, rate_of: str) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            name,
            either(*(_burns(ratio_of, budget, rate_of, burn) for burn in BURN_RATES if burn.severity == severity)),
            lasts,
            severity,
            f"{PREDICTOR}: {what}",
            f"{{{{ $value | humanizePercentage }}}} of its predictions, of which {budget.value:.1%} may: "
            f"a month's budget is gone within {days}.",
        )
        for severity, lasts, days in _SEVERITIES
    )


RECENT: Final = Group(
    "forkcast-service-levels",
    (*(rule for window in _WINDOWS[:3] for rule in _of_window(window)), _quantile("p50", 0.5), _quantile("p99", 0.99)),
)
LONG: Final = Group(
    "forkcast-service-levels-long", tuple(rule for window in _WINDOWS[3:] for rule in _of_window(window)), interval="2m"
)
ALERTS: Final = Group(
    "forkcast-service-level-alerts",
    (
        *_burn_alerts(
            "AvailabilityBudgetBurn", "predictions fail", _error_ratio(""), AVAILABILITY_BUDGET, requests_rate("")
        ),
        *_burn_alerts("LatencyBudgetBurn", "predictions are slow", _slow_ratio(""), LATENCY_BUDGET, _answers_rate("")),
    ),
)
