"""What a runtime looks like in a terminal."""

from __future__ import annotations

import zlib
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
    """The predictors of a runtime's status."""
    found = Table(box=None, pad_edge=False)
    for heading in (
        "PREDICTOR",
        "TRAFFIC",
        "CONDITION",
        "REQUESTS",
        "RESTARTS",
        "PID",
        "REST",
        "GRPC",
        "METRICS",
        "MODEL",
    ):
        is_number = heading in {"TRAFFIC", "REQUESTS", "RESTARTS", "PID"}
        found.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for each in status["predictors"]:
        ports = each["ports"]
        found.add_row(
            each["name"],
            f"{each['traffic_percent']} %" + (" copied" if each["shadow"] else ""),
            Text(each["condition"], style=_CONDITIONS.get(each["condition"], "")),
            str(each["requests"]),
            str(each["restarts"]),
            str(each["pid"] or "-"),
            *(str(ports[kind]) for kind in ("http", "grpc", "metrics")),
            each["model"] or "-",
        )
    return found
