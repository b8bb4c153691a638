"""The committed dashboards, and what tests want of them."""

from __future__ import annotations

import json
from pathlib import Path

from deployments.monitoring.dashboards import dashboards
from deployments.monitoring.dashboards.extracting import panels_of

COMMITTED = Path(__file__).parents[4] / "kustomize" / "monitoring" / "dashboards"
RENDERED = dashboards()
NAMES = sorted(RENDERED)
ALL = {name: json.loads(text) for name, text in RENDERED.items()}


def every_panel():
    """[(file, panel)]."""
    return [(name, panel) for name in NAMES for panel in panels_of(ALL[name])]


def every_target():
    """[(file, title of the panel, target)]."""
    return [(name, panel["title"], target) for name, panel in every_panel() for target in panel["targets"]]
