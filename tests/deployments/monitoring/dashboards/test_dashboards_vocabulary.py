"""Each metric and label in a query is one that somebody tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dashboards_read import ALL, NAMES, RENDERED
from told_metrics import LABELS, TARGET_LABELS

from deployments.monitoring.dashboards.extracting import queries_of
from model_server import metric_names
from traffic_sim.results import Status

GROUPINGS = re.compile(r"\b(?:by|on|group_left|group_right|ignoring|without) \(([^)]*)\)")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"[^"]*"')
MADE = re.compile(r'"(\w+)", "(?:none|\$1)"')
WORD = re.compile(r"[A-Za-z_:][\w:]*")
SPOKEN = {"or", "and", "unless", "bool", "offset"}


def selectors(expr):
    """[(metric, labels that its matchers name)]."""
    given = [(metric, set(MATCHER.findall(inside))) for metric, inside in re.findall(r"([\w:]+)\{([^}]*)\}", expr)]
    rest = re.sub(r'[\w:]+\{[^}]*\}|"[^"]*"|\[[^\]]*\]', " ", GROUPINGS.sub(" ", expr))
    bare = {word.group() for word in WORD.finditer(rest) if not rest[word.end() :].lstrip().startswith("(")}
    return given + [(metric, set()) for metric in sorted(bare - SPOKEN)]


def groupings(expr):
    return {label.strip() for inside in GROUPINGS.findall(expr) for label in inside.split(",")} - {""}


def strange(expr):
    """What in a query nobody tells."""
    used = selectors(expr)
    unknown = [metric for metric, _ in used if metric not in LABELS]
    if unknown:
        return unknown
    mislabelled = [
        f"{metric}{{{label}}}"
        for metric, labels in used
        for label in labels
        if label not in LABELS[metric] | TARGET_LABELS
    ]
    known = TARGET_LABELS.union(*(LABELS[metric] for metric, _ in used)) | set(MADE.findall(expr))
    return mislabelled + sorted(groupings(expr) - known)


@pytest.mark.parametrize("name", NAMES)
def test_queries_ask_for_what_is_told(name):
    found = {title: flaws for title, expr in queries_of(RENDERED[name]) if (flaws := strange(expr))}
    assert found == {}


@pytest.mark.parametrize("name", NAMES)
def test_variables_are_values_of_labels_that_are_told(name):
    for variable in ALL[name]["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()
            assert strange(series) == []
            ((metric, _),) = selectors(series)
            assert label in LABELS[metric] | TARGET_LABELS


@pytest.mark.parametrize(
    ("expr", "flaw"),
    [
        (
            'sum by (predictor_name) (rate(install_model_exposure_total{namespace="a"}[1m]))',
            "install_model_exposure_total",
        ),
        ("sum(rate(traffic_sim_planned_request_total[1m]))", "traffic_sim_planned_request_total"),
        (
            'sum(graph_server_requests_in_flight{deployment_name="a"})',
            "graph_server_requests_in_flight{deployment_name}",
        ),
        ('sum by (arms) (router_arm_probability{namespace="a"})', "arms"),
        ('max(up{namespace="a"}) or on (colour) vector(0)', "colour"),
    ],
)
def test_what_nobody_tells_is_found(expr, flaw):
    assert strange(expr) == [flaw]


def test_outcomes_of_the_simulator_are_real():
    spoken = {status.value for status in Status}
    for _, expr in queries_of(RENDERED["traffic-simulator.json"]):
        for values in re.findall(r'outcome(?:!~|=)"([^"]*)"', expr):
            assert set(values.split("|")) <= spoken


def test_the_names_that_matter_are_shown_somewhere():
    """Who adds a metric decides whether a dashboard shows it; these are left out on purpose."""
    left_out = {
        metric_names.MODEL_FEEDBACK,  # Seldon's wrapper's, which knows nothing of who had answered
        metric_names.MODEL_FEEDBACK_REWARD,
        metric_names.ROUTER_WITHOUT_KEY,
        metric_names.ROUTER_SEVERAL_KEYS,
    }
    everything = "".join(RENDERED.values())
    unseen = {family for family in _families() if family not in everything}
    assert unseen == left_out


def _families():
    """What metric_names says a Counter, Gauge or Histogram is of."""
    text = Path(metric_names.__file__).read_text(encoding="utf-8")
    return re.findall(r'^[A-Z_]+: Final = "(\w+)"\n"""(?:Counter|Gauge|Histogram)', text, re.MULTILINE)
