"""Is what comes in still what the model was trained on?

Outliers, categories that training never saw, missing values, and drift of each column and of the scores.
"""

from __future__ import annotations

from typing import Final

from deployments.monitoring.rules.model import PREDICTOR, Alert, Group, Recording
from deployments.monitoring.rules.promql import (
    BY_PREDICTOR,
    ON_PREDICTOR,
    PREDICTOR_LEVEL,
    either,
    every,
    raised,
    ratio,
    summed,
    total,
)
from deployments.monitoring.rules.thresholds import (
    DRIFT_MIN_ALARMS,
    DRIFT_MIN_PSI,
    DRIFT_MIN_SHARE,
    MIN_ROWS,
    MISSING_CHANGE,
    OUTLIER_RATE,
    UNKNOWN_SHARE,
)
from model_server import metric_names as names

_BY_COLUMN: Final = f"{BY_PREDICTOR}, {names.COLUMN_LABEL}"
_COLUMN_LEVEL: Final = f"{PREDICTOR_LEVEL}_column"

_SCORED: Final = f"{PREDICTOR_LEVEL}:exposures:increase1h"
_EXAMINED: Final = f"{PREDICTOR_LEVEL}:examined_rows:increase1h"
_OUTLIERS: Final = f"{PREDICTOR_LEVEL}:outliers:ratio_increase1h"
_UNKNOWN: Final = f"{_COLUMN_LEVEL}:unknown_categories:ratio_increase1h"
_MISSING: Final = f"{_COLUMN_LEVEL}:missing_values:ratio_increase1h"
_PROBABILITY: Final = f"{PREDICTOR_LEVEL}:probability:mean_rate1h"
_BY_WINDOW: Final = f"{_BY_COLUMN}, {names.WINDOW_LABEL}"
_ALARMS: Final = f"{_COLUMN_LEVEL}_window:drift_alarms:increase"
_ALARMED: Final = f"{_COLUMN_LEVEL}_window:drift_alarms:ratio_increase"
_LOOKBACKS: Final = ("1h", "1d")


def _hourly(counter: str, by: str = BY_PREDICTOR) -> str:
    return summed(by, f"increase({total(counter)}[1h])")


def _by_column(counter: str) -> str:
    return f"{_hourly(counter, _BY_COLUMN)}\n/ {ON_PREDICTOR} group_left ()\n({_SCORED} > 0)"


def _rate1h(series: str) -> str:
    return summed(BY_PREDICTOR, f"rate({names.PROBABILITY}_{series}[1h])")


def _more_missing() -> str:
    """Against the day before, where a column that missed nothing had no series."""
    then = f"{_MISSING} offset 1d or 0 * {_MISSING}"
    return every(f"abs(\n  {_MISSING} - ({then})\n) > {MISSING_CHANGE}") + "".join(
        f"\nand {ON_PREDICTOR}\n{_SCORED}{when} >= {MIN_ROWS}" for when in ("", " offset 1d")
    )


def _drifted(lookback: str) -> tuple[Recording, ...]:
    alarms = summed(_BY_WINDOW, raised(total(names.DRIFT_ALARMS), lookback))
    by = f"{BY_PREDICTOR}, {names.WINDOW_LABEL}"
    windows = summed(by, raised(total(names.DRIFT_WINDOWS), lookback))
    return (
        Recording(f"{_ALARMS}{lookback}", alarms),
        Recording(f"{_ALARMED}{lookback}", f"{_ALARMS}{lookback}\n/ on ({by}) group_left ()\n({windows} > 0)"),
    )


def _drifts(columns: str, *also: str) -> str:
    """An hour is enough where windows fill in minutes, a day where they take hours. `also` by the same labels."""
    selected = f"{{{names.COLUMN_LABEL}{columns}}}"
    return either(
        *(
            every(
                f"{_ALARMS}{lookback}{selected} >= {DRIFT_MIN_ALARMS}",
                f"{_ALARMED}{lookback}{selected} >= {DRIFT_MIN_SHARE}",
                *also,
            )
            for lookback in _LOOKBACKS
        )
    )


_RECORDINGS: Final = (
    Recording(_SCORED, _hourly(names.EXPOSURES)),
    Recording(_EXAMINED, _hourly(names.OUTLIER_ROWS)),
    Recording(_OUTLIERS, ratio(_hourly(names.OUTLIERS), _EXAMINED)),
    Recording(_UNKNOWN, _by_column(names.UNKNOWN_CATEGORIES)),
    Recording(_MISSING, _by_column(names.MISSING_VALUES)),
    Recording(_PROBABILITY, f"{_rate1h('sum')} / ({_rate1h('count')} > 0)"),
    *(rule for lookback in _LOOKBACKS for rule in _drifted(lookback)),
)
_DRIFT_SAYS: Final = (
    "{{ $value | humanize }} alarms in windows of {{ $labels.window }} requests, at least half of all windows: "
    "the distribution is not that of training."
)
_ALERTS: Final = (
    Alert(
        "OutlierRateHigh",
        every(f"{_OUTLIERS} > {OUTLIER_RATE}", f"{_EXAMINED} >= {MIN_ROWS}"),
        "15m",
        "ticket",
        f"{PREDICTOR}: many outliers",
        "{{ $value | humanizePercentage }} of the rows of an hour are marked; the detector is calibrated for about 1%.",
    ),
    Alert(
        "UnknownCategories",
        f"{_UNKNOWN} > {UNKNOWN_SHARE}\nand {ON_PREDICTOR}\n{_SCORED} >= {MIN_ROWS}",
        "15m",
        "ticket",
        f"{PREDICTOR}: {{{{ $labels.column }}}} has values that training never saw",
        "{{ $value | humanizePercentage }} of the rows of an hour.",
    ),
    Alert(
        "MissingValues",
        _more_missing(),
        "15m",
        "ticket",
        f"{PREDICTOR}: {{{{ $labels.column }}}} is missing more, or less, than yesterday",
        "The share of rows without it is {{ $value | humanizePercentage }} off that of the same hour a day before.",
    ),
    Alert(
        "InputDrift",
        _drifts(f'!="{names.PROBABILITY_COLUMN}"', f"max by ({_BY_WINDOW}) ({names.DRIFT_PSI}) >= {DRIFT_MIN_PSI}"),
        "0m",
        "ticket",
        f"{PREDICTOR}: {{{{ $labels.column }}}} drifts",
        _DRIFT_SAYS,
    ),
    Alert(
        "ScoreDrift",
        _drifts(f'="{names.PROBABILITY_COLUMN}"'),
        "0m",
        "ticket",
        f"{PREDICTOR}: the predicted probabilities drift",
        _DRIFT_SAYS,
    ),
)

GROUP: Final = Group("forkcast-inputs", (*_RECORDINGS, *_ALERTS))
