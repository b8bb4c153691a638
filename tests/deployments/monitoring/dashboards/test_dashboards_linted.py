"""The rules of Grafana's dashboard-linter, by their names there, and some of our own.

Its rules for `job` and `instance` are ours for namespace and deployment, since a predictor is known by those.
"""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml
from dashboards_read import ALL, NAMES, RENDERED, every_panel, every_target
from grafana_foundation_sdk.models import units

from deployments.monitoring.dashboards.extracting import VALUES, queries_of, replaced

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {value for value in vars(units).values() if isinstance(value, str)}
QUOTED = re.compile(r'"[^"]*"')
RANGES = re.compile(r"\[([^\]]+)\]")


def variables(name):
    return {variable["name"]: variable for variable in ALL[name]["templating"]["list"]}


@pytest.mark.parametrize("name", NAMES)
def test_template_datasource_rule(name):
    datasource = variables(name)["datasource"]
    assert (datasource["type"], datasource["query"], datasource["label"]) == ("datasource", "prometheus", "Data source")
    assert [kind for kind in variables(name) if variables(name)[kind]["type"] == "datasource"] == ["datasource"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variable", ["namespace", "deployment", "predictor"])
def test_template_job_and_instance_rule(name, variable):
    chosen = variables(name)[variable]
    assert chosen["type"] == "query"
    assert chosen["datasource"] == DATASOURCE
    assert 'predictor_name!=""' in chosen["query"]


@pytest.mark.parametrize("name", NAMES)
def test_template_on_time_change_reload_rule(name):
    queried = [variable for variable in variables(name).values() if variable["type"] == "query"]
    assert {variable["refresh"] for variable in queried} == {2}


@pytest.mark.parametrize("name", NAMES)
def test_all_predictors_are_those_with_a_name(name):
    predictor = variables(name)["predictor"]
    assert predictor["includeAll"]
    assert predictor["multi"]
    assert not re.fullmatch(predictor["allValue"], "")
    assert re.fullmatch(predictor["allValue"], "champion")


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_of_a_dashboard_is_used_in_it(name):
    used = set(re.findall(r"\$(\w+)", RENDERED[name])) | {"datasource"}
    assert set(variables(name)) <= used


def test_panel_datasource_rule():
    hard_coded = [(name, panel["title"]) for name, panel in every_panel() if panel["datasource"] != DATASOURCE]
    assert hard_coded == []
    assert [where for *where, target in every_target() if target["datasource"] != DATASOURCE] == []
    lines = [line for name in NAMES for line in ALL[name]["annotations"]["list"]]
    assert all(line["datasource"] == DATASOURCE for line in lines)


def test_panel_title_description_rule():
    shape = re.compile(r"(?s).{20,}\n\n\*\*Good:\*\* .+\.\n\n\*\*Otherwise:\*\* .{10,}[.?]")
    bad = [(name, panel["title"]) for name, panel in every_panel() if not shape.fullmatch(panel["description"])]
    assert bad == []
    assert all(ALL[name]["description"] for name in NAMES)


def test_panel_units_rule():
    bad = [
        (name, panel["title"]) for name, panel in every_panel() if panel["fieldConfig"]["defaults"]["unit"] not in UNITS
    ]
    assert bad == []


def test_panel_no_targets_rule():
    assert [(name, panel["title"]) for name, panel in every_panel() if not panel["targets"]] == []


def test_uneditable_dashboard_rule():
    assert {board["editable"] for board in ALL.values()} == {False}


def test_target_rate_interval_rule():
    """$__rate_interval, but for a number or a bar of all the time that is shown."""
    bad = []
    for name, title, target in every_target():
        allowed = {"$__range"} if target["instant"] else set()
        bad += [
            (name, title, range_)
            for range_ in RANGES.findall(QUOTED.sub("", target["expr"]))
            if range_ not in {"$__rate_interval"} | allowed
        ]
    assert bad == []


def test_target_counter_agg_rule():
    """A counter is only looked at through rate or increase."""
    for name, title, target in every_target():
        counters = re.findall(r"\b\w+_(?:total|count|sum|bucket)\{?", target["expr"])
        wrapped = re.findall(r"(?:rate|increase)\(\w+_(?:total|count|sum|bucket)\b", target["expr"])
        assert len(counters) == len(wrapped), (name, title, target["expr"])


def test_target_job_and_instance_rule():
    """Each selector is of the chosen namespace, but those of what has no namespace."""
    without = re.compile(r"traffic_sim_")
    bad = []
    for name, title, target in every_target():
        for metric, matchers in re.findall(r"([a-z_A-Z]+)\{([^}]*)\}", target["expr"]):
            if not without.match(metric) and 'namespace=~"$namespace' not in matchers:
                bad.append((name, title, metric))
    assert bad == []


def test_servers_metrics_are_asked_of_predictors_and_predictions_only():
    """A component in a container of its own tells the same names, with no predictor and other services."""
    for _, title, target in every_target():
        for matchers in re.findall(r"seldon_api_executor_server\w+\{([^}]*)\}", target["expr"]):
            assert re.search(r'predictor_name(=~"\$(predictor|baseline)"|!="")', matchers), title
            assert 'service=~"predictions|/seldon.protos.Seldon/Predict"' in matchers, title
        for matchers in re.findall(r"seldon_api_executor_client\w+\{([^}]*)\}", target["expr"]):
            assert 'predictor_name=~"$predictor"' in matchers, title


def test_each_line_of_a_graph_has_a_name():
    unnamed = [
        (name, panel["title"])
        for name, panel in every_panel()
        for target in panel["targets"]
        if panel["type"] in {"timeseries", "bargauge", "heatmap"} and target["legendFormat"] == "__auto"
    ]
    assert unnamed == []


def test_legends_name_labels_that_the_query_keeps():
    for name, title, target in every_target():
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert re.search(rf'by \([^)]*\b{label}\b[^)]*\)|label_replace\([^$]*"{label}"', target["expr"]), (
                name,
                title,
            )


def test_what_is_good_and_bad_has_two_colours_at_least():
    """Some panels have a border between good and bad on each dashboard."""
    for name in NAMES:
        steps = [
            panel["fieldConfig"]["defaults"]["thresholds"]["steps"] for file, panel in every_panel() if file == name
        ]
        assert any(len(each) > 1 for each in steps), name
        assert all(each[0]["value"] is None for each in steps)
        borders = [[step["value"] for step in each[1:]] for each in steps]
        assert all(each == sorted(each) for each in borders)


def test_target_promql_rule(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    asked = [(f"{name}: {title}", expr) for name in NAMES for title, expr in queries_of(RENDERED[name])]
    rules = [
        {"record": f"query:{at}", "expr": expr, "labels": {"panel": title}} for at, (title, expr) in enumerate(asked)
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf-8")
    told = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"{len(rules)} rules found" in told.stdout


def test_template_label_promql_rule(tmp_path):
    """The series of label_values(SERIES, LABEL), as queries."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    queries = {
        re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).group(1)
        for name in NAMES
        for variable in variables(name).values()
        if variable["type"] == "query"
    }
    rules = [{"record": f"query:{at}", "expr": replaced(series, VALUES)} for at, series in enumerate(sorted(queries))]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "variables", "rules": rules}]}), encoding="utf-8")
    told = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
