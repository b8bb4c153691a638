"""A run as tables for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from traffic_sim.drift import DRIFTS
from traffic_sim.latency import Durations
from traffic_sim.results import Status
from traffic_sim.senders import target_of
from traffic_sim.simulate import Run
from traffic_sim.summary import PredictorTally, Summary

BUSY_CORES: Final = 0.85
"""CPU of one sending process beyond which its own timing is in doubt; Locust warns at 90 %."""
WAITED_SHARE: Final = 0.01
"""Requests that found no connection free are spoken of from here on: below, they move no p99."""


def show(run: Run, console: Console) -> None:
    console.print(Group(_heading(run), _predictors(run), _totals(run), *_reasons(run), *_notes(run), *_verdicts(run)))


def _heading(run: Run) -> RenderableType:
    scenario = run.scenario
    seeds = "  ".join(f"{name} {seed}" for name, seed in scenario.seeds.model_dump().items())
    return Text(
        f"\n{scenario.world} world -> {target_of(scenario)} over {scenario.transport}: "
        f"{scenario.rate_records_per_second:,g} records/s in requests of {scenario.rows_per_request} "
        f"({scenario.rate_requests_per_second:,g} requests/s), {scenario.arrivals} arrivals, "
        f"{scenario.duration_seconds:g} s\nseeds: {seeds}\n"
    )


def _predictors(run: Run) -> Table:
    summary = run.summary
    table = Table(title="Good answers, by predictor or arm", title_justify="left")
    table.add_column("predictor")
    for name in (
        "share",
        "requests",
        "records/s",
        "from the plan\np50 / p95 / p99 ms",
        "from the send\np50 / p95 / p99 ms",
    ):
        table.add_column(name, justify="right")
    table.add_column("mean\nscore", justify="right")
    table.add_column("installed\nof shown", justify="right")
    table.add_column("rewards of\nfeedback", justify="right")
    seconds = min(run.scenario.duration_seconds, max(run.effort.elapsed_seconds, 1e-9))
    answered = summary.counts[Status.ANSWERED]
    for name, tally in summary.predictors.items():
        table.add_row(
            name,
            f"{tally.n_answered / answered:.1%}" if answered else "-",
            f"{tally.n_answered:,}",
            f"{tally.n_rows_in_time / seconds:,.0f}",
            _quantiles(tally.latency),
            _quantiles(tally.service),
            f"{tally.score_sum / tally.n_rows:.4f}" if tally.n_rows else "-",
            _installed(tally),
            f"{tally.feedback_reward_sum:,} of {tally.n_feedback:,}",
        )
    if len(summary.predictors) != 1 or summary.counts[Status.TIMED_OUT]:
        table.add_section()
        table.add_row(
            "all, with timeouts" if summary.counts[Status.TIMED_OUT] else "all",
            "",
            f"{answered + summary.counts[Status.TIMED_OUT]:,}",
            f"{sum(tally.n_rows_in_time for tally in summary.predictors.values()) / seconds:,.0f}",
            _quantiles(summary.latency),
            _quantiles(summary.service),
        )
    return table


def _totals(run: Run) -> Table:
    summary = run.summary
    table = Table(title="Requests and feedback", title_justify="left")
    table.add_column("")
    names = (
        "planned",
        "sent",
        "answered",
        "failed",
        "malformed",
        "timed out",
        "abandoned",
        "dropped",
        "unsent",
        "late",
    )
    for name in names:
        table.add_column(name, justify="right")
    rows = (("predictions", summary.counts, f"{summary.late:,}"), ("feedback", summary.feedback_counts, ""))
    for what, counts, late in rows:
        sent = sum(n for status, n in counts.items() if status.was_sent)
        table.add_row(what, f"{sum(counts.values()):,}", f"{sent:,}", *(f"{counts[s]:,}" for s in Status), late)
    return table


def _reasons(run: Run) -> list[RenderableType]:
    tables: list[RenderableType] = []
    both = (("predictions", run.summary.reasons), ("feedback", run.summary.feedback_reasons))
    for what, reasons in both:
        if reasons:
            table = Table("times", "reason", title=f"Errors of {what}", title_justify="left")
            for reason, times in reasons.items():
                table.add_row(f"{times:,}", Text(reason))
            tables.append(table)
    return tables


def _notes(run: Run) -> list[Text]:
    scenario, summary, effort = run.scenario, run.summary, run.effort
    lag = summary.lag.percentiles() or {}
    cores = effort.cpu_seconds / effort.elapsed_seconds if effort.elapsed_seconds else 0.0
    shown = "  ".join(f"{name} {lag[name]:.2f} ms" for name in ("p50", "p99", "max") if name in lag)
    notes = [
        Text(
            f"generator: lag {shown or '-'}; CPU {cores:.2f} cores in {effort.n_processes} "
            f"process{'es' if effort.n_processes > 1 else ''}"
        )
    ]
    if cores / effort.n_processes > BUSY_CORES:
        notes.append(
            Text(f"the generator is busy beyond {BUSY_CORES:.0%} of a core a process: its timing is in doubt", "yellow")
        )
    if scenario.n_users is not None:
        notes.append(_users(summary))
    if not run.knows_outcomes:
        notes.append(Text("no feedback was sent: neither a truth file nor an install column says what came of a row"))
    elif scenario.feedback_ratio < 1:
        notes.append(Text(f"feedback was sent on {scenario.feedback_ratio:.1%} of the answers, chosen by its seed"))
    planted = ", ".join(f"{rate:.2%} {kind}" for kind, rate in scenario.outliers.items() if rate)
    if planted:
        notes.append(Text(f"outliers among what was sent: {planted}"))
    if scenario.drift:
        drifted = ", ".join(f"{kind} ({DRIFTS[kind].shown(value)})" for kind, value in scenario.drift.items())
        notes.append(Text(f"drift from second {scenario.drift_after_seconds:g} on: {drifted}"))
    waits = summary.waited.percentiles()
    if waits is not None and len(summary.waited) > WAITED_SHARE * summary.planned:
        notes.append(
            Text(
                f"{len(summary.waited):,} requests waited for one of {scenario.max_connections} connections, p99 "
                f"{waits['p99']:.1f} ms, which counts from the plan; if the target can take more at once, raise "
                "--connections",
                "yellow",
            )
        )
    if summary.counts[Status.DROPPED]:
        notes.append(
            Text(
                f"{summary.counts[Status.DROPPED]:,} requests were dropped: {scenario.max_in_flight:,} others were "
                "waiting for the target's answers, or no connection was free in time",
                "yellow",
            )
        )
    return notes


def _users(summary: Summary) -> Text:
    inconsistent = summary.metrics["inconsistent_users"]
    if summary.users_seen is None or inconsistent is None:
        return Text("nothing tells who answered whom: the answers carry neither an arm nor a predictor", "yellow")
    return Text(
        f"users: {summary.users_seen:,} were answered, {inconsistent:,} of them by more than one arm "
        "(inconsistent_users)"
    )


def _verdicts(run: Run) -> list[Text]:
    lines = [Text("")]
    for verdict in run.verdicts:
        seen = "nothing measured" if verdict.seen is None else f"{verdict.seen:.4g}"
        word, style = {True: ("pass", "green"), False: ("FAIL", "red"), None: ("????", "yellow")}[verdict.holds]
        lines.append(Text.assemble((word, style), f"  {verdict.threshold}  ({seen})"))
    if run.summary.generator_problem is not None:
        lines.append(Text(run.summary.generator_problem, "bold red"))
    if run.was_interrupted:
        lines.append(Text("interrupted: this is what was done until then", "bold yellow"))
    return lines


def _quantiles(durations: Durations) -> str:
    found: Mapping[str, float] | None = durations.percentiles()
    return "-" if found is None else " / ".join(_three_digits(found[name]) for name in ("p50", "p95", "p99"))


def _three_digits(milliseconds: float) -> str:
    """No more than the histogram knows: 0.52, 5.2, 52, 520."""
    return f"{milliseconds:.{max(0, min(2, 1 - math.floor(math.log10(max(milliseconds, 0.01)))))}f}"


def _installed(tally: PredictorTally) -> str:
    if not tally.n_outcomes:
        return "-"
    return f"{tally.n_installs:,} / {tally.n_outcomes:,} = {tally.n_installs / tally.n_outcomes:.2%}"
