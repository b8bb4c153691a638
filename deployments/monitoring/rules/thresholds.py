"""Every number that an alert turns on: its value, its unit, and why it is that one. Change them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Threshold:
    """In an f-string it is its value, as PromQL reads it."""

    value: float
    unit: str
    source: str

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class BurnRate:
    """An error budget is spent `rate` times too fast, in the long window and still in the short one."""

    severity: Literal["page", "ticket"]
    long: str
    short: str
    rate: float


_WORKBOOK: Final = "Google SRE workbook, chapter 5, Multiwindow, Multi-Burn-Rate Alerts"

BURN_RATES: Final = (
    BurnRate("page", "1h", "5m", 14.4),
    BurnRate("page", "6h", "30m", 6),
    BurnRate("ticket", "1d", "2h", 3),
    BurnRate("ticket", "3d", "6h", 1),
)
"""2 % of a month's budget in an hour, 5 % in six, 10 % in a day, 10 % in three. Source: _WORKBOOK."""

AVAILABILITY_BUDGET: Final = Threshold(
    0.001,
    "share of predictions",
    "objective: 99.9 % are answered, 43 minutes of outage a month. Replacing a replica fails none",
)
LATENCY_BUDGET: Final = Threshold(
    0.01, "share of predictions", "objective: 99 % within LATENCY_BOUND, as `forkcast simulate --slo-p99-ms 100` judges"
)
LATENCY_BOUND: Final = Threshold(
    0.1,
    "seconds",
    "what an ad auction waits for, and a bucket's bound both of Seldon's executor and of the graph server",
)
MIN_SPOILT: Final = Threshold(
    10,
    "predictions within the long window",
    "fewer have a relative error beyond 1/sqrt(10) = 32 %: a handful of failures at night is no rate",
)

SPLIT_TOLERANCE: Final = Threshold(
    0.02, "share of requests", "gateways take weights in whole percent; nobody splits finer"
)
SPLIT_DEVIATIONS: Final = Threshold(
    4,
    "standard deviations of a binomial share",
    "one window in 16,000 strays as far by chance, and it takes more than one",
)
SPLIT_MIN_REQUESTS: Final = Threshold(
    500, "requests to the deployment in 15 minutes", "below, a share of 1 % is 5 requests: no normal distribution"
)
SILENT_MIN_EXPECTED: Final = Threshold(
    20, "events expected in the window", "Poisson: none of 20 comes once in 500 million windows"
)
SHADOW_MIN_SHARE: Final = Threshold(
    0.99,
    "share of what it should see",
    "counters of two Pods, read at two moments within 15 minutes, differ by less than 1 %",
)
SHADOW_MIN_REQUESTS: Final = Threshold(
    1_000,
    "requests that it should see in 15 minutes",
    "1 % of them is then ten requests, beyond the rounding of a window's ends",
)

MIN_ROWS: Final = Threshold(
    1_000, "rows in an hour", "a share of 1 % has then a standard deviation of 0.3 points, 5 % one of 0.7"
)
OUTLIER_RATE: Final = Threshold(
    0.03, "share of rows", "three times what `forkcast fit-detector` calibrates for unless told otherwise (0.01)"
)
UNKNOWN_SHARE: Final = Threshold(
    0.05,
    "share of rows, by column",
    "5 % of the rows in a category that training had in 0.01 % make a PSI of 0.31 by themselves, beyond 0.2",
)
MISSING_CHANGE: Final = Threshold(
    0.1, "share of rows, by column, against the day before", "a tenth of the rows lost, or gained, a value overnight"
)
DRIFT_MIN_ALARMS: Final = Threshold(
    2,
    "alarms of one column",
    "one window in a hundred alarms by chance, for whatever column (model_server.drift); two hardly for the same one",
)
DRIFT_MIN_SHARE: Final = Threshold(
    0.5,
    "share of the windows",
    "where windows fill in seconds, two alarms a day are chance; drift is in most windows",
)

DRIFT_MIN_PSI: Final = Threshold(
    0.25,
    "population stability index",
    "customary: below 0.1 little, above 0.25 much (Siddiqi 2006, Credit Risk Scorecards); a new version of iOS that "
    "a tenth of the devices have is at 0.05 to 0.13 (docs/drift.md), and no reason to train anew",
)

CALIBRATION_LOWEST: Final = Threshold(
    0.8, "installs per promised install", "a bid that is a fifth too high loses its margin"
)
CALIBRATION_HIGHEST: Final = Threshold(
    1.25, "installs per promised install", "1 / 0.8: as far off in the other direction"
)
CALIBRATION_MIN_EXPECTED: Final = Threshold(
    400,
    "promised installs in a day",
    "Poisson: the ratio's standard deviation is 1/sqrt(400) = 0.05, and 0.8 four of them away",
)
BANDIT_MIN_CHOICES: Final = Threshold(
    1_000, "choices in an hour", "at the population's 2 % installs, or any reward for all, feedback would have come"
)
BANDIT_STATE_AGE: Final = Threshold(
    60, "seconds", "a worker reads the state twice a second and gives up a call after half a second (docs/routers.md)"
)

EVENTS_DROPPED: Final = Threshold(
    10, "events in 15 minutes", "a collector that is replaced may cost a few; from ten on the log has a hole"
)
MODEL_AGE: Final = Threshold(
    2_592_000,
    "seconds",
    "30 days: campaigns live for weeks, and the newest tenth of the rows judges a model in training",
)
TRAINING_DIFFERENCE: Final = Threshold(
    1e-6, "probability", "single precision has 6e-8 at 1, and sums of some hundred trees stay within ten times that"
)
UNSENT_SHARE: Final = Threshold(
    0.005, "share of planned requests", "`forkcast simulate` fails its own run below 99.5 % (traffic_sim.summary)"
)
SIMULATOR_LAG: Final = Threshold(0.05, "seconds, p99", "`max_lag_p99_seconds` of a scenario, unless it says otherwise")
