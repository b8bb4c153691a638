"""Rows of panels -> a dashboard: where each panel stands, what all dashboards have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from deployments.monitoring.dashboards import variables
from deployments.monitoring.dashboards.about import uid
from deployments.monitoring.dashboards.annotations import weight_changes_and_alerts
from deployments.monitoring.dashboards.panels import Panel

GRID_WIDTH: Final = 24
TAG: Final = "forkcast"


@dataclass(frozen=True)
class Section:
    """A row with a title; its panels fill lines from left to right."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    name: str
    """Of its file; its uid is made of it."""
    title: str
    question: str
    """What it answers; how to read it."""
    sections: Sequence[Section]
    further_variables: Sequence[variables.Variable] = field(default=())

    def dashboard(self) -> model.Dashboard:
        """As Grafana reads it: ids from 1 on, in reading order."""
        board = (
            build.Dashboard(self.title)
            .uid(uid(self.name))
            .description(self.question)
            .tags([TAG])
            .readonly()
            .time("now-30m", "now")
            .refresh("10s")
            .timezone("browser")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .variables([*variables.everywhere(), *self.further_variables])
            .annotations(weight_changes_and_alerts())
            .link(_others())
            .build()
        )
        board.panels = self._placed()
        for variable in (board.templating and board.templating.list_val) or []:
            # The SDK's defaults for a variable that is an interval; Grafana's schema knows them in no other.
            variable.auto = variable.auto_min = variable.auto_count = None
        return board

    def _placed(self) -> list[model.Panel | model.RowPanel]:
        placed: list[model.Panel | model.RowPanel] = []
        top = 0
        for section in self.sections:
            row = model.RowPanel(title=section.title, id_val=len(placed) + 1, panels=[])
            row.grid_pos = model.GridPos(h=1, w=GRID_WIDTH, x=0, y=top)
            placed.append(row)
            top, left, height = top + 1, 0, 0
            for builder in section.panels:
                panel = builder.build()
                at = panel.grid_pos or model.GridPos()
                if left + at.w > GRID_WIDTH:
                    top, left, height = top + height, 0, 0
                panel.grid_pos = model.GridPos(h=at.h, w=at.w, x=left, y=top)
                panel.id_val = len(placed) + 1
                placed.append(panel)
                left, height = left + at.w, max(height, at.h)
            top += height
        return placed


def _others() -> build.DashboardLink:
    """A menu of all our dashboards, which keeps the time and what was chosen."""
    return (
        build.DashboardLink("Forkcast")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
