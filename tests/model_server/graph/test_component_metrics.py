"""Custom metrics of components, and the page of metrics that all workers make together, each in its own process."""

import json
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

from model_server.graph import component_metrics
from model_server.graph.component_metrics import ComponentMetrics

ROOT = Path(__file__).parents[3]
LABELS = {"model_name": "m"}
BEFORE = """
import json, os, pathlib, sys
from model_server.graph import metrics_files
metrics_files.keep_in(pathlib.Path(sys.argv[1]))
from model_server.graph.telemetry import Telemetry
from model_server.graph.wrapper.identity import Identity

def worker(place, count):
    pid = os.fork()
    if pid == 0:
        try:
            metrics_files.write_as(place)
            count(Telemetry("dep", "p", "v"))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0

def show():
    page, content_type = metrics_files.exposition()
    assert content_type.startswith("text/plain")
    sys.stdout.write(page.decode())
"""


def page_of(script, tmp_path):
    """The samples that a script's workers leave behind: (name, labels) -> value."""
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + textwrap.dedent(script), str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    samples = {}
    for family in text_string_to_metric_families(done.stdout):
        for sample in family.samples:
            key = sample.name, json.dumps(sample.labels, sort_keys=True)
            assert key not in samples, f"told twice: {key}"
            samples[key] = sample.value
    return samples


def total(samples, name, **labels):
    return sum(
        value for (found, of), value in samples.items() if found == name and labels.items() <= json.loads(of).items()
    )


@pytest.fixture
def told(caplog):
    """What is dropped is logged."""
    return caplog


def a_metric(kind="COUNTER", key="k", value=1, **more):
    return {"type": kind, "key": key, "value": value, **more}


def test_workers_count_together_and_one_that_takes_anothers_place_counts_on(tmp_path):
    samples = page_of(
        """
        for place in (0, 1, 0):
            worker(place, lambda telemetry: telemetry.answered("predictions", "post", "200", 0.0004))
        show()
        """,
        tmp_path,
    )
    name = "seldon_api_executor_server_requests_seconds"
    labels = {"deployment_name": "dep", "predictor_name": "p", "predictor_version": "v", "service": "predictions"}
    assert total(samples, f"{name}_count", **labels, method="post", code="200") == 3
    assert total(samples, f"{name}_bucket", **labels, le="0.0005") == 3
    assert total(samples, f"{name}_bucket", **labels, le="0.00025") == 0
    assert total(samples, f"{name}_summary_count", **labels) == 3
    assert len(list(tmp_path.glob("histogram_*.db"))) == 2


def test_what_a_worker_was_busy_with_ends_with_it_and_its_counts_stay(tmp_path):
    samples = page_of(
        """
        def count(telemetry):
            telemetry.in_flight(3)
            telemetry.refused("queue_full")
        worker(1, count)
        worker(11, count)
        metrics_files.forget_gauges_of(1)
        show()
        """,
        tmp_path,
    )
    assert total(samples, "graph_server_requests_in_flight") == 3
    assert total(samples, "graph_server_refused_total", reason="queue_full") == 2


def test_the_buckets_are_those_of_seldons_executor_and_finer_ones_below(tmp_path):
    samples = page_of(
        """
        worker(0, lambda telemetry: telemetry.called("n", "r:5000/i:1", "/predict", "post", "200", 0.1))
        show()
        """,
        tmp_path,
    )
    labels = [json.loads(of) for name, of in samples if name == "seldon_api_executor_client_requests_seconds_bucket"]
    bounds = {float(each["le"]) for each in labels}
    seldons = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, float("inf")}
    assert seldons < bounds
    assert max(bounds - seldons) < 0.005
    assert labels[0].items() >= {"model_name": "n", "model_image": "r:5000/i", "model_version": "1"}.items()


def test_custom_metrics_of_all_workers_are_one_series_each(tmp_path):
    samples = page_of(
        """
        def count(telemetry):
            metrics = [
                {"type": "COUNTER", "key": "asked", "value": 2, "tags": {"a": "b"}},
                {"type": "GAUGE", "key": "level", "value": float(os.getpid())},
                {"type": "TIMER", "key": "took", "value": 20.0},
            ]
            telemetry.told_by(Identity(unit="u", image="i:1", labels={"version": "7"}), metrics, "predict")
            telemetry.rewarded(Identity(unit="u"), 0.0)
            telemetry.rewarded(Identity(unit="u"), 0.5)
            telemetry.rewarded(Identity(unit="u"), -1.0)
        worker(0, count)
        worker(1, count)
        show()
        """,
        tmp_path,
    )
    labels = {"method": "predict", "model_name": "u", "model_image": "i", "model_version": "1"}
    assert total(samples, "asked_total", a="b", predictor_version="7", **labels) == 4
    assert sum(1 for name, _ in samples if name == "level") == 1
    assert total(samples, "took_sum", **labels) == pytest.approx(0.04)
    assert sum(1 for name, _ in samples if name == "took_bucket") == 51
    assert total(samples, "seldon_api_model_feedback_total", method="feedback", model_image="NOT_IMPLEMENTED") == 6
    assert total(samples, "seldon_api_model_feedback_reward_total") == 1.0


def test_metrics_that_a_class_made_before_the_workers_were_forked_are_counted_for_each_place(tmp_path):
    samples = page_of(
        """
        from prometheus_client import Counter
        own = Counter("own", "of a user's module")
        worker(0, lambda _: own.inc())
        worker(1, lambda _: own.inc())
        worker(1, lambda _: own.inc())
        show()
        """,
        tmp_path,
    )
    assert total(samples, "own_total") == 3
    assert {file.name for file in tmp_path.glob("counter_*.db")} == {
        "counter_parent.db",
        "counter_0.db",
        "counter_1.db",
    }


def test_a_series_that_two_threads_tell_of_at_once_is_made_once(monkeypatch):
    """Two objects for one series would each write what only they have counted over the other's."""
    made, both = [], threading.Barrier(2)

    class SlowCounter(component_metrics.Counter):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            if "_labelvalues" not in kwargs:  # else it is the series of one set of labels
                made.append(self)
                with suppress(threading.BrokenBarrierError):
                    both.wait(0.5)  # for the other thread, which should be waiting elsewhere

    monkeypatch.setattr(component_metrics, "Counter", SlowCounter)
    monkeypatch.setattr(values, "ValueClass", values.MutexValue)
    metrics = ComponentMetrics()
    threads = [threading.Thread(target=metrics.add, args=(a_metric(), LABELS, "predict")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert [sample.value for sample in made[0].collect()[0].samples if sample.name == "k_total"] == [2]


@pytest.mark.parametrize(("kind", "numbers"), [("COUNTER", 1), ("GAUGE", 1), ("TIMER", 52)])
def test_tags_that_take_ever_new_values_are_kept_up_to_a_number_of_numbers(kind, numbers, told, monkeypatch):
    monkeypatch.setattr(component_metrics, "MAX_NUMBERS", 520, raising=False)
    metrics = ComponentMetrics()
    fit = 520 // numbers
    for i in range(fit + 3):
        metrics.add(a_metric(kind, tags={"i": str(i)}), LABELS, "predict")
    assert len(told.records) == 3
    assert "as many as are kept" in told.text
    metrics.add(a_metric(kind, tags={"i": "0"}), LABELS, "predict")
    assert len(told.records) == 3


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (a_metric(value=-1), "non-negative"),
        (a_metric(value=float("nan")), "would end the sum"),
        (a_metric("TIMER", value=float("inf")), "would end the sum"),
        (a_metric(key="no name"), "no name of a metric"),
        (a_metric(key=""), "no name of a metric"),
        (a_metric(tags={"no name": "a"}), "'no name' is no name of a tag"),
        (a_metric(tags={"": "a"}), "'' is no name of a tag"),
        (a_metric(tags={"le": "a"}), "the server's own"),
        (a_metric(key="graph_server_mine"), "the server's own"),
        (a_metric(tags={"a": "x" * 2_000}), "bytes"),
        (a_metric(tags={"a": "\udc80"}), "surrogates"),
        (a_metric(value=10**400), "too large"),
    ],
)
def test_a_metric_that_cannot_be_counted_is_dropped_and_told(metric, why, told):
    ComponentMetrics().add(metric, LABELS, "predict")
    (record,) = told.records
    assert why in record.getMessage()
