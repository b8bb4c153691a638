"""The names of our own metrics and their labels, spelled once. Counters get `_total` where they are exposed."""

from typing import Final

UNKNOWN_CATEGORIES: Final = "install_model_unknown_categories"
"""Counter: cells whose text training never saw. Label: column."""

MISSING_VALUES: Final = "install_model_missing_values"
"""Counter: cells that hold nothing where something may be missing. Label: column."""

EXPOSURES: Final = "install_model_exposures"
"""Counter: impressions that were given a probability."""

PROBABILITY: Final = "install_model_probability"
"""Histogram: the probabilities given; its sum is the number of installs that they promise."""

STAGE: Final = "install_model_stage_seconds"
"""Histogram: what a batch of impressions took. Label: stage, one of STAGES."""
STAGES: Final = ("read", "features", "predict")

MODEL_INFO: Final = "install_model_info"
"""Gauge, always 1. Labels: which bundle is served."""
TRAINED_AT: Final = "install_model_trained_timestamp_seconds"
"""Gauge: when the bundle was made, in seconds since 1970."""
TRAINING_DIFFERENCE: Final = "install_model_training_difference"
"""Gauge: the largest difference between a probability given in training and the same row's here."""

DRIFT_PSI: Final = "install_model_drift_psi"
"""Gauge: population stability index of the last window against training. Labels: column, window."""
DRIFT_P_VALUE: Final = "install_model_drift_p_value"
"""Gauge: of the two-sample test of the last window, corrected for the number of columns. Labels: column, window."""
DRIFT_SAMPLE_SIZE: Final = "install_model_drift_sample_size"
"""Gauge: the rows of the last window. Label: window."""
DRIFT_WINDOWS: Final = "install_model_drift_windows"
"""Counter: windows that were compared with training. Label: window."""
DRIFT_ALARMS: Final = "install_model_drift_alarms"
"""Counter: of them, those in which a column differed. Labels: column, window."""
WINDOW_LABEL: Final = "window"
STAGE_LABEL: Final = "stage"
PROBABILITY_COLUMN: Final = "probability"
"""Stands for the scores among the columns that drift."""

EXPECTED_REWARD: Final = "install_model_expected_reward"
"""Counter: sum of the probabilities that had been given to what was then rewarded or not. Label: credited_predictor."""

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

IN_FLIGHT_LIMIT: Final = "graph_server_requests_in_flight_limit"
"""Gauge: how many it answers at a time, in all workers; it refuses those beyond."""

CPU_SECONDS: Final = "graph_server_cpu_seconds"
"""Counter: processor time of all workers."""

MEMORY_BYTES: Final = "graph_server_memory_bytes"
"""Gauge: resident memory of all workers; what they share counts for each."""

TRAFFIC_PERCENT: Final = "forkcast_predictor_traffic_percent"
"""Gauge: what share the manifest gives a predictor. Labels: namespace, deployment_name, predictor_name, role."""

SIM_PLANNED: Final = "traffic_sim_planned_requests"
"""Counter: requests that were due."""
SIM_REQUESTS: Final = "traffic_sim_requests"
"""Counter: what became of them. Labels: outcome, predictor_name."""
SIM_RECORDS: Final = "traffic_sim_records"
"""Counter: impressions in the requests that were answered."""
SIM_LATENCY: Final = "traffic_sim_latency_seconds"
"""Histogram: from the planned moment to the answer."""
SIM_LAG: Final = "traffic_sim_lag_seconds"
"""Histogram: how much later than planned the generator itself was ready to send."""
SIM_IN_FLIGHT: Final = "traffic_sim_requests_in_flight"
"""Gauge: sent and not answered."""
SIM_FEEDBACK: Final = "traffic_sim_feedback"
"""Counter: rewards that were sent. Labels: outcome, predictor_name."""
SIM_REWARD: Final = "traffic_sim_reward"
"""Counter: sum of the rewards that were accepted. Label: predictor_name."""

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
