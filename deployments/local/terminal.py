"""What a runtime looks like in a terminal."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

RUNTIME: Final = "forkcast"
_STYLES: Final = ("cyan", "magenta", "yellow", "blue", "bright_cyan", "bright_magenta")
_CONDITIONS: Final = {"ready": "green", "starting": "yellow", "failed": "red", "stopped": "dim"}


class Terminal:
    """Lines of several programs, each with the program's name before it, in a colour that stays its own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = len(RUNTIME)

    def say(self, text: str) -> None:
        for line in text.splitlines():
            self._print(RUNTIME, line, "bold green")

    def line(self, name: str, line: str) -> None:
        self._print(name, line, _STYLES[zlib.crc32(name.encode()) % len(_STYLES)])

    def _print(self, name: str, line: str, style: str) -> None:
        self._width = max(self._width, len(name))
        self._console.print(
            Text(f"{name:>{self._width}} | ", style=style) + Text(line, style="default"), soft_wrap=True
        )


def table(status: dict[str, Any]) -> Table:
    """The programs of a runtime's status, narrow enough for 80 characters; `status --json` has the rest."""
    found = Table(box=None, pad_edge=False)
    for heading in ("PREDICTOR", "TRAFFIC", "STATE", "REQUESTS", "RESTARTS", "PID", "REST/GRPC"):
        is_number = heading in {"TRAFFIC", "REQUESTS", "RESTARTS", "PID"}
        found.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for name, program in _programs(status):
        is_predictor = "requests" in program
        ports = program["ports"]
        found.add_row(
            name,
            f"{program['traffic_percent']} %" + (" copied" if program["shadow"] else "") if is_predictor else "",
            Text(program["condition"], style=_CONDITIONS.get(program["condition"], "")),
            f"{program['requests']:,}" if is_predictor else "",
            str(program["restarts"]),
            str(program["pid"] or "-"),
            f"{ports['http']}/{ports['grpc']}",
        )
    return found


def places(status: dict[str, Any]) -> Table:
    """Where each program's metrics are, and each predictor's models."""
    found = Table("PREDICTOR", "METRICS", "MODELS", box=None, pad_edge=False)
    for name, program in _programs(status):
        found.add_row(name, program["metrics"], "\n".join(map(_from_here, program.get("models", {}).values())))
    return found


def _programs(status: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each program by its name in a table: a predictor's graph server, and indented the wrappers that it calls."""
    one_deployment = len(status["deployments"]) <= 1
    for predictor in status["predictors"]:
        yield predictor["predictor"] if one_deployment else predictor["name"], predictor
        for component in predictor["components"]:
            yield f"  {component['node']}", component


def _from_here(path: str) -> str:
    """A path as one would type it in this folder."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
