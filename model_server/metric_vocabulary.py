"""Every metric that a predictor tells: what it is called, what it counts, and which question it answers.

docs/metrics.md is made from it (`forkcast metrics`), and `tests/model_server/graph/test_metrics_told.py` holds what is
really told against it. Names are spelled in `metric_names`. Labels have few values each: never a campaign, a device or
a user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from model_server import metric_names as names

type Kind = Literal["counter", "gauge", "histogram", "summary"]

SERVER_LABELS: Final = ("deployment_name", "predictor_name", "predictor_version", "service", "method", "code")
_OF_A_COMPONENT: Final = ("model_name", "model_image", "model_version")
CLIENT_LABELS: Final = (*SERVER_LABELS[:4], *_OF_A_COMPONENT, *SERVER_LABELS[4:])
COMPONENT_LABELS: Final = (
    "deployment_name",
    "predictor_name",
    "predictor_version",
    *_OF_A_COMPONENT,
    "method",
    "seldon_deployment_name",
    "image_name",
    "image_version",
)
"""What Seldon's wrapper puts on the metrics of a component, and so do we; the last three by names from before 1.3."""


@dataclass(frozen=True)
class Metric:
    """`name` as it is declared; counters get `_total` where they are exposed."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    """Its own; a component's have COMPONENT_LABELS beside them."""
    unit: str
    meaning: str
    question: str
    of_a_component: bool = False

    @property
    def exposed_name(self) -> str:
        """As a query begins: counters by their total, the others by their family."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    @property
    def all_labels(self) -> tuple[str, ...]:
        return (*self.labels, *COMPONENT_LABELS) if self.of_a_component else self.labels


def _executors(name: str, labels: tuple[str, ...], meaning: str, question: str) -> tuple[Metric, Metric]:
    """Seldon's executor tells each of its durations twice."""
    return (
        Metric(name, "histogram", labels, "seconds", meaning, question),
        Metric(f"{name}_summary", "summary", labels, "seconds", meaning, "What is the mean latency?"),
    )


VOCABULARY: Final = (
    *_executors(
        names.EXECUTOR_SERVER,
        SERVER_LABELS,
        "Requests to a predictor, from arrival to answer. Seldon's executor's name; finer buckets, from 250 us.",
        "How many requests, how many errors of which code, how slow?",
    ),
    *_executors(
        names.EXECUTOR_CLIENT,
        CLIENT_LABELS,
        "Calls to the components of the graph, with what they waited for a batch. Seldon's executor's name.",
        "Which node of the graph is slow, or fails?",
    ),
    Metric(
        names.MODEL_FEEDBACK,
        "counter",
        (),
        "rewards",
        "Rewards that reached a component, zero ones included. Seldon's wrapper's name, which leaves those out.",
        "Does feedback still come?",
        of_a_component=True,
    ),
    Metric(
        names.MODEL_FEEDBACK_REWARD,
        "counter",
        (),
        "reward",
        "Sum of those rewards, those below zero left out. Seldon's wrapper's name.",
        "What is the mean reward of what a component received?",
        of_a_component=True,
    ),
    Metric(
        names.FEEDBACK,
        "counter",
        (names.CREDITED_PREDICTOR_LABEL,),
        "rewards",
        "Rewards by the predictor that had answered, whoever received them; zero ones included.",
        "How many outcomes of each arm are known?",
        of_a_component=True,
    ),
    Metric(
        names.REWARD,
        "counter",
        (names.CREDITED_PREDICTOR_LABEL,),
        "reward",
        "Sum of the rewards by the predictor that had answered.",
        "Which arm earns more?",
        of_a_component=True,
    ),
    Metric(
        names.UNKNOWN_CATEGORIES,
        "counter",
        (names.COLUMN_LABEL,),
        "cells",
        "Cells whose text training never saw, by column.",
        "Has the world outgrown the model's vocabulary?",
        of_a_component=True,
    ),
    Metric(
        names.MISSING_VALUES,
        "counter",
        (names.COLUMN_LABEL,),
        "cells",
        "Cells that hold nothing, by column, where something may be missing.",
        "Has a client stopped telling something?",
        of_a_component=True,
    ),
    Metric(
        names.EXPOSURES,
        "counter",
        (),
        "rows",
        "Impressions that were given a probability.",
        "How many records a second does each arm score?",
        of_a_component=True,
    ),
    Metric(
        names.PROBABILITY,
        "histogram",
        (),
        "probability",
        "The probabilities given; their sum is the number of installs that they promise.",
        "How are the scores of each arm distributed?",
        of_a_component=True,
    ),
    Metric(
        names.EXPECTED_REWARD,
        "counter",
        (names.CREDITED_PREDICTOR_LABEL,),
        "reward",
        "Sum of the highest probability of each answer that feedback came for, which is the ad that was shown.",
        "Beside the rewards: does what is promised come true?",
        of_a_component=True,
    ),
    Metric(
        names.STAGE,
        "histogram",
        (names.STAGE_LABEL,),
        "seconds",
        "What a batch of impressions took: to read and check, to make features of, to score.",
        "Which stage of a prediction is slow?",
        of_a_component=True,
    ),
    Metric(
        names.MODEL_INFO,
        "gauge",
        ("bundle", "bundle_version", "feature_set"),
        "1",
        "Which bundle is served.",
        "Which model answers, and since when is it another?",
        of_a_component=True,
    ),
    Metric(
        names.TRAINED_AT,
        "gauge",
        (),
        "seconds since 1970",
        "When the bundle was made.",
        "Is the model older than it should be?",
        of_a_component=True,
    ),
    Metric(
        names.TRAINING_DIFFERENCE,
        "gauge",
        (),
        "probability",
        "The largest difference between a probability that training gave to a row and what this server gives to it.",
        "Does serving compute what training did?",
        of_a_component=True,
    ),
    Metric(
        names.DRIFT_PSI,
        "gauge",
        (names.COLUMN_LABEL, names.WINDOW_LABEL),
        "1",
        "Population stability index of the last window of requests against training.",
        "Which column has changed, and by how much?",
        of_a_component=True,
    ),
    Metric(
        names.DRIFT_P_VALUE,
        "gauge",
        (names.COLUMN_LABEL, names.WINDOW_LABEL),
        "probability",
        "p value of the two-sample test of that window, corrected for the number of columns.",
        "Could the change be chance?",
        of_a_component=True,
    ),
    Metric(
        names.DRIFT_SAMPLE_SIZE,
        "gauge",
        (names.WINDOW_LABEL,),
        "rows",
        "Rows of that window, one of each request.",
        "How much does the comparison rest on?",
        of_a_component=True,
    ),
    Metric(
        names.DRIFT_WINDOWS,
        "counter",
        (names.WINDOW_LABEL,),
        "windows",
        "Windows that were compared with training.",
        "Of how many windows are the alarms?",
        of_a_component=True,
    ),
    Metric(
        names.DRIFT_ALARMS,
        "counter",
        (names.COLUMN_LABEL, names.WINDOW_LABEL),
        "windows",
        "Windows of them in which a column differed from training.",
        "Do the inputs, or the scores, drift?",
        of_a_component=True,
    ),
    Metric(
        names.OUTLIER_ROWS,
        "counter",
        (),
        "rows",
        "Rows that the outlier detector scored.",
        "Of how many rows is the outlier rate?",
        of_a_component=True,
    ),
    Metric(
        names.OUTLIERS,
        "counter",
        (),
        "rows",
        "Rows of them that it marked as outliers.",
        "Are more impressions odd than were in training?",
        of_a_component=True,
    ),
    Metric(
        names.OUTLIER_UNREAD,
        "counter",
        (names.REASON_LABEL,),
        "requests",
        "Requests that it passed on without a mark: ready features, no impressions, or its own fault.",
        "Is traffic going past the detector?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_CHOICES,
        "counter",
        (names.ARM_LABEL,),
        "requests",
        "Requests that a router sent to an arm.",
        "What share has each arm?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_WITHOUT_KEY,
        "counter",
        (),
        "requests",
        "Requests that named no user, and so were not sticky.",
        "Do callers say who the user is?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_SEVERAL_KEYS,
        "counter",
        (),
        "requests",
        "Requests whose rows name different users; the first one decided.",
        "Do callers mix users in a request?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_TRIALS,
        "counter",
        (names.ARM_LABEL,),
        "rewards",
        "Rewards that a router took in, by the arm that earned them; zero ones included.",
        "How much has the bandit learnt of each arm?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_REWARD,
        "counter",
        (names.ARM_LABEL,),
        "reward",
        "Sum of those rewards.",
        "Which arm does the bandit think is better?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_FEEDBACK_IGNORED,
        "counter",
        (names.REASON_LABEL,),
        "rewards",
        "Feedback that taught a router nothing: it names no arm, or came before.",
        "Why does the bandit not learn?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_ARM_PROBABILITY,
        "gauge",
        (names.ARM_LABEL,),
        "probability",
        "The probability with which a bandit now chooses an arm.",
        "What has the bandit decided, and is it stuck?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_STATE_AGE,
        "gauge",
        (),
        "seconds",
        "How long ago a bandit last read or wrote the state that its replicas share.",
        "Do the replicas still learn from each other?",
        of_a_component=True,
    ),
    Metric(
        names.ROUTER_STORE_ERRORS,
        "counter",
        (),
        "errors",
        "Times that the store of that state was asked in vain.",
        "Is the store away?",
        of_a_component=True,
    ),
    Metric(
        names.REFUSED,
        "counter",
        (names.REASON_LABEL,),
        "requests",
        "Requests refused before any component saw them: too large, too slow, malformed, no room.",
        "Is the server full, or is a client broken?",
    ),
    Metric(
        names.IN_FLIGHT,
        "gauge",
        (),
        "requests",
        "Requests that are being answered, in all workers.",
        "Is it saturated?",
    ),
    Metric(
        names.IN_FLIGHT_LIMIT,
        "gauge",
        (),
        "requests",
        "Requests that it answers at a time, in all workers; others are refused.",
        "How near is saturation?",
    ),
    Metric(
        names.CPU_SECONDS,
        "counter",
        (),
        "seconds",
        "Processor time of all workers.",
        "Is it saturated?",
    ),
    Metric(
        names.MEMORY_BYTES,
        "gauge",
        (),
        "bytes",
        "Resident memory of all workers; what they share counts for each.",
        "Does its memory grow?",
    ),
    Metric(
        names.BATCH_ROWS,
        "histogram",
        ("model_name",),
        "rows",
        "Rows that one call of a row-wise component answered.",
        "Do batches form under load?",
    ),
    Metric(
        names.BATCH_REQUESTS,
        "histogram",
        ("model_name",),
        "requests",
        "Requests that one call of a row-wise component answered.",
        "Do batches form under load?",
    ),
    Metric(
        names.EVENTS_DROPPED,
        "counter",
        (names.REASON_LABEL,),
        "events",
        "Events of the request log that were not delivered.",
        "Is the request log whole?",
    ),
    Metric(
        names.UNROUTED_FEEDBACK,
        "counter",
        ("model_name",),
        "rewards",
        "Feedback that does not say which branch of a router answered.",
        "Do callers send the response back as it came?",
    ),
    Metric(
        names.TIMED_OUT,
        "counter",
        ("model_name",),
        "calls",
        "Calls to a component that did not come back in time.",
        "Does a component hang?",
    ),
)
