"""What servers and the simulator say of themselves: the bundle that is served, the request log, the schedule."""

from __future__ import annotations

from typing import Final

from deployments.monitoring.rules.model import PREDICTOR, Alert, Group
from deployments.monitoring.rules.promql import BY_COMPONENT, BY_POD, either, raised, summed, total
from deployments.monitoring.rules.thresholds import (
    EVENTS_DROPPED,
    MODEL_AGE,
    SIMULATOR_LAG,
    TRAINING_DIFFERENCE,
    UNSENT_SHARE,
)
from model_server import metric_names as names

_UNSENT: Final = "unsent"
"""Of traffic_sim.results.Status: the generator had no time to send it. `dropped` is the target's doing."""
_BY_RUN: Final = "namespace, job"

_WHICH: Final = f"{PREDICTOR}/{{{{ $labels.model_name }}}}"


def _behind_plan() -> str:
    unsent = summed(_BY_RUN, f'increase({total(names.SIM_REQUESTS)}{{outcome="{_UNSENT}"}}[5m])')
    planned = summed(_BY_RUN, f"increase({total(names.SIM_PLANNED)}[5m])")
    lag = summed(f"{_BY_RUN}, le", f"rate({names.SIM_LAG}_bucket[5m])")
    return either(f"{unsent} > {UNSENT_SHARE} * ({planned} > 0)", f"histogram_quantile(0.99, {lag}) > {SIMULATOR_LAG}")


GROUP: Final = Group(
    "forkcast-servers",
    (
        Alert(
            "TrainingServingMismatch",
            f"max by ({BY_COMPONENT}) ({names.TRAINING_DIFFERENCE}) > {TRAINING_DIFFERENCE}",
            "5m",
            "page",
            f"{_WHICH}: predicts otherwise than in training",
            'A row of the bundle was given a probability that is {{ $value | printf "%.2g" }} off the one in training.',
        ),
        Alert(
            "ModelTooOld",
            f"time() - max by ({BY_COMPONENT}) ({names.TRAINED_AT}) > {MODEL_AGE}",
            "1h",
            "ticket",
            f"{_WHICH}: the model is old",
            "It was trained {{ $value | humanizeDuration }} ago.",
        ),
        Alert(
            "EventsDropped",
            summed(f"{BY_POD}, {names.REASON_LABEL}", raised(total(names.EVENTS_DROPPED), "15m"))
            + f" >= {EVENTS_DROPPED}",
            "0m",
            "ticket",
            "{{ $labels.namespace }}/{{ $labels.pod }}: the request log has a hole",
            "{{ $value | humanize }} events were not delivered within 15m ({{ $labels.reason }}).",
        ),
        Alert(
            "SimulatorBehindPlan",
            _behind_plan(),
            "2m",
            "info",
            "{{ $labels.job }}: the simulator does not keep its schedule",
            '{{ $value | printf "%.3g" }} requests unsent in 5m, or seconds late (p99): it measures itself.',
        ),
    ),
)
