"""What is noted of each batch, against what prometheus_client makes of each value by itself."""

import threading
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from model_server import metric_names as names
from model_server.impressions import NAMES, from_records, to_rows
from model_server.install_model import InstallModel
from model_server.observations import PROBABILITY_BOUNDS, Batch, Observations

RECORD = {
    "id": 1,
    "timestamp": "2019-01-21T09:00:14Z",
    **dict.fromkeys(("startCount", "viewCount", "clickCount", "installCount", "startCount1d", "startCount7d"), 0),
    **dict.fromkeys(("campaignId", "platform", "softwareVersion", "sourceGameId", "connectionType", "deviceType"), "x"),
    "country": "DE",
    "lastStart": "2019-01-20T09:00:14Z",
}


def batch(probabilities, impressions=None, seconds=(0.001, 0.002, 0.003)):
    n_rows = [] if impressions is None else [len(impressions)]
    return Batch(impressions, n_rows, np.array(probabilities, np.float32), seconds)


def by_key(metrics):
    return {(each["key"], *each["tags"].values()): each for each in metrics}


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20), max_size=5))
def test_probabilities_are_counted_as_prometheus_counts_them_however_they_come(batches):
    observations = Observations()
    oracle = Histogram("p", "", buckets=PROBABILITY_BOUNDS, registry=CollectorRegistry())
    for values in batches:
        observations.note(batch(values))
        for value in np.array(values, np.float32):
            oracle.observe(float(value))
    told = by_key(observations.told())
    n_rows = sum(map(len, batches))
    if not n_rows:
        assert told == {}
        return
    found = told[names.PROBABILITY,]
    assert found["counts"] == [int(bucket.get()) for bucket in oracle._buckets]
    assert found["sum"] == pytest.approx(oracle._sum.get(), rel=1e-6)
    assert told[names.EXPOSURES,]["value"] == n_rows
    for stage in names.STAGES:
        assert sum(told[names.STAGE, stage]["counts"]) == len(batches)


def test_missing_values_are_counted_by_column_over_all_batches():
    whole = RECORD
    observations = Observations()
    observations.note(batch([0.1, 0.2], from_records([whole, {**whole, "country": None}])))
    observations.note(batch([0.1], from_records([{**whole, "country": None, "lastStart": None}])))
    told = by_key(observations.told())
    missing = {key[1]: each["value"] for key, each in told.items() if key[0] == names.MISSING_VALUES}
    assert missing == {"country": 2, "lastStart": 1}
    assert observations.told() == []


def test_nothing_is_lost_while_many_threads_note_and_one_asks():
    observations, n_told = Observations(), 0

    def note():
        for _ in range(2_000):
            observations.note(batch([0.5, 0.5]))

    threads = [threading.Thread(target=note) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        n_told += sum(each["value"] for each in observations.told() if each["key"] == names.EXPOSURES)
    n_told += sum(each["value"] for each in observations.told() if each["key"] == names.EXPOSURES)
    assert n_told == 4 * 2_000 * 2


def test_what_nobody_asks_for_does_not_pile_up():
    observations = Observations()
    for _ in range(20):
        observations.note(batch([0.5] * 10_000))
    assert len(observations._noted) <= 5
    assert by_key(observations.told())[names.EXPOSURES,]["value"] == 200_000


def test_a_comparison_that_fails_costs_nothing_but_itself(caplog):
    class Broken:
        def add(self, impressions, probabilities):
            raise ArithmeticError("broken")

    observations = Observations(Broken())
    for _ in range(2):
        observations.note(batch([0.5, 0.5], from_records([RECORD, RECORD])))
        assert by_key(observations.told())[names.EXPOSURES,]["value"] == 2
    assert caplog.text.count("drift is not watched any more") == 1


def test_a_model_notes_from_the_first_question_on_and_no_health_checks(models):
    model = InstallModel(str(models / "champion"))
    model.predict([RECORD])
    about = {each["key"]: each for each in model.observed_metrics()}
    assert about[names.MODEL_INFO]["tags"]["bundle"] == "champion"
    assert about[names.TRAINING_DIFFERENCE]["value"] == 0
    assert about[names.TRAINED_AT]["value"] == datetime(2019, 1, 28, 12, 30, 5, tzinfo=UTC).timestamp()
    model.health_status()
    assert model.observed_metrics() == []
    model.predict([RECORD, RECORD])
    assert by_key(model.observed_metrics())[names.EXPOSURES,]["value"] == 2


def test_a_window_tells_of_each_column_and_alarms_where_one_has_changed(models, labelled):
    """1,000 rows as training had them, then as many whose country is one that it never saw."""
    model = InstallModel(str(models / "champion"))
    model.observed_metrics()
    rows = to_rows(labelled[0].take(slice(0, 1_000)))
    told = []
    for country in (None, "ZZ"):
        for place, row in enumerate(rows):
            if place % 500 == 0:  # of more requests, some would be left out
                told += model.observed_metrics()
            changed = row if country is None else [country if n == "country" else v for n, v in zip(NAMES, row)]  # noqa: B905
            model.predict([changed], list(NAMES))
    told = [each for each in told + list(model.observed_metrics()) if each["tags"].get("window") == "1000"]
    windows = [each for each in told if each["key"] == names.DRIFT_WINDOWS]
    assert len(windows) == 2
    alarms = [
        each["value"] for each in told if each["key"] == names.DRIFT_ALARMS and each["tags"]["column"] == "country"
    ]
    psi = [each["value"] for each in told if each["key"] == names.DRIFT_PSI and each["tags"]["column"] == "country"]
    assert alarms[-1] == 1
    assert psi[-1] > 1 > psi[0]


@pytest.mark.parametrize(("n_requests", "most"), [(10, 10), (500, 500), (5_000, 500)])
def test_a_row_of_each_request_is_compared_and_of_many_requests_some(n_requests, most):
    class Monitor:
        n_rows = 0

        def add(self, impressions, probabilities):
            assert len(impressions) == len(probabilities)
            self.n_rows += len(impressions)
            return []

    monitor = Monitor()
    observations = Observations(monitor)
    two = from_records([RECORD, RECORD])
    for _ in range(n_requests):
        observations.note(Batch(two, [2], np.array([0.1, 0.2], np.float32), (0.0, 0.0, 0.0)))
    observations.told()
    assert 0 < monitor.n_rows <= most


@pytest.mark.parametrize(
    ("response", "expected"), [([0.1, 0.3, 0.2], 0.3), ([], None), (["x", 2.0], None), ([float("nan")], None)]
)
def test_feedback_tells_what_was_promised_of_the_ad_that_was_shown(models, response, expected):
    answer = InstallModel(str(models / "champion")).send_feedback_raw(
        {"reward": 0.0, "response": {"data": {"ndarray": response}, "meta": {"tags": {"predictor": "b"}}}}
    )
    told = {each["key"]: each for each in answer["meta"]["metrics"]}
    found = told.get(names.EXPECTED_REWARD)
    assert (found and (found["value"], found["tags"])) == (expected and (expected, {"credited_predictor": "b"}))
