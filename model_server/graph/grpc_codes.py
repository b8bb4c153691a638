"""gRPC's status codes in the words of Go, which are what Seldon's executor writes into its metrics."""

from __future__ import annotations

from typing import Final

_GO_SPELLS: Final = {"OK": "OK", "CANCELLED": "Canceled"}


def go_name(code: str) -> str:
    """DEADLINE_EXCEEDED -> DeadlineExceeded."""
    return _GO_SPELLS.get(code) or "".join(word.capitalize() for word in code.split("_"))
