"""The line a second."""

import io

from rich.console import Console

from traffic_sim.progress import Progress, progress_line
from traffic_sim.results import Prediction, Status
from traffic_sim.summary import Accumulator


def some_results():
    accumulator = Accumulator(30, 10, 0.05)
    for i in range(1_000):
        accumulator.add(Prediction(i / 500, i / 500 + 0.001, i / 500 + 0.004, Status.ANSWERED, 10))
    accumulator.add(Prediction(1.5, 1.5, 1.6, Status.FAILED, 10, error="HTTP 500"))
    accumulator.add(Prediction(1.5, float("nan"), 1.5, Status.DROPPED, 10))
    return accumulator


def test_a_line_says_what_was_done_and_how_the_last_whole_second_went():
    line = progress_line(2.2, 30, some_results())
    for part in ("2.2 of 30 s", "done 1,001", "answered 1,000", "errors 1", "now 500/s", "p99 4.0 ms", "dropped 1"):
        assert part in line
    assert "lag p99 1.0 ms" in line


def test_a_log_gets_a_line_a_second_and_a_terminal_one_that_changes():
    log, terminal = io.StringIO(), io.StringIO()
    for file, is_terminal in ((log, False), (terminal, True)):
        progress = Progress(Console(file=file, force_terminal=is_terminal, width=200), 30)
        progress.tell(1.2, some_results())
        progress.tell(2.2, some_results())
        progress.close()
    assert log.getvalue().count("\n") == 2
    assert "\x1b" not in log.getvalue()
    assert "\x1b[2K" in terminal.getvalue()  # the line is erased, not added to
