"""Metrics as numbers by name and labels, so that those of two programs can be compared."""

from collections import defaultdict

from differential_faults import feedback_of
from prometheus_client.parser import text_string_to_metric_families

FEEDBACK = "seldon_api_model_feedback_total"
REWARD = "seldon_api_model_feedback_reward_total"
OF_A_GRAPH = ("seldon_api_executor_server_requests_seconds_count", "seldon_api_executor_client_requests_seconds_count")
OUR_OWN = ("graph_server_", "seldon_api_executor_")


def of_graph(text):
    """Requests, and calls to components."""
    return {key: value for key, value in _counts(text).items() if key[0] in OF_A_GRAPH}


def of_component(text):
    """What the component tells, and its rewards; of all workers of Seldon's wrapper together. Gauges are left out."""
    return {key: value for key, value in _counts(text).items() if not key[0].startswith(OUR_OWN)}


def since(before, after):
    added = {key: value - before.get(key, 0.0) for key, value in after.items()}
    return {key: value for key, value in added.items() if value}


def with_all_rewards(counts, requests):
    """As Seldon would count if a reward of 0 counted, and negative ones did not lessen a counter: as we do."""
    rewards = [feedback_of(request).reward for request in requests if request.is_message and request.is_feedback]
    amended = dict(counts)
    for name, labels in counts:
        if name == FEEDBACK:
            amended[name, labels] += sum(reward == 0 for reward in rewards)
        if name == REWARD:
            amended[name, labels] -= sum(reward for reward in rewards if reward < 0)
    return amended


def _counts(text):
    counts = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.type != "gauge" else ():
            labels = tuple(sorted((name, text) for name, text in sample.labels.items() if name != "worker_id"))
            counts[sample.name, labels] += sample.value
    return dict(counts)
