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
