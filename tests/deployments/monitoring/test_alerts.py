"""Each alert, held by promtool to its edge: silent just before, firing just after, in the words that are then read."""

from __future__ import annotations

import alert_cases
import promtool
import pytest
from promtool import needs_promtool

from deployments.monitoring.rendering import rule_file
from deployments.monitoring.rules import inputs, outcomes, routing, servers, service_levels
from deployments.monitoring.rules.catalogue import ALERTS, GROUPS
from deployments.monitoring.rules.model import Recording

SUBJECTS = {
    "service_levels": (service_levels.RECENT, service_levels.LONG, service_levels.ALERTS),
    "routing": (routing.GROUP,),
    "inputs": (inputs.GROUP,),
    "outcomes": (outcomes.GROUP,),
    "servers": (servers.GROUP,),
}
"""Each stands by itself; asked apart, promtool is done in a third of the time."""
CASES = {subject: alert_cases.read(alert_cases.FOLDER / f"{subject}.yaml") for subject in SUBJECTS}
RUNBOOK_URLS = {alert.name: alert.runbook_url for alert in ALERTS}
DAYS = {name: alert_cases.read_series(alert_cases.DAYS / f"{name}.yaml") for name in ("healthy", "idle")}


@needs_promtool
def test_promtool_takes_the_rules(tmp_path):
    (tmp_path / "rules.yaml").write_text(rule_file())
    finished = promtool.run("check", "rules", str(tmp_path / "rules.yaml"))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    n_rules = sum(len(group.rules) for group in GROUPS)
    assert f"SUCCESS: {n_rules} rules found" in finished.stdout, finished.stdout + finished.stderr


def test_the_subjects_are_all_groups():
    assert {group.name for groups in SUBJECTS.values() for group in groups} == {group.name for group in GROUPS}


@needs_promtool
@pytest.mark.parametrize(
    ("subject", "step"), sorted({(subject, case.step) for subject, cases in CASES.items() for case in cases})
)
def test_alerts_are_silent_before_their_edge_and_fire_behind_it(subject, step, tmp_path):
    promtool.test_rules(tmp_path, SUBJECTS[subject], alert_cases.asked_of_promtool(CASES[subject], step, RUNBOOK_URLS))


def test_each_alert_has_a_pair_at_its_edge_and_one_that_shows_its_words():
    cases = [case for of_subject in CASES.values() for case in of_subject]
    pairs = {(case.alert, case.severity) for case in cases if case.is_pair}
    assert pairs == {(alert.name, alert.severity) for alert in ALERTS}
    in_words = {(case.alert, case.severity) for case in cases if case.summary and case.description}
    assert in_words == {(alert.name, alert.severity) for alert in ALERTS}


def test_a_pair_is_two_neighbouring_moments():
    """One step apart, so that a rule that is early or late by a step is noticed."""
    apart = [
        (case.alert, case.about)
        for of_subject in CASES.values()
        for case in of_subject
        if case.firing_at is not None
        and alert_cases.minutes(case.firing_at) - alert_cases.minutes(case.silent_at[-1])
        != alert_cases.minutes(case.step)
    ]
    assert apart == []


@needs_promtool
@pytest.mark.parametrize("day", sorted(DAYS))
def test_nothing_fires_in_a_day_that_is_well(day, tmp_path):
    promtool.test_rules(tmp_path, GROUPS, alert_cases.day(day, DAYS[day], [*all_recorded()], is_busy=day == "healthy"))


def all_recorded():
    return {rule.record for group in GROUPS for rule in group.rules if isinstance(rule, Recording)}
