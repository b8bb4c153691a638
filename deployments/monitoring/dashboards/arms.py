"""What several dashboards say of arms: their share of the traffic, their answers, what was credited to them."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.panels import Query, time_series
from deployments.monitoring.dashboards.queries import (
    CREDITED,
    EVERY_PREDICTOR,
    LIVE,
    PREDICTOR,
    counter,
    increase,
    live,
    or_zero,
    rate,
    ratio_within,
    requests,
    total,
    weights,
)
from model_server import metric_names as names


def share_against_weight(width: int = 12) -> timeseries.Panel:
    share = ratio_within(live(requests()), total(live(requests(*EVERY_PREDICTOR))), "")
    return time_series(
        "Share of requests against weight",
        About(
            "What share of the requests each live predictor got, and what share the manifest gives it.",
            "both lines of a predictor together. With few requests they differ by chance.",
            "a predictor below its weight is not ready, or its gateway has not heard of the change. Sticky users and "
            "a second deployment with a header follow other rules (docs/routers.md).",
            see="overview",
        ),
        units.PercentUnit,
        Query(share, "{{predictor_name}} got"),
        Query(f"{weights(*PREDICTOR, LIVE)} / 100", "{{predictor_name}} weight"),
        width=width,
    )


def credited(metric: str, *, over_range: bool = True) -> str:
    """Of a counter of feedback, what belongs to each arm, whoever received it; a shadow's copies apart.

    Behind a router feedback names the predictor that has the router; who had answered is the child that received it.
    """
    of = increase if over_range else rate
    counted = live(of(counter(metric), *CREDITED))
    routed = f"on (predictor_name) {of(counter(names.ROUTER_CHOICES), *EVERY_PREDICTOR)}"
    of_predictors = total(f"{counted} unless {routed}", names.CREDITED_PREDICTOR_LABEL)
    return f"({of_predictors} or {_as_credited(f'({counted} and {routed})', 'model_name')})"


def earned(*, over_range: bool = True) -> str:
    """Reward of each arm; 0 where there was feedback and none of it a reward."""
    return or_zero(credited(names.REWARD, over_range=over_range), credited(names.FEEDBACK, over_range=over_range))


def answers() -> str:
    """Over all the time that is shown, by the name under which feedback credits them.

    A predictor's are its requests; those of a router's child, the times it was chosen.
    """
    chosen = total(increase(counter(names.ROUTER_CHOICES), *EVERY_PREDICTOR), names.ARM_LABEL)
    asked = requests(*EVERY_PREDICTOR, whole_range=True)
    return f"({_as_credited(asked, 'predictor_name')} or {_as_credited(chosen, names.ARM_LABEL)})"


def _as_credited(vector: str, label: str) -> str:
    relabelled = f'label_replace({vector}, "{names.CREDITED_PREDICTOR_LABEL}", "$1", "{label}", "(.+)")'
    return total(relabelled, names.CREDITED_PREDICTOR_LABEL)
