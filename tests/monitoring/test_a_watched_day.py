"""A day of a deployment in six minutes: nothing is wrong, then much is, then nothing again; and another two strategies.

Prometheus scrapes a running stack, and its hours are minutes. What it is asked is what the dashboards ask, and what
fires is what `forkcast up` gave it; each fault is done to the running stack.
"""

import math
import shutil
import socket
import time
from contextlib import closing

import pytest
from steady_load import Load
from watched_stack import WatchedStack, eventually

from deployments.monitoring.dashboards.extracting import queries_of
from deployments.monitoring.dashboards.rendering import dashboards
from deployments.monitoring.rules.catalogue import GROUPS
from deployments.monitoring.rules.model import Recording
from model_server.impressions import NAMES, to_rows

pytestmark = [pytest.mark.component, pytest.mark.timeout(900)]
QUERIES = [(board, *query) for board, text in dashboards().items() for query in queries_of(text)]
RECORDS = [rule.record for group in GROUPS for rule in group.rules if isinstance(rule, Recording)]
OF_THIS_MACHINE = {"LatencyBudgetBurn", "SimulatorBehindPlan"}
"""Whether it is slow has other reasons than ours, while other tests run beside."""
ALWAYS = {
    (*alert, column)
    for predictor in ("champion", "challenger")
    for alert, column in ((("ModelTooOld", predictor), ""), (("UnknownCategories", predictor), "deviceType"))
}
"""The models of the tests say that they were trained in January 2019, on so few rows that they know few devices."""
FAULTS = {
    ("InputDrift", "challenger", "country"),
    ("UnknownCategories", "challenger", "campaignId"),
    ("OutlierRateHigh", "challenger", ""),
    ("FeedbackStopped", "", ""),
    ("SplitOffWeights", "champion", ""),
    ("SplitOffWeights", "challenger", ""),
    ("LatencyBudgetBurn", "champion", ""),
}
"""What fires when nine of ten users come from one country, a third of the ads are new, a tenth of the rows are
outliers, no feedback comes, and somebody asks the champion past the gateway, the same row again and again, and between
them for thousands of rows at a time."""
NOT_PROVOKED = {
    "AvailabilityBudgetBurn": "answers that are the service's fault",
    "BanditStateStale": "the bandit's store away for a minute",
    "EventsDropped": "a request log whose collector is away",
    "MissingValues": "a column that misses more values than the day before",
    "Miscalibrated": "400 promised installs in a day, and a fifth of them not kept",
    "PredictorPodDown": "a replica that is down while another of its predictor is up",
    "PredictorWithoutTraffic": "a gateway that forgets a predictor",
    "ScoreDrift": "scores that are not those of training",
    "TrainingServingMismatch": "a server that computes otherwise than training did",
}
"""What would make these fire; promtool holds each to its edge, in tests/deployments/monitoring/alerts."""
CHALLENGERS = ("InputDrift", "challenger")
DOWN = ("PredictorDown", "champion", "")


class Day:
    """What was seen: which queries had data in which hour, and what fired."""

    def __init__(self, stack):
        self.stack = stack
        self.filled, self.recorded = set(), set()
        self.fired = {}

    def look(self, hour):
        """Ask everything that has not had an answer yet."""
        for query in QUERIES:
            if query not in self.filled and any(not math.isnan(value) for _, value in self.stack.series(query[2])):
                self.filled.add(query)
        self.recorded |= {each for each in RECORDS if each not in self.recorded and self.stack.series(each)}
        self.fired[hour] = self.stack.firing()

    def until_fires(self, expected, seconds, hour):
        eventually(
            lambda: expected <= self.stack.firing(), seconds, lambda: f"not fired: {expected - self.stack.firing()}"
        )
        self.look(hour)


@pytest.fixture(scope="module")
def day(models, detector, labelled, tmp_path_factory):
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    assert detector.parent == models
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    stack = WatchedStack(tmp_path_factory.mktemp("watched"), port, models.parent)
    rows = to_rows(labelled[0])
    try:
        stack.up("ab-test")
        stack.hurry()
        yield _lived(Day(stack), {"data": {"names": list(NAMES), "ndarray": rows[:5_000]}}, rows[0])
    finally:
        stack.down()


def _lived(day, many_rows, row):
    stack, one_row = day.stack, {"data": {"names": list(NAMES), "ndarray": [row]}}
    with stack.traffic():
        time.sleep(75)  # more than an hour, of which feedback is expected to go on
        day.look("healthy")

    past_the_gateway = f"http://127.0.0.1:{stack.predictor('champion')['ports']['http']}/api/v1.0/predictions"
    wrong = {"drift": {"one-country": 0.9, "new-campaign": 0.3}, "outliers": {"time-jump": 0.1}, "feedback_ratio": 0}
    with (
        stack.traffic(**wrong),
        Load(past_the_gateway, 100, largest=10**6, body=one_row),
        Load(past_the_gateway, 6, body=many_rows),
    ):
        day.until_fires(FAULTS, 180, "all wrong")
    with stack.traffic():
        stack.freeze("champion")
        day.until_fires({DOWN}, 60, "champion frozen")
        gone = FAULTS | {DOWN}
        eventually(
            lambda: not gone & _pages_and_faults(stack), 180, lambda: f"still firing: {gone & _pages_and_faults(stack)}"
        )
        day.look("recovered")

    stack.bring("shadow")
    past_the_gateway = f"http://127.0.0.1:{stack.predictor('champion')['ports']['http']}/api/v1.0/predictions"
    with stack.traffic(), Load(past_the_gateway, 100, largest=10**6, body=one_row):
        day.until_fires({("ShadowMissesRequests", "challenger", "")}, 90, "shadow")
    stack.bring("bandit")
    with stack.traffic():
        time.sleep(20)
        day.look("bandit learns")
    with stack.traffic(feedback_ratio=0):
        day.until_fires({("BanditStuck", "arms", "")}, 150, "bandit without feedback")
    return day


def _pages_and_faults(stack):
    """What fires, but for the tickets of a budget that a whole day, 24 minutes here, remembers."""
    burning = stack.series('ALERTS{alertstate="firing",alertname="LatencyBudgetBurn"}')
    paging = {labels["predictor_name"] for labels, _ in burning if labels["severity"] == "page"}
    return {each for each in stack.firing() if each[0] != "LatencyBudgetBurn" or each[1] in paging}


def test_nothing_fires_while_nothing_is_wrong(day):
    assert {each for each in day.fired["healthy"] if each[0] not in OF_THIS_MACHINE} <= ALWAYS


def test_each_fault_is_told_and_its_alarm_ends_with_it(day):
    assert day.fired["all wrong"] >= FAULTS
    assert DOWN in day.fired["champion frozen"]
    assert ("ShadowMissesRequests", "challenger", "") in day.fired["shadow"]
    assert ("BanditStuck", "arms", "") in day.fired["bandit without feedback"]


def test_what_drifts_is_named_and_nothing_that_does_not(day):
    """Of the challenger, which nobody asks past the gateway. Ads and times of outliers may be told, too."""
    drifting = {column for alert, predictor, column in day.fired["all wrong"] if (alert, predictor) == CHALLENGERS}
    assert "country" in drifting
    assert drifting <= {"country", "campaignId", "lastStart"}


def test_alerts_that_did_not_fire_are_known_with_the_fault_that_they_wait_for(day):
    names = {rule.name for group in GROUPS for rule in group.rules if not isinstance(rule, Recording)}
    fired = {name for hour in day.fired.values() for name, _, _ in hour}
    assert names - fired - OF_THIS_MACHINE <= NOT_PROVOKED.keys()


def test_every_panel_and_every_recording_rule_has_had_data(day):
    assert [query for query in QUERIES if query not in day.filled] == []
    assert [record for record in RECORDS if record not in day.recorded] == []
