"""How far the inputs and scores of the last window are from training: a section of the model inputs."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.panels import Panel, Query, bars, rows, time_series
from deployments.monitoring.dashboards.queries import (
    PREDICTOR,
    counter,
    highest,
    increase,
    lowest,
    or_none,
    or_zero,
    rate,
    select,
    total,
)
from model_server import metric_names as names

_WINDOW: Final = (*PREDICTOR, f'{names.WINDOW_LABEL}=~"$window"')
_COLUMN: Final = names.COLUMN_LABEL
_TALL: Final = 12
"""Some fifteen columns have a line each."""
_EXPOSURES: Final = total(rate(counter(names.EXPOSURES), *PREDICTOR))


def panels() -> list[Panel]:
    psi = highest(select(names.DRIFT_PSI, *_WINDOW), _COLUMN)
    p_value = lowest(select(names.DRIFT_P_VALUE, *_WINDOW), _COLUMN)
    compared = total(increase(counter(names.DRIFT_WINDOWS), *_WINDOW), names.WINDOW_LABEL)
    alarms = total(increase(counter(names.DRIFT_ALARMS), *_WINDOW), _COLUMN)
    return [
        bars(
            "Drift of the last window, by column",
            About(
                "Population stability index (PSI): how far a column's distribution in the last window is from that of "
                "training. 0 is the same.",
                "below 0.1. From 0.1 on it moved, from 0.2 on it counts as an alarm.",
                "which column? A campaign that began or ended moves `campaign` and is no fault. `probability` red: "
                "the scores moved; look at calibration.",
                see="experiment",
            ),
            units.NoUnit,
            Query(f"sort_desc({psi})", "{{column}}"),
            steps=thresholds.PSI,
            height=_TALL,
            most=0.5,
        ),
        rows(
            "Columns",
            About(
                "For each column: PSI, and the probability of a difference as large by chance alone (p value, "
                "corrected for the number of columns); windows over the time shown in which it differed.",
                "PSI below 0.1, or a p value above 0.05.",
                "a small p value with a small PSI is a difference that is real and does not matter; large windows "
                "find such. Act on PSI.",
                see="experiment",
            ),
            {
                "PSI": (psi, units.NoUnit, thresholds.PSI),
                "p value": (p_value, units.NoUnit, thresholds.P_VALUE),
                "Alarms": (or_zero(alarms, psi), units.Short, thresholds.NEUTRAL),
            },
            renamed={_COLUMN: "Column"},
            height=_TALL,
        ),
        time_series(
            "Drift over time",
            About(
                "PSI of each column, window after window.",
                "below the line at 0.1.",
                "a step is a change at its source: a release, a campaign. A slope is the world that moves: train "
                "again.",
            ),
            units.NoUnit,
            Query(psi, "{{column}}"),
            steps=thresholds.PSI,
        ),
        time_series(
            "p values over time",
            About(
                "The probability of a difference as large by chance alone, corrected for the number of columns.",
                "above the line at 0.05 most of the time.",
                "read it together with PSI: with 10,000 requests the smallest difference is found.",
            ),
            units.NoUnit,
            Query(p_value, "{{column}}"),
            steps=thresholds.P_VALUE,
        ),
        time_series(
            "Alarms",
            About(
                "Windows per second in which a column differed from training, by column.",
                "0, or one now and then.",
                "the same column again and again: it has drifted.",
            ),
            units.CountsPerSecond,
            Query(
                or_none(total(rate(counter(names.DRIFT_ALARMS), *_WINDOW), _COLUMN), _EXPOSURES, _COLUMN), "{{column}}"
            ),
            width=8,
        ),
        time_series(
            "Rows in a window",
            About(
                "Impressions in the last window: requests times their rows. What PSI and p values are of.",
                "hundreds and more; PSI of a small sample is large by chance.",
                "choose the larger window above.",
            ),
            units.Short,
            Query(lowest(select(names.DRIFT_SAMPLE_SIZE, *_WINDOW), "predictor_name"), "{{predictor_name}}"),
            width=8,
        ),
        bars(
            "Windows compared",
            About(
                "How many windows were compared with training in the time shown.",
                "1 and more.",
                "none: fewer requests came than a window holds. What is shown above is old; choose the smaller window.",
                see="overview",
            ),
            units.Short,
            Query(compared, "{{window}} requests"),
            width=8,
        ),
    ]
