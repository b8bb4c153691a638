"""Rendered JSON -> the PromQL in it, with Grafana's variables replaced, so that a Prometheus can be asked. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

VALUES: Final[Mapping[str, str]] = {
    "__rate_interval": "1m",
    "__range": "30m",
    "namespace": ".+",
    "deployment": ".+",
    "predictor": ".+",
    "baseline": "champion",
    "window": ".+",
    "pod": ".+",
}
"""Everything, over the half hour that our dashboards show at first."""

_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*)(?::\w+)?\}?")  # not the $1 of label_replace


def queries_of(dashboard_json: str, values: Mapping[str, str] = VALUES) -> list[tuple[str, str]]:
    """[(title of the panel, PromQL)], annotations after the panels.

    `values`: what stands for each variable, without `$`. ValueError if a query has a variable that is not in them.
    """
    dashboard = json.loads(dashboard_json)
    told = [(panel["title"], target["expr"]) for panel in panels_of(dashboard) for target in panel.get("targets", ())]
    lines = [(line["name"], line["expr"]) for line in dashboard["annotations"]["list"] if "expr" in line]
    return [(title, replaced(expr, values)) for title, expr in told + lines]


def panels_of(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels that show something, those in folded rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def replaced(expr: str, values: Mapping[str, str]) -> str:
    """`expr` with the value of each variable in it."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in values:
            raise ValueError(f"${name} in the query {expr!r} has no value; given are {', '.join(sorted(values))}")
        return values[name]

    return _VARIABLE.sub(value, expr)
