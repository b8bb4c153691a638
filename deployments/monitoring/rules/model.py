"""What a rule is. An object that exists can be written into a rule file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

type Severity = Literal["page", "ticket", "info"]
"""page: users are hurt now; ticket: to be looked at within a day; info: beside a dashboard."""

RUNBOOK_URL: Final = "https://forkcast.example/docs/runbook.md"
"""Where docs/runbook.md can be read by whoever is paged; put your own repository's address here."""

PREDICTOR: Final = "{{ $labels.namespace }}/{{ $labels.deployment_name }}, {{ $labels.predictor_name }}"
"""Who it is about, as a summary begins."""

_RECORDED: Final = re.compile(r"[a-z_]+:[a-z_]+:[a-z0-9_]+")
_DURATION: Final = re.compile(r"[1-9][0-9]*[smhd]")


@dataclass(frozen=True)
class Recording:
    """`record` is level:metric:operations, as Prometheus' best practices have it."""

    record: str
    expr: str

    def __post_init__(self) -> None:
        """Errors: ValueError."""
        if not _RECORDED.fullmatch(self.record):
            raise ValueError(f"{self.record!r} is no name of a recording rule; level:metric:operations is accepted")


@dataclass(frozen=True)
class Alert:
    """`summary` is one line for a list, `description` what the figures are; both are templates of Prometheus."""

    name: str
    expr: str
    lasts: str
    """How long the expression must hold, such as 15m (`for`); 0m is at once."""
    severity: Severity
    summary: str
    description: str

    def __post_init__(self) -> None:
        """Errors: ValueError."""
        if self.lasts != "0m" and not _DURATION.fullmatch(self.lasts):
            raise ValueError(f"{self.name} must hold for {self.lasts!r}; a number and one of s, m, h, d is accepted")

    @property
    def runbook_url(self) -> str:
        """The alert's heading, whose anchor is its name in lower case (as GitHub and most others make it)."""
        return f"{RUNBOOK_URL}#{self.name.lower()}"


type Rule = Recording | Alert


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other, at one moment; each sees what those before it recorded."""

    name: str
    rules: tuple[Rule, ...]
    interval: str | None = None
    """How often; None is as often as the Prometheus is set to."""

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))
