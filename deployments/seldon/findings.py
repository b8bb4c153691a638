"""What is wrong with a SeldonDeployment: each finding with its place in the file and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from deployments.errors import CallersFault

_GO_ESCAPES: Final = dict(zip('"\\\a\b\f\n\r\t\v', ('\\"', *(f"\\{c}" for c in "\\abfnrtv")), strict=True))

type Place = tuple[str | int, ...]
"""The way to a node of the document, such as ("spec", "predictors", 0, "traffic")."""


class RefusedBy(StrEnum):
    SCHEMA = "schema"
    """A cluster's API server, by the CRD."""
    WEBHOOK = "webhook"
    """Seldon's admission webhook."""
    OPERATOR = "operator"
    """Admission lets it pass, and then Seldon's operator, or what it asks of the API server, fails: nothing runs."""
    FORKCAST = "forkcast"
    """Us alone: a cluster takes it and runs it, without a part of it or not so that it works."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `path` and `message` are Seldon's own where Seldon refuses too; `place` is the node to look at, for Seldon's paths
    skip `children` and often stop at `spec`. `line` counts from 1; None where the document has no lines.
    """

    path: str
    message: str
    place: Place = ()
    advice: str = ""
    refused_by: RefusedBy = RefusedBy.WEBHOOK
    source: str = ""
    line: int | None = None
    origin: str = ""
    """The file and line of an overlay that the place comes from, where `source` is what it renders to."""

    @property
    def where(self) -> str:
        """The line to mend."""
        return self.origin or (self.source if self.line is None else f"{self.source}:{self.line}")

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.where, self.path, self.message) if part)
        return f"{text}; {self.advice}" if self.advice else text


@dataclass(frozen=True)
class Warned:
    """What a cluster takes, and does otherwise than its author may think or than this machine does."""

    message: str
    place: Place
    advice: str
    source: str = ""
    line: int | None = None
    origin: str = ""
    is_refused_here: bool = False
    """Whether this machine does not run it."""

    @property
    def path(self) -> str:
        return written(self.place)

    @property
    def where(self) -> str:
        """The line to mend."""
        return self.origin or (self.source if self.line is None else f"{self.source}:{self.line}")


def invalid(path: str, value: str | None, message: str, place: Place, advice: str = "") -> Finding:
    """A finding in the webhook's words, which show the value; an absent one counts as empty."""
    return Finding(path, f"Invalid value: {go_quoted(value or '')}: {message}", place, advice)


class InvalidDeployment(CallersFault):
    """The document is no SeldonDeployment that would run; `findings` says why, in order."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        if not findings:
            raise ValueError("InvalidDeployment needs at least one finding")
        super().__init__("\n".join(map(str, findings)))
        self.findings = tuple(findings)


def written(place: Place) -> str:
    """A place as Kubernetes writes it: spec.predictors[0].traffic."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def go_quoted(text: str) -> str:
    """A text in quotes as Go's %q writes it, and so as Kubernetes' messages show a value."""

    def escaped(character: str) -> str:
        code = ord(character)
        if character in _GO_ESCAPES:
            return _GO_ESCAPES[character]
        if character.isprintable():
            return character
        return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return '"' + "".join(map(escaped, text)) + '"'
