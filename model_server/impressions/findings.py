"""What is wrong with impressions, said all at once: each finding with its row, its column, and what is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from model_server.errors import CallersFault

MAX_FINDINGS_SHOWN: Final = 20
"""Findings spelled out in a message; the rest is counted, so that 10,000 bad rows do not answer with a megabyte."""


@dataclass(frozen=True, slots=True)  # bad rows can be many
class Finding:
    """One thing that is wrong. `row` counts from 0 in a request; None where the whole request or column is meant."""

    message: str
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                None if self.row is None else f"row {self.row}",
                None if self.column is None else f"column {self.column}",
            )
            if part
        )
        return f"{place}: {self.message}" if place else self.message


class InvalidImpressions(CallersFault):
    """The rows are not impressions; `findings` says why, in order of column and row."""

    def __init__(self, findings: list[Finding]) -> None:
        if not findings:
            raise ValueError("InvalidImpressions needs at least one finding")
        shown = "; ".join(map(str, findings[:MAX_FINDINGS_SHOWN]))
        more = len(findings) - MAX_FINDINGS_SHOWN
        super().__init__(f"{shown}; and {more} more findings" if more > 0 else shown)
        self.findings = tuple(findings)


def shown(value: Any) -> str:
    """A value as it stands in the input, cut short."""
    text = "null" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
    return cut(text)


def cut(text: str) -> str:
    """At most 60 characters of a text from the input: what was a megabyte there must not be one in an answer."""
    return text if len(text) <= 60 else f"{text[:57]}..."
