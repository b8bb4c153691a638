"""What does the traffic simulator do, and is it the server or the simulator that falls behind?"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards import thresholds
from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.board import Board, Section
from deployments.monitoring.dashboards.panels import Panel, Query, time_series
from deployments.monitoring.dashboards.queries import (
    counter,
    live,
    or_zero,
    rate,
    ratio,
    requests,
    total,
)
from model_server import metric_names as names

SENT: Final = 'outcome!~"dropped|unsent"'
ANSWERED: Final = 'outcome="answered"'
ARM: Final = "{{predictor_name}}"
_LEVELS: Final = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
_PLANNED: Final = total(f"rate({counter(names.SIM_PLANNED)}[$__rate_interval])")
_BY_OUTCOME: Final = total(f"rate({counter(names.SIM_REQUESTS)}[$__rate_interval])", "outcome")


def board() -> Board:
    return Board(
        name="traffic-simulator",
        title="Forkcast / 6 Traffic simulator",
        question="What does `forkcast simulate` do, and who falls behind: the server or the simulator? The simulator "
        "knows nothing of namespaces and deployments: all simulators that this Prometheus scrapes are shown together. "
        "Only what predictors counted is of those chosen above.",
        sections=[
            Section("Requests", _requests()),
            Section("Time", _time()),
            Section("Feedback", _feedback()),
        ],
    )


def _requests() -> list[Panel]:
    asked = total(rate(counter(names.SIM_REQUESTS), SENT))
    answered = total(rate(counter(names.SIM_REQUESTS), ANSWERED))
    by_arm = total(rate(counter(names.SIM_REQUESTS), ANSWERED), "predictor_name")
    return [
        time_series(
            "Planned, sent, answered",
            About(
                "Requests per second that were due by the plan, that were sent and ended, that were answered well, "
                "and that the chosen predictors, shadows apart, counted.",
                "all four together, the plan's steps and waves included.",
                "sent below planned: the simulator, or too few connections. Answered below sent: see outcomes. "
                "Counted above answered: there are other clients; below: the gateway answers in the predictor's place.",
                see="overview",
            ),
            units.RequestsPerSecond,
            Query(_PLANNED, "planned"),
            Query(asked, "sent"),
            Query(or_zero(answered, asked), "answered"),
            Query(total(live(requests())), "counted by the predictors"),
        ),
        time_series(
            "Outcomes",
            About(
                "What became of the requests: answered; failed, refused or broken off; malformed, answered without a "
                "probability for each row; timed_out; abandoned, when the run was stopped; dropped and unsent, never "
                "sent.",
                "only answered.",
                "dropped: too many waited for answers, the server is too slow for this rate. unsent: the simulator "
                "had no time; its machine is full.",
                see="overview",
            ),
            units.RequestsPerSecond,
            Query(_BY_OUTCOME, "{{outcome}}"),
            stacked=True,
        ),
        time_series(
            "Records",
            About(
                "Impressions per second in the requests that were answered.",
                "requests times rows per request, as the scenario says.",
                "see outcomes.",
                see="experiment",
            ),
            units.RowsPerSecond,
            Query(total(f"rate({counter(names.SIM_RECORDS)}[$__rate_interval])"), "records"),
        ),
        time_series(
            "Answers by arm",
            About(
                "Answers per second by the arm that its response names, a predictor or a router's child.",
                "in the proportion of the weights.",
                "`unknown` has answers without that tag: something else than our model answered.",
                see="experiment",
            ),
            units.RequestsPerSecond,
            Query(by_arm, ARM),
            stacked=True,
        ),
    ]


def _time() -> list[Panel]:
    return [
        time_series(
            "Latency from the planned moment",
            About(
                "From the moment at which a request was due to its answer, as a user would see it. A stall shows in "
                "every request that it delayed.",
                "p99 below the line at 100 ms.",
                "if the predictors' own latency is low, time is lost before them: in the gateway, for want of "
                "connections, or in the simulator (lag).",
                see="overview",
            ),
            units.Seconds,
            *(Query(_quantile(level, names.SIM_LATENCY), name) for level, name in _LEVELS),
            steps=thresholds.LATENCY_SECONDS,
        ),
        time_series(
            "Generator lag",
            About(
                "How much later than planned the simulator itself was ready to send.",
                "p99 below a millisecond or two.",
                "above the line at 50 ms the run fails: it measures itself. Use a lower rate or another machine.",
            ),
            units.Seconds,
            *(Query(_quantile(level, names.SIM_LAG), name) for level, name in _LEVELS),
            steps=thresholds.GENERATOR_LAG_SECONDS,
        ),
        time_series(
            "In flight",
            About(
                "Requests that were sent and not answered yet.",
                "about the rate times latency in seconds.",
                "it grows without end: the server answers less than it is asked. At max_in_flight, requests are "
                "dropped.",
                see="serving-internals",
            ),
            units.Short,
            Query(total(names.SIM_IN_FLIGHT), "in flight"),
            width=24,
        ),
    ]


def _quantile(level: float, histogram: str) -> str:
    return f"histogram_quantile({level}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))"


def _feedback() -> list[Panel]:
    sent = total(f"rate({counter(names.SIM_FEEDBACK)}[$__rate_interval])", "predictor_name")
    reward = or_zero(total(f"rate({counter(names.SIM_REWARD)}[$__rate_interval])", "predictor_name"), sent)
    return [
        time_series(
            "Feedback by outcome",
            About(
                "Feedback messages per second, by what became of them.",
                "only answered; as many as the scenario says that outcomes become known.",
                "failed: does the predictor that answered still exist?",
                see="experiment",
            ),
            units.RequestsPerSecond,
            Query(total(f"rate({counter(names.SIM_FEEDBACK)}[$__rate_interval])", "outcome"), "{{outcome}}"),
            width=8,
            stacked=True,
        ),
        time_series(
            "Rewards sent",
            About(
                "Sum of the rewards per second, by the arm that had answered.",
                "steady, with the traffic.",
                "compare with what the servers credit.",
                see="experiment",
            ),
            units.CountsPerSecond,
            Query(reward, ARM),
            width=8,
        ),
        time_series(
            "Reward per feedback",
            About(
                "The mean reward that the simulated users gave each arm: in the ranked world the truth that an "
                "experiment has to find.",
                "the better model's line is higher.",
                "if the servers credit something else, feedback is lost on the way.",
                see="experiment",
            ),
            units.NoUnit,
            Query(ratio(reward, sent), ARM),
            width=8,
        ),
    ]
