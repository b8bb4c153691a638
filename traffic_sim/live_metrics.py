"""What a run has done so far, as Prometheus reads it while the run lasts: the vocabulary, and the counts behind it.

Counted from the same results as the run's summary, in the same batches. Counters go on over several runs of a process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from model_server import metric_names as names
from model_server.metric_vocabulary import Metric
from traffic_sim.columns import Columns
from traffic_sim.results import Feedback, Status

BUCKET_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Of latency and lag. From 5 ms on those of Seldon's executor, so that both sides of a request can be compared."""
MAX_PREDICTORS: Final = 100
"""Different names of predictors and arms that are told; the rest goes by OTHER_PREDICTORS."""
OTHER_PREDICTORS: Final = "other predictors"
_OUTCOME_AND_PREDICTOR: Final = ("outcome", "predictor_name")

VOCABULARY: Final = (
    Metric(
        names.SIM_PLANNED,
        "counter",
        (),
        "requests",
        "Requests that were due until now.",
        "What load was offered?",
    ),
    Metric(
        names.SIM_REQUESTS,
        "counter",
        _OUTCOME_AND_PREDICTOR,
        "requests",
        f"What became of them: {', '.join(Status)}. The predictor or arm that answered; unknown without an answer.",
        "Do callers get answers, and from whom?",
    ),
    Metric(
        names.SIM_RECORDS,
        "counter",
        (),
        "rows",
        "Impressions in the requests that were answered.",
        "How many impressions a second are scored?",
    ),
    Metric(
        names.SIM_LATENCY,
        "histogram",
        (),
        "seconds",
        "From the planned moment to the answer, and of timeouts to the end of the wait.",
        "How slow is it for a caller, queues and stalls included?",
    ),
    Metric(
        names.SIM_LAG,
        "histogram",
        (),
        "seconds",
        "From the planned moment until the request was ready to leave: the simulator's own.",
        "Is the simulator itself too slow to be believed?",
    ),
    Metric(
        names.SIM_IN_FLIGHT,
        "gauge",
        (),
        "requests",
        "Requests that are out, or wait for a connection, and have no answer yet.",
        "Does a queue build up?",
    ),
    Metric(
        names.SIM_FEEDBACK,
        "counter",
        _OUTCOME_AND_PREDICTOR,
        "rewards",
        "Feedback by what became of it, and the predictor or arm that had answered.",
        "Does feedback arrive?",
    ),
    Metric(
        names.SIM_REWARD,
        "counter",
        _OUTCOME_AND_PREDICTOR[1:],
        "reward",
        "Sum of the rewards in the feedback that was accepted.",
        "Which predictor or arm earns more, as the caller knows it?",
    ),
)


class LiveMetrics(Collector):
    """Counts in one thread, and is read from others."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._planned = self._planned_before = self._in_flight = self._n_records = 0
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._feedback: Counter[tuple[str, ...]] = Counter()
        self._reward: Counter[tuple[str, ...]] = Counter()
        self._latency, self._lag = _Buckets(), _Buckets()
        self._predictors: set[str] = set()

    def add(self, results: Columns) -> None:
        counted = Counter(zip(results.statuses, results.predictors, strict=True))
        n_records = int(results.n_rows[results.answered].sum())
        latency = results.latency[results.answered | results.having(Status.TIMED_OUT)]
        with self._lock:
            for (status, predictor), n in counted.items():
                self._requests[status.value, self._told(predictor)] += n
            self._n_records += n_records
            self._latency.add(latency)
            self._lag.add(results.lag[results.left])

    def add_feedback(self, result: Feedback) -> None:
        with self._lock:
            predictor = self._told(result.predictor)
            self._feedback[result.status.value, predictor] += 1
            if result.status is Status.ANSWERED:
                self._reward[predictor,] += result.reward

    def tell(self, planned: int, in_flight: int) -> None:
        """How many requests of this run were due until now, and how many are out."""
        with self._lock:
            self._planned, self._in_flight = self._planned_before + planned, in_flight

    def end(self, planned: int) -> None:
        """The run is over, and so many of its requests were due."""
        self.tell(planned, 0)
        self._planned_before = self._planned

    def collect(self) -> Iterator[Family]:
        with self._lock:  # copied, so that who counts does not wait for who reads
            counts: dict[str, Mapping[tuple[str, ...], int]] = {
                names.SIM_PLANNED: {(): self._planned},
                names.SIM_REQUESTS: self._requests.copy(),
                names.SIM_RECORDS: {(): self._n_records},
                names.SIM_IN_FLIGHT: {(): self._in_flight},
                names.SIM_FEEDBACK: self._feedback.copy(),
                names.SIM_REWARD: self._reward.copy(),
            }
            histograms = {names.SIM_LATENCY: self._latency.cumulative(), names.SIM_LAG: self._lag.cumulative()}
        for metric in VOCABULARY:
            if metric.name in histograms:
                buckets, total_seconds = histograms[metric.name]
                yield HistogramMetricFamily(metric.name, metric.meaning, buckets, total_seconds)
                continue
            make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = make(metric.name, metric.meaning, labels=metric.labels)
            for labels, n in counts[metric.name].items():
                family.add_metric(labels, n)
            yield family

    def _told(self, predictor: str) -> str:
        if predictor not in self._predictors and len(self._predictors) == MAX_PREDICTORS:
            return OTHER_PREDICTORS
        self._predictors.add(predictor)
        return predictor


class _Buckets:
    """How many durations were at most each of BUCKET_SECONDS, and their sum."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(BUCKET_SECONDS) + 1, dtype=np.int64)
        self._sum_seconds = 0.0

    def add(self, seconds: NDArray[np.float64]) -> None:
        places = np.searchsorted(BUCKET_SECONDS, seconds)
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum_seconds += float(np.maximum(seconds, 0).sum())

    def cumulative(self) -> tuple[list[tuple[str, float]], float]:
        edges = (*map(floatToGoString, BUCKET_SECONDS), "+Inf")
        return list(zip(edges, self._counts.cumsum().tolist(), strict=True)), self._sum_seconds
