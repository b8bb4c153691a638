"""The processes of a run, found again by the mark in their environment, and ended.

Every program of a run inherits FORKCAST_RUN=<run>@<state folder>, and so do all that it starts, also those that left
its process group or lost their parent. A foreign process is never touched: it has no mark, and psutil compares a
process's start time before it signals, so that a pid that was given out again is not taken for the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "FORKCAST_RUN"


def mark(state: Path, run: str) -> dict[str, str]:
    """The variables that mark a program of a run."""
    # A program that renames itself with setproctitle (gunicorn does) would otherwise write over its environment.
    return {MARK: f"{run}@{state}", "SPT_NOENV": "1"}


def processes_of(state: Path, run: str | None = None) -> list[psutil.Process]:
    """Every living process of one run, or of all runs, of a state folder; never the caller itself."""
    found = []
    for process in psutil.process_iter():
        try:
            value = process.environ().get(MARK, "")
            ended = process.status() == psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue
        its_run, _, its_state = value.partition("@")
        if its_state == str(state) and run in {None, its_run} and not ended and process.pid != psutil.Process().pid:
            found.append(process)
    return found


def end_processes_of(state: Path, run: str | None = None, grace_seconds: float = 3.0) -> list[str]:
    """End them all, asking first; what was ended, as `name (pid N)`."""
    ended: dict[int, str] = {}
    for _ in range(5):  # one of them may start another while it is being ended
        processes = processes_of(state, run)
        if not processes:
            break
        ended |= {process.pid: f"{_name(process)} (pid {process.pid})" for process in processes}
        _signal(processes, kill=False)
        _, stubborn = psutil.wait_procs(processes, timeout=grace_seconds)
        _signal(stubborn, kill=True)
        psutil.wait_procs(stubborn, timeout=grace_seconds)
    return list(ended.values())


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "a process"


def _signal(processes: Sequence[psutil.Process], *, kill: bool) -> None:
    for process in processes:
        try:
            if kill:
                process.kill()
            else:
                process.terminate()
        except psutil.Error:
            continue
