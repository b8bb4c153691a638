"""Queries are read out of a dashboard whole, with a value for each variable."""

from __future__ import annotations

import json
import re

import pytest
from dashboards_read import ALL, NAMES, RENDERED
from hypothesis import given
from hypothesis import strategies as st

from deployments.monitoring.dashboards.extracting import VALUES, panels_of, queries_of, replaced

NAMES_OF_VARIABLES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)


def _board(*panels, lines=()):
    return json.dumps({"panels": list(panels), "annotations": {"list": list(lines)}})


def _panel(title, *exprs):
    return {"type": "stat", "title": title, "targets": [{"expr": expr} for expr in exprs]}


@pytest.mark.parametrize("name", NAMES)
def test_all_queries_of_a_dashboard_come_without_variables(name):
    found = queries_of(RENDERED[name])
    assert len(found) == sum(len(panel["targets"]) for panel in panels_of(ALL[name])) + 2
    assert [expr for _, expr in found if re.search(r"\$[a-z_{]", expr)] == []
    assert [title for title, _ in found[-2:]] == ["Weight changes", "Alerts"]


def test_folded_rows_are_read_too():
    row = {"type": "row", "title": "Row", "panels": [_panel("Inside", "up", "down")]}
    lines = [{"name": "Line", "expr": "changes(up[1m])"}, {"name": "Grafana's own", "builtIn": 1}]
    found = queries_of(_board(_panel("Before", "1"), row, lines=lines))
    assert found == [("Before", "1"), ("Inside", "up"), ("Inside", "down"), ("Line", "changes(up[1m])")]


@pytest.mark.parametrize(
    ("expr", "read"),
    [
        ('rate(up{namespace=~"$namespace"}[$__rate_interval])', 'rate(up{namespace=~"seldon"}[2m])'),
        ('up{namespace=~"${namespace}", pod="${namespace:regex}"}', 'up{namespace=~"seldon", pod="seldon"}'),
        ('label_replace(up, "a", "$1", "b", "(.+)")', 'label_replace(up, "a", "$1", "b", "(.+)")'),
        ('up{namespace=~"$namespace|"}', 'up{namespace=~"seldon|"}'),
    ],
)
def test_variables_are_replaced_and_groups_of_an_expression_are_not(expr, read):
    assert replaced(expr, {"namespace": "seldon", "__rate_interval": "2m"}) == read


@given(st.dictionaries(NAMES_OF_VARIABLES, st.from_regex(r"[a-z.+0-9]*", fullmatch=True), min_size=1))
def test_each_variable_gets_its_value(values):
    expr = " ".join(f"<${name}>" for name in values)
    assert replaced(expr, values) == " ".join(f"<{value}>" for value in values.values())


def test_a_variable_without_a_value_is_named():
    with pytest.raises(ValueError, match=r"\$colour in the query 'up\{a=\"\$colour\"\}' has no value; given are a, b"):
        replaced('up{a="$colour"}', {"b": "1", "a": "2"})


def test_there_is_a_value_for_each_variable_that_dashboards_have():
    chosen = {variable["name"] for board in ALL.values() for variable in board["templating"]["list"]}
    assert chosen - {"datasource"} <= VALUES.keys()
