"""A line a second about a run that goes on, to people who wait for it."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.text import Text

from traffic_sim.results import Status
from traffic_sim.summary import Accumulator


class Progress:
    """On a terminal one line that changes; elsewhere (a log, a pipe) a line for each second."""

    def __init__(self, console: Console, duration_seconds: float) -> None:
        self._console = console
        self._duration_seconds = duration_seconds
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(Text("warming up"), console=console, auto_refresh=False, transient=True)
            self._live.start()

    def tell(self, elapsed_seconds: float, accumulator: Accumulator) -> None:
        line = progress_line(elapsed_seconds, self._duration_seconds, accumulator)
        if self._live is not None:
            self._live.update(Text(line), refresh=True)
        else:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()


def progress_line(elapsed_seconds: float, duration_seconds: float, accumulator: Accumulator) -> str:
    """What was done so far, and the last whole second by itself."""
    counts = accumulator.counts
    now = accumulator.series.at(max(0, int(elapsed_seconds) - 1))
    errors = sum(n for status, n in counts.items() if status.is_error)
    known = sum(n for status, n in counts.items() if status.was_sent)
    p99, lag_p99 = now.latency_p99_milliseconds(), now.lag_p99_milliseconds()
    parts = [
        f"{elapsed_seconds:5.1f} of {duration_seconds:g} s",
        f"done {known:,}",
        f"answered {counts[Status.ANSWERED]:,}",
        f"errors {errors:,}",
        f"now {now.answered:,}/s",
        "p99 -" if p99 is None else f"p99 {p99:.1f} ms",
        "lag p99 -" if lag_p99 is None else f"lag p99 {lag_p99:.1f} ms",
    ]
    if counts[Status.DROPPED]:
        parts.append(f"dropped {counts[Status.DROPPED]:,}")
    return "  ".join(parts)
