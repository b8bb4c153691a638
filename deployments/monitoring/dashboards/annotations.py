"""Vertical lines in every graph: when the manifest's weights changed, and while an alert fired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from deployments.monitoring.dashboards.queries import DEPLOYMENT, select
from deployments.monitoring.dashboards.variables import DATASOURCE
from model_server import metric_names as names

FIRING: Final = 'ALERTS{alertstate="firing", namespace=~"$namespace|", severity=~"page|ticket|info"}'
"""Those of the namespace and those that name none, with a severity of our rules: kube-prometheus has others."""


@dataclass(frozen=True)
class Line(Builder[model.AnnotationQuery]):
    """An annotation that Grafana's Prometheus data source makes of a query, a line for each series and time."""

    name: str
    expr: str
    colour: str
    title: str
    """`{{label}}` stands for a label's value."""

    def build(self) -> model.AnnotationQuery:
        return _TitledAnnotation(
            name=self.name,
            datasource=DATASOURCE,
            enable=True,
            icon_color=self.colour,
            expr=self.expr,
            title_format=self.title,
        )


class _TitledAnnotation(model.AnnotationQuery):
    """With the Prometheus data source's own field, which the SDK's model leaves to data sources."""

    def __init__(self, *, title_format: str, **fields: object) -> None:
        super().__init__(**fields)  # type: ignore[arg-type]
        self._title_format = title_format

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"titleFormat": self._title_format}


def weight_changes_and_alerts() -> list[Builder[model.AnnotationQuery]]:
    # Grafana asks once a minute of annotations; two minutes, so that no change falls between two answers.
    weight_changes = f"changes({select(names.TRAFFIC_PERCENT, *DEPLOYMENT)}[2m]) != 0"
    return [
        Line("Weight changes", weight_changes, "blue", "Weight of {{predictor_name}} changed"),
        Line("Alerts", FIRING, "red", "{{alertname}} fires"),
    ]
