"""A run as JSON for programs: all that the tables show, and what is needed to run it again."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from traffic_sim.drift import DRIFTS
from traffic_sim.errors import CallersFault
from traffic_sim.latency import Durations
from traffic_sim.simulate import Run
from traffic_sim.summary import PredictorTally

FORMAT: Final = "forkcast-simulation/1"
_PACKAGES: Final = ("forkcast", "aiohttp", "grpcio", "numpy", "protobuf", "seldon-core")


def record_of(run: Run, finished_at: datetime) -> dict[str, Any]:
    summary = run.summary
    return {
        "format": FORMAT,
        "started_at": None if run.started_at is None else _iso(run.started_at),
        "finished_at": finished_at.astimezone(UTC).isoformat(timespec="seconds"),
        "exit_code": run.exit_code,
        "was_interrupted": run.was_interrupted,
        "generator_problem": summary.generator_problem,
        "thresholds": [
            {"threshold": str(verdict.threshold), "seen": verdict.seen, "holds": verdict.holds}
            for verdict in run.verdicts
        ],
        "drift": _drift(run),
        "scenario": run.scenario.model_dump(mode="json"),
        "metrics": summary.metrics,
        "requests": {
            "planned": summary.planned,
            "sent": summary.sent,
            "late": summary.late,
            **summary.counts,
            "reasons": summary.reasons,
        },
        "feedback": {**summary.feedback_counts, "reasons": summary.feedback_reasons},
        "knows_outcomes": run.knows_outcomes,
        "users_seen": summary.users_seen,
        "predictors": {name: _tally(tally) for name, tally in summary.predictors.items()},
        "latency": _durations(summary.latency),
        "service": _durations(summary.service),
        "generator": {**asdict(run.effort), "lag": _durations(summary.lag)},
        "waited_for_a_connection": _durations(summary.waited),
        "series": summary.series,
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "versions": {name: _version(name) for name in _PACKAGES},
    }


class NotWritable(CallersFault):
    """The record cannot be written where it is wanted."""


def check_writable(path: Path) -> None:
    """Errors: NotWritable. Asked before a run, not after it."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise NotWritable(f"--json {path}: a file in an existing folder that can be written to is expected")


def write_record(record: dict[str, Any], path: Path) -> None:
    """Write all of it or nothing: a reader never sees half a file."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            json.dump(record, file, indent=2, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _drift(run: Run) -> list[dict[str, Any]]:
    """What was injected and when, to hold an alarm against; `began_at` is None where the run ended before."""
    after_seconds = run.scenario.drift_after_seconds
    began_at = None
    if run.started_at is not None and run.effort.elapsed_seconds >= after_seconds:
        began_at = _iso(run.started_at + after_seconds)
    return [
        {
            "kind": kind,
            "column": DRIFTS[kind].column,
            "value": value,
            "after_seconds": after_seconds,
            "began_at": began_at,
        }
        for kind, value in run.scenario.drift.items()
    ]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _tally(tally: PredictorTally) -> dict[str, Any]:
    return {
        "answered": tally.n_answered,
        "rows": tally.n_rows,
        "mean_score": tally.score_sum / tally.n_rows if tally.n_rows else None,
        "outcomes": tally.n_outcomes,
        "installs": tally.n_installs,
        "feedback": tally.n_feedback,
        "feedback_reward_sum": tally.feedback_reward_sum,
        "latency": _durations(tally.latency),
        "service": _durations(tally.service),
    }


def _durations(durations: Durations) -> dict[str, Any]:
    return {
        "count": len(durations),
        "milliseconds": durations.percentiles(),
        "hdr_histogram_microseconds": durations.encoded(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
