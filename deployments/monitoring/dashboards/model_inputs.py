"""Does the model still see the world that it was trained on? Drift, missing and unknown values, outliers."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import drift, thresholds, variables
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.board import Board, Section
from deployments.monitoring.dashboards.panels import Panel, Query, time_series
from deployments.monitoring.dashboards.queries import (
    PREDICTOR,
    counter,
    or_none,
    or_zero,
    rate,
    ratio,
    ratio_within,
    total,
)
from model_server import metric_names as names

_COLUMN: Final = names.COLUMN_LABEL
_EXPOSURES: Final = total(rate(counter(names.EXPOSURES), *PREDICTOR))


def board() -> Board:
    return Board(
        name="model-inputs",
        title="Forkcast / 4 Model inputs",
        question="Does the model still see the world that it was trained on? Each window of requests is compared with "
        "training, column by column; `probability` stands for the scores. Of several predictors the worst one is "
        "shown.",
        sections=[
            Section("Drift, window of $window requests", drift.panels()),
            Section("Values that are not there, or new", _values()),
            Section("Outliers (empty without a detector)", _outliers()),
        ],
        further_variables=[variables.window()],
    )


def _values() -> list[Panel]:
    def share(metric: str) -> str:
        cells = or_none(total(rate(counter(metric), *PREDICTOR), _COLUMN), _EXPOSURES, _COLUMN)
        return ratio_within(cells, _EXPOSURES, "")

    return [
        time_series(
            "Missing values",
            About(
                "The share of impressions in which a column holds nothing, of the columns that may.",
                "steady. Some columns are often empty in training too.",
                "a jump: a client stopped sending the field, or renamed it.",
            ),
            units.PercentUnit,
            Query(share(names.MISSING_VALUES), "{{column}}"),
        ),
        time_series(
            "Unknown categories",
            About(
                "The share of impressions in which a column holds a text that training never saw. The model treats it "
                "as it treats the rare.",
                "below 1 %, and slowly rising as training gets older.",
                "above the line: new campaigns, devices or versions make up a part of the traffic. Train again.",
            ),
            units.PercentUnit,
            Query(share(names.UNKNOWN_CATEGORIES), "{{column}}"),
            steps=thresholds.UNKNOWN_SHARE,
        ),
    ]


def _outliers() -> list[Panel]:
    scored = total(rate(counter(names.OUTLIER_ROWS), *PREDICTOR), "predictor_name")
    marked = or_zero(total(rate(counter(names.OUTLIERS), *PREDICTOR), "predictor_name"), scored)
    unread = or_none(
        total(rate(counter(names.OUTLIER_UNREAD), *PREDICTOR), names.REASON_LABEL), total(scored), "reason"
    )
    return [
        time_series(
            "Outliers",
            About(
                "The share of impressions that the outlier detector marked as unlike those of training.",
                "about 1 %: its threshold is set so, unless fit-detector was told otherwise.",
                "far more: traffic of another kind (robots, a broken client). None at all for long: is it read? See "
                "beside.",
                see="traffic-simulator",
            ),
            units.PercentUnit,
            Query(ratio(marked, scored), "{{predictor_name}}"),
            steps=thresholds.OUTLIER_SHARE,
        ),
        time_series(
            "Requests past the detector",
            About(
                "Requests per second that it passed on without a mark: ready_features, a tensor without raw columns; "
                "invalid, no impressions, which the model refuses; failed, its own fault.",
                "0.",
                "failed: see its log. The others are the callers'.",
                see="serving-internals",
            ),
            units.RequestsPerSecond,
            Query(unread, "{{reason}}"),
        ),
        time_series(
            "Impressions against rows scored",
            About(
                "Impressions per second that got a probability, and those that the detector scored.",
                "both lines together, where the detector stands before the only model.",
                "fewer scored: see the requests past it. A router or a second node that scores makes more exposures.",
            ),
            units.CountsPerSecond,
            Query(_EXPOSURES, "exposures"),
            Query(total(scored), "scored"),
            width=24,
        ),
    ]
