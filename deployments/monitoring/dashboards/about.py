"""What a panel says about itself to somebody who sees it for the first time, and where it leads."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model


@dataclass(frozen=True)
class About:
    shows: str
    good: str
    otherwise: str
    """What to do, or where to look."""
    see: str = ""
    """The dashboard that has more, by its name."""

    def text(self) -> str:
        return f"{self.shows}\n\n**Good:** {self.good}\n\n**Otherwise:** {self.otherwise}"

    def links(self) -> list[Builder[model.DashboardLink]]:
        if not self.see:
            return []
        link = build.DashboardLink(f"More: {self.see}").type(model.DashboardLinkType.LINK)
        return [link.url(f"/d/{uid(self.see)}?${{__url_time_range}}&${{__all_variables}}")]


def uid(name: str) -> str:
    """Of a dashboard: stable, so that links and bookmarks outlive a new version of it."""
    return f"forkcast-{name}"
