"""What is wrong with a file, said all at once: each kind of problem with its column, how often, where first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model_server.errors import CallersFault
from model_server.impressions.findings import shown

MAX_EXAMPLES: Final = 5
"""Lines spelled out for each kind of problem; the others are counted."""


@dataclass(frozen=True)
class Problem:
    """One kind of problem of one column, or of whole lines.

    `lines` are all lines that have it, ascending, the header being line 1; empty where the whole file is meant.
    `examples` are the values at the first of them, None where a line number says enough.
    """

    message: str
    column: str | None = None
    lines: tuple[int, ...] = ()
    examples: tuple[str | None, ...] = ()

    def __str__(self) -> str:
        what = self.message if self.column is None else f"{self.column}: {self.message}"
        if not self.lines:
            return what
        examples = (*self.examples[:MAX_EXAMPLES], *[None] * MAX_EXAMPLES)
        places = ", ".join(
            str(line) if value is None else f"{line} ({shown(value)})"
            for line, value in zip(self.lines[:MAX_EXAMPLES], examples, strict=False)
        )
        first = "first at" if len(self.lines) > MAX_EXAMPLES else "at"
        return f"{what}: {counted(len(self.lines), 'line')}, {first} line {places}"


class InvalidFile(CallersFault):
    """The file does not hold what it should; `problems` says why, all of it, and nothing was taken from the file."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        if not problems:
            raise ValueError("InvalidFile needs at least one problem")
        lines = {line for problem in problems for line in problem.lines}
        where = f" in {counted(len(lines), 'line')}" if lines else ""
        head = f"{path}: {counted(len(problems), 'kind')} of problem{where}"
        super().__init__("\n  ".join([head, *map(str, problems)]))
        self.path = path
        self.problems = tuple(problems)


def counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
