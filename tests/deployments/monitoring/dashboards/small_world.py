"""A deployment under traffic, as series: a champion and a challenger, without a fault, and with nothing optional."""

from __future__ import annotations

from asked_of_prometheus import PROBABILITY_BUCKETS, counter, gauge, histogram

from model_server import metric_names as names

PREDICTIONS = {"service": "predictions", "method": "post", "code": "200"}
WEIGHTS = {"champion": 90, "challenger": 10}


def labels_of(predictor):
    return {"deployment_name": "xgboost", "predictor_name": predictor, "pod": f"xgboost-{predictor}"}


def of_a_node(predictor, node="classifier"):
    return labels_of(predictor) | {"model_name": node, "model_image": "forkcast", "model_version": "1"}


def requests(predictor, per_second, **labels):
    return histogram(names.EXECUTOR_SERVER, labels_of(predictor) | PREDICTIONS | labels, per_second)


def weight(predictor, percent, role="live"):
    named = {"deployment_name": "xgboost", "predictor_name": predictor, "role": role}
    return gauge(names.TRAFFIC_PERCENT, named | {"pod": None, "container": None}, percent)


def model(predictor, per_second, node="classifier"):
    """What a healthy model tells when it scores ten rows a request."""
    labels = of_a_node(predictor, node)
    told = counter(f"{names.EXPOSURES}_total", labels, per_second * 10)
    told |= histogram(names.PROBABILITY, labels, per_second * 10, PROBABILITY_BUCKETS, within="0.03", mean=0.02)
    for stage in names.STAGES:
        told |= histogram(names.STAGE, labels | {"stage": stage}, per_second)
    bundle = {"bundle": predictor, "bundle_version": "a1b2", "feature_set": "classic"}
    told |= gauge(names.MODEL_INFO, labels | bundle, 1)
    told |= gauge(names.TRAINED_AT, labels, 0)
    told |= gauge(names.TRAINING_DIFFERENCE, labels, 0)
    window = "1000"
    told |= gauge(names.DRIFT_SAMPLE_SIZE, labels | {"window": window}, 10_000)
    told |= counter(f"{names.DRIFT_WINDOWS}_total", labels | {"window": window}, 0.01)
    for column in ("country", names.PROBABILITY_COLUMN):
        told |= gauge(names.DRIFT_PSI, labels | {"window": window, "column": column}, 0.02)
        told |= gauge(names.DRIFT_P_VALUE, labels | {"window": window, "column": column}, 0.6)
    return told


def server(predictor, per_second):
    """What its graph server tells of itself and of the calls to its one node."""
    pod = {"pod": f"xgboost-{predictor}"}
    told = histogram(
        names.EXECUTOR_CLIENT,
        of_a_node(predictor) | {"service": "/predict", "method": "unary", "code": "200"},
        per_second,
    )
    told |= gauge(names.IN_FLIGHT, pod, 2) | gauge(names.IN_FLIGHT_LIMIT, pod, 1024)
    told |= counter(f"{names.CPU_SECONDS}_total", pod, 0.2) | gauge(names.MEMORY_BYTES, pod, 3e8)
    for batches in (names.BATCH_ROWS, names.BATCH_REQUESTS):
        told |= histogram(
            batches, pod | {"model_name": "classifier"}, per_second, ("1", "10", "100", "+Inf"), within="10"
        )
    return told | gauge("up", pod, 1)


def feedback(receiver, credited, per_second, *, reward=0.0, expected=0.0, node="classifier"):
    labels = of_a_node(receiver, node) | {names.CREDITED_PREDICTOR_LABEL: credited}
    told = counter(f"{names.FEEDBACK}_total", labels, per_second)
    told |= counter(f"{names.REWARD}_total", labels, reward) if reward else {}
    return told | (counter(f"{names.EXPECTED_REWARD}_total", labels, expected) if expected else {})


def simulator(per_second):
    own = {"namespace": None, "pod": None, "container": None, "job": "forkcast-simulator"}
    answered = own | {"outcome": "answered", "predictor_name": "champion"}
    return (
        counter(f"{names.SIM_PLANNED}_total", own, per_second)
        | counter(f"{names.SIM_REQUESTS}_total", answered, per_second)
        | counter(f"{names.SIM_RECORDS}_total", own, per_second * 10)
        | histogram(names.SIM_LATENCY, own, per_second)
        | histogram(names.SIM_LAG, own, per_second)
        | gauge(names.SIM_IN_FLIGHT, own, 1)
        | counter(f"{names.SIM_FEEDBACK}_total", answered, per_second)
    )


def healthy():
    """100 requests a second, no error, no reward yet."""
    told = simulator(100)
    for predictor, percent in WEIGHTS.items():
        told |= requests(predictor, percent) | model(predictor, percent) | server(predictor, percent)
        told |= weight(predictor, percent)
        told |= feedback(predictor, predictor, percent / 2, expected=percent / 100)
    return told


def with_a_shadow():
    """The challenger has copies of 80 of 100 requests."""
    return (
        healthy()
        | requests("champion", 100)
        | requests("shadow", 80)
        | model("shadow", 80)
        | weight("shadow", 100, "shadow")
    )


def with_a_bandit():
    """One predictor, `arms`, whose router has learnt of two children; an outlier detector before it."""
    labels = of_a_node("arms", "router")
    told = requests("arms", 100) | server("arms", 100) | weight("arms", 100)
    for arm, share in WEIGHTS.items():
        told |= model("arms", share, arm)
        told |= counter(f"{names.ROUTER_CHOICES}_total", labels | {"arm": arm}, share)
        told |= counter(f"{names.ROUTER_TRIALS}_total", labels | {"arm": arm}, share / 2)
        told |= gauge(names.ROUTER_ARM_PROBABILITY, labels | {"arm": arm}, share / 100)
        told |= feedback("arms", "arms", share / 2, reward=share / 50, expected=share / 50, node=arm)
    told |= gauge(names.ROUTER_STATE_AGE, labels, 1)
    return told | counter(f"{names.OUTLIER_ROWS}_total", of_a_node("arms", "outlier-detector"), 1000)
