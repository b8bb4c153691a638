"""How our panels look: the one place where colours, legends, lines and units are decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import bargauge, common, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import prometheus as prom
from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards.about import About
from deployments.monitoring.dashboards.thresholds import NEUTRAL, Steps
from deployments.monitoring.dashboards.variables import DATASOURCE

type Panel = bargauge.Panel | heatmap.Panel | stat.Panel | table.Panel | timeseries.Panel

HEIGHT: Final = 8
STAT_HEIGHT: Final = 5
_DOWN_TO_ZERO = common.ScaleDistributionConfig().type(look.ScaleDistribution.SYMLOG).log(10).linear_threshold(1)
"""A logarithmic axis on which 0 has a place."""


@dataclass(frozen=True)
class Query:
    expr: str
    legend: str = ""
    """`{{label}}` stands for a label's value."""


def time_series(
    title: str,
    about: About,
    unit: str,
    *queries: Query,
    width: int = 12,
    steps: Steps = NEUTRAL,
    stacked: bool = False,
    logarithmic: bool = False,
) -> timeseries.Panel:
    """Lines over time. Where `steps` know a good and a bad, a dashed line marks the border."""
    legend = common.VizLegendOptions().show_legend(show_legend=True).calcs(["mean", "max", "lastNotNull"])
    legend = legend.display_mode(look.LegendDisplayMode.TABLE).placement(look.LegendPlacement.BOTTOM)
    mode = look.GraphThresholdsStyleMode.DASHED if len(steps) > 1 else look.GraphThresholdsStyleMode.OFF
    panel = (
        timeseries.Panel()
        .legend(legend)
        .tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(mode))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .line_width(2)
        .fill_opacity(30 if stacked else 8)
        .show_points(look.VisibilityMode.AUTO)
        .no_value("Nothing in this time")
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(look.StackingMode.NORMAL).group("A"))
    panel = panel.scale_distribution(_DOWN_TO_ZERO) if logarithmic else panel.axis_soft_min(0)
    return _finished(panel, about, title=title, unit=unit, width=width, height=HEIGHT, steps=steps).targets(
        _targets(*queries)
    )


def number(title: str, about: About, unit: str, query: Query, *, width: int = 4, steps: Steps = NEUTRAL) -> stat.Panel:
    """One number, of now or of all the time that is shown; its colour says whether it is good."""
    panel = stat.Panel().color_mode(look.BigValueColorMode.VALUE).graph_mode(look.BigValueGraphMode.NONE)
    panel = panel.reduce_options(_last()).no_value("No requests")
    return _finished(panel, about, title=title, unit=unit, width=width, height=STAT_HEIGHT, steps=steps).targets(
        _targets(query, instant=True)
    )


def bars(
    title: str,
    about: About,
    unit: str,
    query: Query,
    *,
    width: int = 12,
    height: int = HEIGHT,
    steps: Steps = NEUTRAL,
    most: float = 0.0,
) -> bargauge.Panel:
    """A bar for each series, as long as its value is now; `most`: the length of a full one, unless the largest."""
    panel = (
        bargauge.Panel()
        .orientation(look.VizOrientation.HORIZONTAL)
        .display_mode(look.BarGaugeDisplayMode.BASIC)
        .reduce_options(_last())
        .min(0)
        .no_value("Nothing yet")
    )
    if most:
        panel = panel.max(most)
    return _finished(panel, about, title=title, unit=unit, width=width, height=height, steps=steps).targets(
        _targets(query, instant=True)
    )


def rows(
    title: str,
    about: About,
    columns: Mapping[str, tuple[str, str, Steps]],
    *,
    renamed: Mapping[str, str],
    width: int = 12,
    height: int = HEIGHT,
) -> table.Panel:
    """A table of now: a row for each set of labels.

    `columns`: heading -> the query of its value, its unit, its colours; an empty unit hides a value that says nothing.
    `renamed`: label -> heading.
    """
    queries = [Query(expr) for expr, _, _ in columns.values()]
    # What Grafana calls the values of several queries, and of one alone.
    values = [f"Value #{letter}" for letter in ascii_uppercase[: len(queries)]] if len(queries) > 1 else ["Value"]
    shown = {value: heading for value, heading in zip(values, columns, strict=True) if columns[heading][1]}
    hidden = {"Time": True} | {value: True for value in values if value not in shown}
    panel = table.Panel().with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    organised = {"excludeByName": hidden, "indexByName": {}, "renameByName": shown | dict(renamed)}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organised))
    for heading, (_, unit, steps) in columns.items():
        if unit:
            panel = panel.override_by_name(heading, _column(unit, steps))
    panel = panel.no_value("-")
    targets = _targets(*queries, instant=True, form=prom.PromQueryFormat.TABLE)
    return _finished(panel, about, title=title, unit="none", width=width, height=height, steps=NEUTRAL).targets(targets)


def heat_map(title: str, about: About, unit: str, expr: str, *, width: int = 24, repeat: str = "") -> heatmap.Panel:
    """Of a histogram's rate by `le`: darker where more was observed. `unit`: of what was observed.

    `repeat`: a variable; for each of its chosen values there is one, two in a line.
    """
    panel = (
        heatmap.Panel()
        .calculate(calculate=False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Blues").steps(32))
        .cell_values(heatmap.CellValues().unit(units.CountsPerSecond))
        .show_legend()
    )
    if repeat:
        panel = panel.repeat(repeat).repeat_direction("h").max_per_row(2)
    targets = _targets(Query(expr, "{{le}}"), form=prom.PromQueryFormat.HEATMAP)
    cells = units.CountsPerSecond
    return _finished(panel, about, title=title, unit=cells, width=width, height=HEIGHT, steps=NEUTRAL).targets(targets)


def _finished[P: (bargauge.Panel, heatmap.Panel, stat.Panel, table.Panel, timeseries.Panel)](
    panel: P, about: About, *, title: str, unit: str, width: int, height: int, steps: Steps
) -> P:
    return (
        panel.title(title)
        .description(about.text())
        .links(about.links())
        .datasource(DATASOURCE)
        .unit(unit)
        .thresholds(_thresholds(steps))
        .span(width)
        .height(height)
    )


def _targets(
    *queries: Query, instant: bool = False, form: prom.PromQueryFormat = prom.PromQueryFormat.TIME_SERIES
) -> list[Builder[Dataquery]]:
    targets: list[Builder[Dataquery]] = []
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = prometheus.Dataquery().ref_id(letter).datasource(DATASOURCE).expr(query.expr).format(form)
        target = target.editor_mode(prom.QueryEditorMode.CODE).legend_format(query.legend or "__auto")
        targets.append(target.instant() if instant else target.range())
    return targets


def _thresholds(steps: Steps) -> build.ThresholdsConfig:
    coloured = [model.Threshold(value=value, color=colour) for value, colour in steps]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(coloured)


def _column(unit: str, steps: Steps) -> list[model.DynamicConfigValue]:
    coloured = {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}
    properties = [model.DynamicConfigValue("unit", unit), model.DynamicConfigValue("thresholds", coloured)]
    if len(steps) > 1:
        properties.append(model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return properties


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
