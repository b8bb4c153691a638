"""All groups of rules, in an order in which each finds what it stands on recorded already."""

from __future__ import annotations

from typing import Final

from deployments.monitoring.rules import inputs, outcomes, routing, servers, service_levels

GROUPS: Final = (
    service_levels.RECENT,
    service_levels.LONG,
    service_levels.ALERTS,
    routing.GROUP,
    inputs.GROUP,
    outcomes.GROUP,
    servers.GROUP,
)
ALERTS: Final = tuple(alert for group in GROUPS for alert in group.alerts)
"""A name may stand for two: one that pages, and a milder one."""
