"""What is told under which labels: the vocabulary's metrics, as they are exposed, and those that are not in it."""

from __future__ import annotations

from model_server import metric_names as names
from model_server.metric_vocabulary import COMPONENT_LABELS, VOCABULARY

TARGET_LABELS = {"namespace", "pod", "container", "job", "instance"}
"""What Prometheus adds to whatever it scrapes, here and on a cluster."""

_COMPONENT = set(COMPONENT_LABELS)
_NOT_YET_IN_THE_VOCABULARY = {
    names.EXPOSURES: ("counter", _COMPONENT),
    names.PROBABILITY: ("histogram", _COMPONENT),
    names.MISSING_VALUES: ("counter", _COMPONENT | {"column"}),
    names.STAGE: ("histogram", _COMPONENT | {"stage"}),
    names.MODEL_INFO: ("gauge", _COMPONENT | {"bundle", "bundle_version", "feature_set"}),
    names.TRAINED_AT: ("gauge", _COMPONENT),
    names.TRAINING_DIFFERENCE: ("gauge", _COMPONENT),
    names.DRIFT_PSI: ("gauge", _COMPONENT | {"column", "window"}),
    names.DRIFT_P_VALUE: ("gauge", _COMPONENT | {"column", "window"}),
    names.DRIFT_SAMPLE_SIZE: ("gauge", _COMPONENT | {"window"}),
    names.DRIFT_WINDOWS: ("counter", _COMPONENT | {"window"}),
    names.DRIFT_ALARMS: ("counter", _COMPONENT | {"column", "window"}),
    names.EXPECTED_REWARD: ("counter", _COMPONENT | {"credited_predictor"}),
    names.IN_FLIGHT_LIMIT: ("gauge", set()),
    names.CPU_SECONDS: ("counter", set()),
    names.MEMORY_BYTES: ("gauge", set()),
    names.TRAFFIC_PERCENT: ("gauge", {"namespace", "deployment_name", "predictor_name", "role"}),
    names.SIM_PLANNED: ("counter", set()),
    names.SIM_REQUESTS: ("counter", {"outcome", "predictor_name"}),
    names.SIM_RECORDS: ("counter", set()),
    names.SIM_LATENCY: ("histogram", set()),
    names.SIM_LAG: ("histogram", set()),
    names.SIM_IN_FLIGHT: ("gauge", set()),
    names.SIM_FEEDBACK: ("counter", {"outcome", "predictor_name"}),
    names.SIM_REWARD: ("counter", {"predictor_name"}),
}
_PROMETHEUS_OWN = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity", "deployment_name", "predictor_name"}}


def _exposed(name, kind, labels):
    if kind == "counter":
        return {f"{name}_total": labels}
    if kind == "gauge":
        return {name: labels}
    sums = {f"{name}_sum": labels, f"{name}_count": labels}
    return sums | ({f"{name}_bucket": labels | {"le"}} if kind == "histogram" else {})


LABELS = _PROMETHEUS_OWN.copy()
"""Exposed name -> its labels."""
for _name, (_kind, _labels) in _NOT_YET_IN_THE_VOCABULARY.items():
    LABELS |= _exposed(_name, _kind, _labels)
for _metric in VOCABULARY:
    LABELS |= _exposed(_metric.name, _metric.kind, set(_metric.all_labels))
