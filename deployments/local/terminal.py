"""What a runtime looks like in a terminal."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
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
    for heading in ("PREDICTOR", "TRAFFIC", "STATE", "REQUESTS", "RESTARTS", "PID", "REST/GRPC", "MODEL"):
        is_number = heading in {"TRAFFIC", "REQUESTS", "RESTARTS", "PID"}
        found.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    one_deployment = len(status["deployments"]) <= 1
    for each in status["predictors"]:
        ports = each["ports"]
        found.add_row(
            each["predictor"] if one_deployment else each["name"],
            f"{each['traffic_percent']} %" + (" copied" if each["shadow"] else ""),
            _condition(each),
            f"{each['requests']:,}",
            str(each["restarts"]),
            str(each["pid"] or "-"),
            f"{ports['http']}/{ports['grpc']}",
            _from_here(each["models"].values()),
        )
        for component in each["components"]:
            own = component["ports"]
            found.add_row(
                f"  {component['node']}",
                "",
                _condition(component),
                "",
                str(component["restarts"]),
                str(component["pid"] or "-"),
                f"{own['http']}/{own['grpc']}",
            )
    return found


def metrics(status: dict[str, Any]) -> list[str]:
    """Where each program's metrics are, a line each."""
    programs = [program for each in status["predictors"] for program in (each, *each["components"])]
    width = max((len(program["name"]) for program in programs), default=0)
    return [f"{program['name']:{width}}  {program['metrics']}" for program in programs]


def _condition(program: dict[str, Any]) -> Text:
    return Text(program["condition"], style=_CONDITIONS.get(program["condition"], ""))


def _from_here(paths: Iterable[str]) -> str:
    """Paths as one would type them in this folder."""
    here = Path.cwd()
    short = [str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path for path in paths]
    return "\n".join(short) or "-"
