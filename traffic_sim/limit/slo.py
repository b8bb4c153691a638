"""What a rate must keep to count as kept."""

from __future__ import annotations

from dataclasses import dataclass

from traffic_sim.results import Status
from traffic_sim.summary import Summary


@dataclass(frozen=True)
class Slo:
    p99_milliseconds: float
    """Of latency from the planned moment, so queues count."""
    errors_percent: float
    """Of the requests sent: at most."""
    sent_percent: float
    """Of the requests planned: at least."""

    def broken_by(self, summary: Summary) -> list[str]:
        """Every reason why a run did not keep it; none if it did."""
        metrics, reasons = summary.metrics, []
        p99, errors, sent = (metrics[name] for name in ("latency_p99_milliseconds", "error_ratio", "sent_ratio"))
        if summary.counts[Status.ANSWERED] == 0 or p99 is None:
            reasons.append("nothing was answered")
        elif p99 > self.p99_milliseconds:
            reasons.append(f"p99 {p99:,.1f} ms > {self.p99_milliseconds:g} ms")
        if errors is not None and errors * 100 > self.errors_percent:
            most = next(iter(summary.reasons), "")
            reasons.append(f"errors {errors:.2%} > {self.errors_percent:g} %, mostly `{most}`")
        if sent is None or sent * 100 < self.sent_percent:
            reasons.append(f"sent {sent or 0:.2%} < {self.sent_percent:g} % of the plan")
        if summary.generator_problem is not None:
            reasons.append("the simulator did not keep its schedule")
        return reasons

    def __str__(self) -> str:
        return (
            f"p99 <= {self.p99_milliseconds:g} ms from the plan, errors <= {self.errors_percent:g} %, "
            f"sent >= {self.sent_percent:g} %"
        )
