"""All that is known of a run, counted as results come in: `add` each, `close` once. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from traffic_sim.columns import Columns
from traffic_sim.latency import Durations
from traffic_sim.results import UNKNOWN_PREDICTOR, Feedback, Prediction, Status
from traffic_sim.series import Series

LATE_SECONDS: Final = 0.05
"""A request that left later than this after its plan was late. A twentieth of a second is the gap that 20 requests a
second leave: below it, the shape of the traffic is kept."""
MIN_SENT_RATIO: Final = 0.995
"""Below it a run did not offer the load it was asked to. Tighter than the 0.99 that k6's users commonly ask of dropped
iterations, since the plan here is bounded by one machine."""
COUNTED_AT_ONCE: Final = 500
"""Results. A tenth of a second of 5,000 requests a second, in half a millisecond."""
MAX_REASONS: Final = 20
"""Different reasons of failure that are kept; the rest is counted together."""
OTHER_REASONS: Final = "other reasons"


@dataclass
class PredictorTally:
    """What one predictor answered."""

    n_answered: int = 0
    n_rows: int = 0
    n_rows_in_time: int = 0
    """Of them, those answered while the run lasted: what rates are made of, lest a backlog worked off later count."""
    score_sum: float = 0.0
    n_outcomes: int = 0
    """Answers of which the world knows what came."""
    n_installs: int = 0
    n_feedback: int = 0
    """Feedback accepted on its answers."""
    feedback_reward_sum: int = 0
    latency: Durations = field(default_factory=Durations)
    """From the planned send, so corrected for coordinated omission; of good answers."""
    service: Durations = field(default_factory=Durations)
    """From the real send; of good answers."""


@dataclass(frozen=True)
class Summary:
    """A closed tally. `metrics` are those that thresholds may name; None where there was nothing to measure."""

    planned: int
    """Requests that were due while the run lasted."""
    counts: dict[Status, int]
    feedback_counts: dict[Status, int]
    late: int
    predictors: dict[str, PredictorTally]
    latency: Durations
    """From the planned send; of good answers and of those that timed out, which a server would else be rid of. A fast
    refusal is no fast answer, and is left out."""
    service: Durations
    """From the real send, of the same."""
    lag: Durations
    """From the planned send until a request was ready to leave: the generator's own."""
    waited: Durations
    """From then to the real send, of those that found no connection free: the target's doing, unless it could have
    answered more at once than there may be connections."""
    users_seen: int | None
    """Users of whom it is known who answered them; None where requests name nobody."""
    reasons: dict[str, int]
    feedback_reasons: dict[str, int]
    series: list[dict[str, Any]]
    metrics: dict[str, float | None]
    generator_problem: str | None
    """Why the run proves nothing about the target; None if it does."""

    @property
    def sent(self) -> int:
        return sum(n for status, n in self.counts.items() if status.was_sent)


class Listener(Protocol):
    """Hears all that an Accumulator counts, when it counts it."""

    def add(self, results: Columns) -> None: ...
    def add_feedback(self, result: Feedback) -> None: ...


class Accumulator:
    """Takes every result once."""

    def __init__(
        self,
        duration_seconds: float,
        rows_per_request: int,
        max_lag_p99_seconds: float,
        listener: Listener | None = None,
    ) -> None:
        self._listener = listener
        self._duration_seconds = duration_seconds
        self._rows_per_request = rows_per_request
        self._max_lag_p99_seconds = max_lag_p99_seconds
        self._uncounted: list[Prediction] = []
        self._counts: Counter[Status] = Counter()
        self.feedback_counts: Counter[Status] = Counter()
        self._series = Series()
        self._lag, self._waited = Durations(), Durations()
        self._late = 0
        self._predictors: defaultdict[str, PredictorTally] = defaultdict(PredictorTally)
        self._timed_out_latency, self._timed_out_service = Durations(), Durations()
        self._first_arms: dict[int, str] = {}
        self._inconsistent_users: set[int] = set()
        self._reasons: Counter[str] = Counter()
        self._feedback_reasons: Counter[str] = Counter()

    def add(self, result: Prediction | Feedback) -> None:
        if isinstance(result, Feedback):
            self._add_feedback(result)
            return
        self._uncounted.append(result)
        if len(self._uncounted) >= COUNTED_AT_ONCE:
            self._count()

    @property
    def counts(self) -> Counter[Status]:
        self._count()
        return self._counts

    @property
    def series(self) -> Series:
        self._count()
        return self._series

    def _count(self) -> None:
        """Count what has come in since, all at once: one at a time would take five times as long."""
        if not self._uncounted:
            return
        results, self._uncounted = Columns.of(self._uncounted), []
        self._counts.update(results.statuses)
        self._series.add(results)
        if self._listener is not None:
            self._listener.add(results)
        lag_seconds = results.lag[results.left]
        self._lag.add_all(lag_seconds)
        self._late += int((results.lateness[results.left] > LATE_SECONDS).sum())
        self._waited.add_all(results.waited[results.left & (results.waited > 0)])
        if results.failed.any():
            timed_out = results.having(Status.TIMED_OUT)
            self._timed_out_latency.add_all(results.latency[timed_out])
            self._timed_out_service.add_all(results.service[timed_out])
            for i in np.flatnonzero(results.failed).tolist():
                reason = f"{results.statuses[i].replace('_', ' ')}: {results.errors[i]}"
                _count_reason(self._reasons, reason)
        self._count_answers(results)

    def _count_answers(self, results: Columns) -> None:
        for name in set(results.predictors):
            by_it = np.fromiter((each == name for each in results.predictors), np.bool_, len(results))
            mine = by_it & results.answered
            if not mine.any():
                continue
            tally = self._predictors[name]
            n_rows, in_time = results.n_rows[mine], results.finished_at[mine] <= self._duration_seconds
            known = results.reward[mine & ~np.isnan(results.reward)]
            tally.n_answered += len(n_rows)
            tally.n_rows += int(n_rows.sum())
            tally.n_rows_in_time += int(n_rows[in_time].sum())
            tally.score_sum += float(results.score_sum[mine].sum())
            tally.latency.add_all(results.latency[mine])
            tally.service.add_all(results.service[mine])
            tally.n_outcomes += len(known)
            tally.n_installs += int(known.sum())
        if any(user is not None for user in results.users):
            for i in np.flatnonzero(results.answered).tolist():
                user = results.users[i]
                if user is not None:
                    self._add_user(user, results.predictors[i])

    def _add_user(self, user: int, arm: str) -> None:
        if arm != UNKNOWN_PREDICTOR and self._first_arms.setdefault(user, arm) != arm:
            self._inconsistent_users.add(user)

    def _add_feedback(self, result: Feedback) -> None:
        self.feedback_counts[result.status] += 1
        if self._listener is not None:
            self._listener.add_feedback(result)
        if result.status.is_error:
            _count_reason(self._feedback_reasons, f"{result.status.replace('_', ' ')}: {result.error}")
        if result.status is Status.ANSWERED:
            tally = self._predictors[result.predictor]
            tally.n_feedback += 1
            tally.feedback_reward_sum += result.reward

    def close(self, elapsed_seconds: float | None = None) -> Summary:
        """The summary; `elapsed_seconds` of sending if the run was cut short."""
        self._count()
        seconds = min(self._duration_seconds, elapsed_seconds or math.inf)
        latency, service = Durations(), Durations()
        for durations in (self._timed_out_latency, *(tally.latency for tally in self._predictors.values())):
            latency.merge(durations)
        for durations in (self._timed_out_service, *(tally.service for tally in self._predictors.values())):
            service.merge(durations)
        counts = {status: self.counts[status] for status in Status}
        feedback_counts = {status: self.feedback_counts[status] for status in Status}
        planned = sum(counts.values())
        return Summary(
            planned=planned,
            counts=counts,
            feedback_counts=feedback_counts,
            late=self._late,
            predictors=dict(sorted(self._predictors.items())),
            latency=latency,
            service=service,
            lag=self._lag,
            waited=self._waited,
            users_seen=len(self._first_arms) or None,
            reasons=dict(self._reasons.most_common()),
            feedback_reasons=dict(self._feedback_reasons.most_common()),
            series=self.series.close(),
            metrics=_metrics(
                counts,
                feedback_counts,
                latency,
                service,
                answered_records_per_second=sum(t.n_rows_in_time for t in self._predictors.values()) / seconds,
                inconsistent_users=len(self._inconsistent_users) if self._first_arms else None,
            ),
            generator_problem=_generator_problem(counts, planned, self._lag, self._max_lag_p99_seconds),
        )


def _metrics(
    counts: dict[Status, int],
    feedback_counts: dict[Status, int],
    latency: Durations,
    service: Durations,
    *,
    answered_records_per_second: float,
    inconsistent_users: int | None,
) -> dict[str, float | None]:
    sent = sum(n for status, n in counts.items() if status.was_sent) - counts[Status.ABANDONED]
    errors = sum(n for status, n in counts.items() if status.is_error)
    feedback_sent = (
        sum(n for status, n in feedback_counts.items() if status.was_sent) - feedback_counts[Status.ABANDONED]
    )
    feedback_errors = sum(n for status, n in feedback_counts.items() if status.is_error)
    planned = sum(counts.values())
    from_plan, from_send = latency.percentiles() or {}, service.percentiles() or {}
    return {
        "sent_ratio": (sent + counts[Status.ABANDONED]) / planned if planned else None,
        "error_ratio": errors / sent if sent else None,
        "latency_p50_milliseconds": from_plan.get("p50"),
        "latency_p95_milliseconds": from_plan.get("p95"),
        "latency_p99_milliseconds": from_plan.get("p99"),
        "service_p99_milliseconds": from_send.get("p99"),
        "answered_records_per_second": answered_records_per_second,
        "feedback_error_ratio": feedback_errors / feedback_sent if feedback_sent else None,
        "inconsistent_users": inconsistent_users,
    }


def _generator_problem(
    counts: dict[Status, int], planned: int, lag: Durations, max_lag_p99_seconds: float
) -> str | None:
    """What the generator did not manage. A request dropped because answers did not come is the target's doing."""
    if not planned:
        return "no request was due: raise the rate or the duration"
    due = planned - counts[Status.DROPPED]
    sent = due - counts[Status.UNSENT]
    lag_p99 = (lag.percentiles() or {}).get("p99", 0.0)
    if counts[Status.UNSENT] <= (1 - MIN_SENT_RATIO) * planned and lag_p99 <= max_lag_p99_seconds * 1_000:
        return None
    return (
        f"generator too slow: sent {sent:,} of {due:,} requests that were due, lag p99 {lag_p99:,.1f} ms (at most "
        f"{max_lag_p99_seconds * 1_000:g} ms); use fewer records/s or more rows per request, or a "
        "machine that is less busy"
    )


def _count_reason(reasons: Counter[str], reason: str) -> None:
    reasons[reason if reason in reasons or len(reasons) < MAX_REASONS else OTHER_REASONS] += 1
