"""What holds of all rules at once: names that exist, numbers with a reason, a heading of the runbook for each alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deployments.monitoring.rules import service_levels, thresholds
from deployments.monitoring.rules.catalogue import ALERTS, GROUPS
from deployments.monitoring.rules.model import RUNBOOK_URL, Alert, Recording
from deployments.monitoring.rules.thresholds import BURN_RATES, Threshold
from model_server import metric_names
from model_server.graph.grpc_codes import go_name
from model_server.graph.telemetry import BUCKETS

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
RULES = [rule for group in GROUPS for rule in group.rules]
EXECUTOR_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Of Seldon's executor 1.17.1, in seconds."""


def told_metrics():
    """What a metric_names constant may be called when it is queried."""
    own = {value for name, value in vars(metric_names).items() if name.isupper() and isinstance(value, str)}
    return own | {f"{name}{suffix}" for name in own for suffix in ("_total", "_count", "_sum", "_bucket")}


def test_rules_ask_for_metrics_that_are_told_and_for_what_was_recorded_before():
    known = told_metrics() | {"up"}
    metric_like = re.compile(
        r"\b(?:seldon_api|install_model|outlier_detector|router|graph_server|traffic_sim|forkcast)_\w+"
    )
    for rule in RULES:
        asked = set(metric_like.findall(rule.expr)) | set(re.findall(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", rule.expr))
        assert asked <= known, f"{rule}: {asked - known}"
        if isinstance(rule, Recording):
            known.add(rule.record)


def test_recorded_names_are_different():
    recorded = [rule.record for rule in RULES if isinstance(rule, Recording)]
    assert len(recorded) == len(set(recorded))


def test_every_threshold_has_a_unit_and_a_source_and_is_in_an_expression():
    numbers = {name: value for name, value in vars(thresholds).items() if isinstance(value, Threshold)}
    assert len(numbers) > 20
    for name, threshold in numbers.items():
        assert threshold.unit, name
        assert threshold.source, name
        assert any(re.search(rf"(?<![\w.]){re.escape(str(threshold))}(?![\w.])", rule.expr) for rule in RULES), name


def test_burn_rates_spend_what_the_workbook_says():
    """2, 5, 10 and 10 % of a month of 30 days."""
    hours = {"1h": 1, "6h": 6, "1d": 24, "3d": 72}
    spent = [burn.rate * hours[burn.long] / 720 for burn in BURN_RATES]
    assert spent == pytest.approx([0.02, 0.05, 0.1, 0.1])


def test_the_latency_bound_is_a_buckets_bound_of_both_servers():
    bound = thresholds.LATENCY_BOUND.value
    assert bound in BUCKETS
    assert bound in EXECUTOR_BUCKETS


@pytest.mark.parametrize("code", ["UNKNOWN", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
def test_grpc_codes_that_are_the_servers_fault_are_spelled_as_they_are_told(code):
    assert re.fullmatch(service_levels.SERVER_FAULTS, go_name(code))


@pytest.mark.parametrize("code", ["200", "400", "404", "413", "OK", "InvalidArgument", "NotFound", "Canceled"])
def test_what_is_the_callers_own_is_no_fault_of_the_server(code):
    assert not re.fullmatch(service_levels.SERVER_FAULTS, code)


def test_each_alert_has_a_heading_in_the_runbook_and_each_heading_an_alert():
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text(), flags=re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) == {alert.name for alert in ALERTS}
    assert {alert.runbook_url for alert in ALERTS} == {f"{RUNBOOK_URL}#{heading.lower()}" for heading in headings}


def test_a_name_is_either_one_alert_or_one_of_each_severity():
    names = [(alert.name, alert.severity) for alert in ALERTS]
    assert len(names) == len(set(names))


def test_an_alert_whose_duration_prometheus_would_not_read_is_none():
    with pytest.raises(ValueError, match=r"must hold for '15 minutes'; a number and one of s, m, h, d"):
        Alert("Late", "up == 0", "15 minutes", "page", "late", "late")


def test_a_recording_whose_name_says_no_level_is_none():
    with pytest.raises(ValueError, match="level:metric:operations is accepted"):
        Recording("requests_rate5m", "up")
