"""What is counted in bulk is what prometheus_client would have counted one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, Histogram, Summary, generate_latest

from model_server.graph.observed_in_bulk import Level, Observed, Pending, at_once, write_together

BOUNDS = (1 / 1024, 1 / 128, 1 / 8, 1)  # all numbers here are binary fractions: their sums are exact
SECONDS = st.sampled_from([*BOUNDS, 0.0]) | st.integers(0, 8_000).map(lambda eighths: eighths / 4096)  # sums are exact


class Turn:
    """The work for the next turn of a loop."""

    def __init__(self):
        self.work = []

    def __call__(self, work):
        self.work.append(work)

    def comes(self):
        work, self.work = self.work, []
        for each in work:
            each()


def made():
    registry = CollectorRegistry()
    histogram = Histogram("asked", "told", ("of",), registry=registry, buckets=BOUNDS)
    return registry, histogram, Summary("asked_summary", "told", ("of",), registry=registry)


def told(registry):
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(st.tuples(st.sampled_from("ab"), SECONDS) | st.none()), st.booleans())
def test_bulk_counts_are_those_of_observe(observed, has_turns):
    registry, histogram, summary = made()
    one_by_one, *both = made()
    turn = Turn()
    durations = Observed(histogram, summary, BOUNDS, Pending(turn if has_turns else at_once))
    for each in [*observed, None]:
        if each is None:
            turn.comes()
        else:
            durations.add((each[0],), each[1])
            for metric in both:
                metric.labels(each[0]).observe(each[1])
    assert told(registry) == told(one_by_one)


@pytest.mark.parametrize("changes", [(), (1,), (1, -1), (1, 1, -1, 1, -1, -1)])
def test_a_level_is_written_where_it_stays(changes):
    registry = CollectorRegistry()
    turn = Turn()
    level = Level(Gauge("level", "told", registry=registry), Pending(turn))
    for change in changes:
        level.add(change)
    turn.comes()
    assert registry.get_sample_value("level") == sum(changes)
    level.add(5)
    turn.comes()
    assert registry.get_sample_value("level") == sum(changes) + 5


def test_without_a_turn_nothing_is_written_and_one_turn_is_asked_for():
    registry, histogram, summary = made()
    turn = Turn()
    durations = Observed(histogram, summary, BOUNDS, Pending(turn))
    for _ in range(3):
        durations.add(("a",), 0.5)
    assert registry.get_sample_value("asked_summary_count", {"of": "a"}) == 0
    assert len(turn.work) == 1
    turn.comes()
    assert registry.get_sample_value("asked_summary_count", {"of": "a"}) == 3


def test_what_cannot_be_written_keeps_nothing_else_from_it_and_is_counted_again_later(caplog):
    registry, histogram, summary = made()
    turn = Turn()
    pending = Pending(turn)
    durations = Observed(histogram, summary, BOUNDS, pending)
    full_disk = iter([OSError("no space left on device")])

    def fails_once():
        for error in full_disk:
            raise error

    pending.add(fails_once)
    durations.add(("a",), 0.5)
    turn.comes()
    assert "no space left" in caplog.text
    durations.add(("a",), 0.5)
    turn.comes()
    assert registry.get_sample_value("asked_summary_count", {"of": "a"}) == 2


@pytest.mark.parametrize(("counts", "total"), [([1] * 4, 1.0), ([1, 1, 1, 1, -1], 1.0), ([1] * 5, float("nan"))])
def test_counts_that_are_none_are_refused_before_any_is_written(counts, total):
    registry, histogram, _ = made()
    with pytest.raises(ValueError, match="counts for 5 buckets"):
        write_together(histogram.labels("a"), counts, total)
    assert registry.get_sample_value("asked_count", {"of": "a"}) == 0
