"""Dashboards -> the JSON that Grafana reads. Pure."""

from __future__ import annotations

import json
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deployments.monitoring.dashboards import (
    canary_and_shadow,
    experiment,
    model_inputs,
    overview,
    serving_internals,
    traffic_simulator,
)

BOARDS: Final = (
    overview.board,
    experiment.board,
    canary_and_shadow.board,
    model_inputs.board,
    serving_internals.board,
    traffic_simulator.board,
)


def dashboards() -> dict[str, str]:
    """File name -> JSON text that ends with a newline; the same text each time."""
    boards = [board() for board in BOARDS]
    return {f"{board.name}.json": _text(board.dashboard()) for board in boards}


def _text(dashboard: object) -> str:
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
