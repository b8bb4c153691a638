"""One truth for all workers: each counts into files of its own, and whoever is asked adds all of them up.

prometheus_client keeps each number in such a file. Its files are called by process id unless told otherwise; here by
the worker's place, so a worker that takes another's place goes on counting where that one ended: nothing is lost, and
there are no more files after a thousand restarts than after none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from model_server.metric_vocabulary import VOCABULARY

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_MEANINGS: Final = {metric.name: metric.meaning for metric in VOCABULARY}
_writer = "parent"
_write_pending: Callable[[], None] | None = None


def keep_in(folder: Path) -> None:
    """Metrics that are made from now on, in this process and in its forks, are kept there."""
    os.environ[FOLDER_VARIABLE] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: _writer)  # type: ignore[no-untyped-call]


def write_as(place: int) -> None:
    """Count, in this process, which was just forked, for a place that nobody else counts for."""
    global _writer  # noqa: PLW0603 -- prometheus_client asks a function without arguments, before each write
    _writer = str(place)


def before_it_is_told(write_pending: Callable[[], None]) -> None:
    """What this process does with what it has counted and not written yet, when it is asked for the page."""
    global _write_pending  # noqa: PLW0603 -- of a process, as the files are
    _write_pending = write_pending


def forget_gauges_of(place: int) -> None:
    """A worker has ended: what it was busy with is no more. Its counters stay."""
    mark_process_dead(place)  # type: ignore[no-untyped-call]


class _Everybodys(Collector):
    """All that is in the files, which hold numbers and no words: what a metric means is the vocabulary's to say."""

    def collect(self) -> Iterable[Metric]:
        for metric in MultiProcessCollector(None).collect():  # type: ignore[no-untyped-call]
            metric.documentation = _MEANINGS.get(metric.name, "Told by a component.")
            yield metric


def exposition() -> tuple[bytes, str]:
    """All that all processes have counted, those that ended included, and other workers a moment ago; and its type."""
    if _write_pending is not None:
        _write_pending()
    registry = CollectorRegistry()
    registry.register(_Everybodys())
    return generate_latest(registry), CONTENT_TYPE_LATEST
