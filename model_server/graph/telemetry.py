"""The metrics of a graph server: the executor's names, the wrapper's, and our own.

Where they are kept, and how those of all workers become one: `metrics_files`. Source of Seldon's names, labels and
buckets: the executor's metrics and the wrapper's, as recorded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from model_server import metric_names as names
from model_server.graph.component_metrics import ComponentMetrics
from model_server.graph.observed_in_bulk import Later, Level, Observed, Pending, at_once
from model_server.graph.wrapper.identity import Identity
from model_server.metric_vocabulary import CLIENT_LABELS, SERVER_LABELS

BUCKETS: Final = (
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
)
"""Seconds. Those of Seldon's executor, from 0.005, and finer ones below."""
ROWS_OF_A_BATCH: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
REQUESTS_OF_A_BATCH: Final = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500)
NOT_GIVEN: Final = "NOT_IMPLEMENTED"  # what Seldon's wrapper says where it was not told


class Telemetry:
    """Counts what the doors and the components tell it.

    Durations, batches and requests in flight are told from the thread of the event loop, the rest from any.
    """

    def __init__(
        self, deployment: str, predictor: str, version: str, later: Later = at_once, *, in_flight_limit: int = 0
    ) -> None:
        """`later`: with which what happens until then is written down at once; `write` does it sooner."""
        registry = CollectorRegistry()  # each process's own; what is shown comes from the files of all
        self._where = (deployment, predictor, version)
        pending = Pending(later)
        self.write = pending.write
        """Of what was counted and is not written yet."""

        def durations(name: str, documentation: str, labels: tuple[str, ...]) -> Observed:
            histogram = Histogram(name, documentation, labels, registry=registry, buckets=BUCKETS)
            summary = Summary(f"{name}_summary", documentation, labels, registry=registry)
            return Observed(histogram, summary, BUCKETS, pending)

        self._server = durations(names.EXECUTOR_SERVER, "Requests that this server answered.", SERVER_LABELS)
        self._client = durations(names.EXECUTOR_CLIENT, "Calls to the components of the graph.", CLIENT_LABELS)
        self._answers: dict[tuple[str, ...], Callable[[float], None]] = {}
        self._calls: dict[tuple[str, ...], Callable[[float], None]] = {}
        """What adds to their series, by the labels that differ within a server: these are many."""
        self._refused = Counter(
            names.REFUSED, "Requests that were refused before any component saw them.", ("reason",), registry=registry
        )
        in_flight = Gauge(
            names.IN_FLIGHT, "Requests that are being answered.", registry=registry, multiprocess_mode="livesum"
        )
        self.in_flight = Level(in_flight, pending).add
        """Told of each request that comes, 1, or goes, -1."""
        limit = Gauge(names.IN_FLIGHT_LIMIT, "As many are taken.", registry=registry, multiprocess_mode="livesum")
        limit.set(in_flight_limit)
        self._cpu_seconds = Counter(names.CPU_SECONDS, "Processor time of all workers.", registry=registry)
        self._memory_bytes = Gauge(
            names.MEMORY_BYTES, "Resident memory of all workers.", registry=registry, multiprocess_mode="livesum"
        )

        def sizes(name: str, documentation: str, bounds: tuple[float, ...]) -> Observed:
            histogram = Histogram(name, documentation, ("model_name",), registry=registry, buckets=bounds)
            return Observed(histogram, None, bounds, pending)

        self._batch_rows = sizes(
            names.BATCH_ROWS, "Rows that one call of a row-wise component answered.", ROWS_OF_A_BATCH
        )
        self._batch_requests = sizes(
            names.BATCH_REQUESTS, "Requests that one call of a row-wise component answered.", REQUESTS_OF_A_BATCH
        )
        self._events_dropped = Counter(
            names.EVENTS_DROPPED,
            "Events of the request log that were not delivered.",
            ("reason",),
            registry=registry,
        )
        self._unrouted = Counter(
            names.UNROUTED_FEEDBACK,
            "Feedback that does not say which branch of a router answered.",
            ("model_name",),
            registry=registry,
        )
        self._timed_out = Counter(
            names.TIMED_OUT, "Calls to a component that did not come back in time.", ("model_name",), registry=registry
        )
        self._components = ComponentMetrics()

    def answered(self, service: str, method: str, code: str, seconds: float) -> None:
        """A request to this server: `service` is predictions, feedback, ..., or the gRPC method."""
        key = service, method, code
        add = self._answers.get(key)
        if add is None:
            add = self._answers[key] = self._server.of((*self._where, *key))
        add(seconds)

    def called(self, node: str, image: str, /, service: str, method: str, code: str, seconds: float) -> None:  # noqa: PLR0917 -- so calls are told
        """A call to a component, in this process or elsewhere."""
        key = node, service, method, code
        add = self._calls.get(key)
        if add is None:
            labels = (*self._where, service, node, *split_image(image), method, code)
            add = self._calls[key] = self._client.of(labels)
        add(seconds)

    def batched(self, node: str, rows: int, requests: int) -> None:
        self._batch_rows.add((node,), rows)
        self._batch_requests.add((node,), requests)

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def event_dropped(self, reason: str) -> None:
        self._events_dropped.labels(reason).inc()

    def feedback_without_routing(self, router: str) -> None:
        self._unrouted.labels(router).inc()

    def timed_out(self, node: str) -> None:
        self._timed_out.labels(node).inc()

    def told_by(self, identity: Identity, metrics: Sequence[Mapping[str, Any]], method: str) -> None:
        """Custom metrics of a component, valid by the wrapper's rules. Raises nothing: no metric is worth an answer."""
        self._components.add_all(metrics, _identity_labels(identity), method)

    def observed_by(self, identity: Identity, metrics: Sequence[Mapping[str, Any]]) -> None:
        """What a component counted beside its requests, of predictions by what it is."""
        self._components.add_observed(metrics, _identity_labels(identity), "predict")

    def used(self, cpu_seconds: float, memory_bytes: int) -> None:
        """By this process: processor time since it was last told, and the memory that it holds now."""
        self._cpu_seconds.inc(cpu_seconds)
        self._memory_bytes.set(memory_bytes)

    def rewarded(self, identity: Identity, reward: float) -> None:
        """A reward that reached a component, zero included; negative ones count, but no counter can take their sum."""
        labels = _identity_labels(identity)
        self._components.add({"type": "COUNTER", "key": names.MODEL_FEEDBACK, "value": 1}, labels, "feedback")
        if reward >= 0:
            metric = {"type": "COUNTER", "key": names.MODEL_FEEDBACK_REWARD, "value": reward}
            self._components.add(metric, labels, "feedback")


@functools.lru_cache(maxsize=256)
def split_image(image: str) -> tuple[str, str]:
    """`registry:5000/name:tag` -> name and tag; a port is no tag."""
    name, colon, tag = image.rpartition(":")
    return (image, "") if not colon or "/" in tag else (name, tag)


def _identity_labels(identity: Identity) -> dict[str, str]:
    """Not to be changed: they are made once."""
    version = str(identity.labels.get("version", NOT_GIVEN))
    return _labels(identity.deployment, identity.predictor, version, identity.unit, identity.image)


@functools.lru_cache(maxsize=256)
def _labels(deployment: str, predictor: str, predictor_version: str, unit: str, image: str) -> dict[str, str]:
    name, version = split_image(image) if image else (NOT_GIVEN, NOT_GIVEN)
    deployment = deployment or NOT_GIVEN
    return {
        "deployment_name": deployment,
        "model_name": unit or NOT_GIVEN,
        "model_image": name,
        "model_version": version,
        "predictor_name": predictor or NOT_GIVEN,
        "predictor_version": predictor_version,
        # as Seldon's wrapper calls them beside, for dashboards from before its release 1.3
        "seldon_deployment_name": deployment,
        "image_name": name,
        "image_version": version,
    }
