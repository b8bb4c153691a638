"""What can be wrong with what training kept."""

from __future__ import annotations

from model_server.errors import OursToMend


class InvalidRecord(OursToMend):
    """It is not what training writes."""
