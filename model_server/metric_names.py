"""The names of our own metrics and their labels, spelled once. Counters get `_total` where they are exposed."""

from typing import Final

UNKNOWN_CATEGORIES: Final = "install_model_unknown_categories"
"""Counter: cells whose text training never saw. Label: column."""

FEEDBACK: Final = "install_model_feedback"
"""Counter: rewards received, zero rewards included. Label: credited_predictor."""

REWARD: Final = "install_model_reward"
"""Counter: sum of the rewards received. Label: credited_predictor."""

COLUMN_LABEL: Final = "column"
CREDITED_PREDICTOR_LABEL: Final = "credited_predictor"
"""The predictor named in the response that the feedback carries, not the one that happened to receive it."""

PREDICTOR_TAG: Final = "predictor"
"""The entry of `meta.tags` that names the predictor which answered."""

ARM_TAG: Final = "arm"
"""The entry of `meta.tags` that names the child which a router chose."""

PROPENSITY_TAG: Final = "propensity"
"""The entry of `meta.tags` with the probability of that choice, before it was made."""

USER_TAG: Final = "user"
"""The entry of a request's `meta.tags` that stickiness goes by."""

ROUTER_CHOICES: Final = "router_choices"
"""Counter: requests that a router sent to an arm. Label: arm."""

ROUTER_WITHOUT_KEY: Final = "router_choices_without_key"
"""Counter: of them, those that named no user, and so were not sticky."""

ROUTER_SEVERAL_KEYS: Final = "router_choices_of_several_keys"
"""Counter: of them, those whose rows name different users; the first one decided."""

ROUTER_TRIALS: Final = "router_trials"
"""Counter: rewards that a router took in, zero ones included. Label: arm, the one that earned them."""

ROUTER_REWARD: Final = "router_reward"
"""Counter: sum of those rewards. Label: arm."""

ROUTER_FEEDBACK_IGNORED: Final = "router_feedback_ignored"
"""Counter: feedback that taught a router nothing. Label: reason, no_arm or duplicate."""

ROUTER_ARM_PROBABILITY: Final = "router_arm_probability"
"""Gauge: the probability with which a bandit now chooses an arm. Label: arm."""

ROUTER_STATE_AGE: Final = "router_state_age_seconds"
"""Gauge: how long ago a bandit last read or wrote the state that it shares; since its start, if it never could."""

ROUTER_STORE_ERRORS: Final = "router_store_errors"
"""Counter: times that the store of that state was asked in vain."""

ARM_LABEL: Final = "arm"
REASON_LABEL: Final = "reason"

EXECUTOR_SERVER: Final = "seldon_api_executor_server_requests_seconds"
"""Histogram: requests to a graph server. Seldon's executor's name; a `_summary` twin has sum and count."""

EXECUTOR_CLIENT: Final = "seldon_api_executor_client_requests_seconds"
"""Histogram: calls to the components of a graph. Seldon's executor's name; a `_summary` twin has sum and count."""

MODEL_FEEDBACK: Final = "seldon_api_model_feedback"
"""Counter: rewards that reached a component, zero included. Seldon's wrapper's name, which leaves zeros out."""

MODEL_FEEDBACK_REWARD: Final = "seldon_api_model_feedback_reward"
"""Counter: sum of the rewards that reached a component, those below zero left out. Seldon's wrapper's name."""

REFUSED: Final = "graph_server_refused"
"""Counter: requests refused before any component saw them. Label: reason."""

IN_FLIGHT: Final = "graph_server_requests_in_flight"
"""Gauge: requests that are being answered."""

BATCH_ROWS: Final = "graph_server_batch_rows"
"""Histogram: rows that one call of a row-wise component answered. Label: model_name."""

BATCH_REQUESTS: Final = "graph_server_batch_requests"
"""Histogram: requests that one call of a row-wise component answered. Label: model_name."""

EVENTS_DROPPED: Final = "graph_server_events_dropped"
"""Counter: events of the request log that were not delivered. Label: reason."""

UNROUTED_FEEDBACK: Final = "graph_server_unrouted_feedback"
"""Counter: feedback that does not say which branch of a router answered. Label: model_name, the router."""

TIMED_OUT: Final = "graph_server_component_timeouts"
"""Counter: calls to a component that did not come back in time. Label: model_name."""

OUTLIER_ROWS: Final = "outlier_detector_rows"
"""Counter: rows that the outlier detector scored."""

OUTLIERS: Final = "outlier_detector_outliers"
"""Counter: rows of them that it marked as outliers."""

OUTLIER_UNREAD: Final = "outlier_detector_unread"
"""Counter: requests that it passed on without a mark. Label: reason, one of UNREAD_*."""

UNREAD_FEATURES: Final = "ready_features"
"""A tensor of ready features: the raw columns are not there."""
UNREAD_INVALID: Final = "invalid"
"""No impressions: the model behind it says what is wrong with them."""
UNREAD_FAILED: Final = "failed"
"""The detector's own fault; its log has the error."""

OUTLIER_SCORE_TAG: Final = "outlier_score"
"""The entry of `meta.tags` with the outlier score of each row."""
IS_OUTLIER_TAG: Final = "is_outlier"
"""The entry of `meta.tags` with 1 for each row that is an outlier, 0 for each other."""
