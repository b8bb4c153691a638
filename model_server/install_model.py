"""InstallModel: the Seldon wrapper class. Validates, preprocesses and predicts inside `predict`.

Runs under the stock `seldon-core-microservice` (`MODEL_NAME=model_server.install_model.InstallModel`), and imports
nothing of it. Seldon calls the `_raw` methods, which see the message as it came: the wrapper's own conversion turns a
row with one text into texts altogether and cannot tell 1 from "1", or null from nothing.
"""

from __future__ import annotations

import gc
import logging
import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_server import artifact, metric_names, seldon_messages, stock_wrapper
from model_server.drift.kept import largest_difference
from model_server.drift.windows import Monitor
from model_server.errors import CallersFault, OursToMend
from model_server.impressions import COLUMNS, NAMES
from model_server.observations import Observations, ObservedMetric
from model_server.scoring import Payload, Scored, Scorer
from model_server.seldon_messages import Meta, Metric, Records, Request, Table, Tensor

logger = logging.getLogger(__name__)

_PROBE = {
    "id": 0,
    "timestamp": "2019-01-21T09:00:14Z",
    "startCount": 0,
    "viewCount": 0,
    "clickCount": 0,
    "installCount": 0,
    "startCount1d": 0,
    "startCount7d": 0,
}
_HEALTH_RECORD = {column.name: _PROBE.get(column.name) for column in COLUMNS}


class NoModelGiven(OursToMend):
    """Nobody said where the model is."""


class InvalidFeedback(CallersFault):
    """The reward is no number, or negative: a counter of rewards cannot take it."""


class InstallModel:
    """P(install) of impressions.

    Parameters (Seldon graph parameters): `model_uri`, the folder of a model bundle, as a path or file://PATH. Without
    it the folder in MLSERVER_MODEL_URI, which Seldon's operator sets to the mounted `modelUri` of the graph node.
    """

    never_waits = True
    """Of our graph server: what answers many requests computes, and does nothing else."""

    def __init__(self, model_uri: str | None = None) -> None:
        """Load and check the bundle. Errors: NoModelGiven, BundleMissing, BundleDamaged: the server does not start."""
        model_uri = model_uri or os.environ.get("MLSERVER_MODEL_URI")
        if not model_uri:
            raise NoModelGiven(
                "no model given: set the graph node's modelUri, or the parameter model_uri to the folder of a bundle"
            )
        self._bundle = artifact.load(artifact.folder_of(model_uri))
        self._scorer = Scorer(self._bundle)
        # The operator's names for where this runs; empty outside a deployment.
        self._predictor = os.environ.get("PREDICTOR_ID", "")
        unit, image = os.environ.get("PREDICTIVE_UNIT_ID", ""), os.environ.get("PREDICTIVE_UNIT_IMAGE", "")
        self._own_path = {unit: image} if unit else {}
        self._own_tags = {
            metric_names.PREDICTOR_TAG: self._predictor,
            "model_version": self._bundle.version,
            "feature_set": self._bundle.features.name,
        }
        stock_wrapper.adapt()

    def load(self) -> None:
        """Called by Seldon once a worker process: one that cannot score does not start."""
        self.health_status()
        gc.collect()
        gc.freeze()  # the model and the libraries stay for good; no collection need look at them again

    def predict(
        self,
        X: Any,  # noqa: N803
        names: Sequence[str] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> NDArray[np.float32]:
        """P(install) of each row, float32[n].

        X: rows of raw columns named by `names` in any order; or one record or a list of records, without names; or,
        for a classic model, an array [n, 56] of ready features. Errors: CallersFault with every finding.
        """
        del meta
        if isinstance(X, np.ndarray) and X.dtype.kind in "fiu":
            payload: Payload = Tensor(X.astype(np.float64).ravel(), X.shape, list(names or []))
        elif isinstance(X, Mapping) or (isinstance(X, list) and X and isinstance(X[0], Mapping)):
            payload = Records(X)
        else:
            payload = Table(X.tolist() if isinstance(X, np.ndarray) else X, list(names if names is not None else []))
        return self._scorer.score(payload).probabilities

    def predict_raw(self, message: Any) -> Any:
        """Answer a SeldonMessage, dict or protobuf, in its own form. Errors: CallersFault."""
        asked = seldon_messages.decode(message)
        return self._answer(message, asked, self._scorer.score(asked.payload))

    def predict_many(self, messages: Sequence[Any]) -> list[Any]:
        """Of each message what `predict_raw` returns, or the CallersFault that it raises; all are scored at once.

        Our graph server asks so where requests come faster than one at a time. Stock Seldon never does.
        """
        answers: dict[int, Any] = {}
        asked: dict[int, Request] = {}
        for i, message in enumerate(messages):
            try:
                asked[i] = seldon_messages.decode(message)
            except CallersFault as fault:
                answers[i] = fault
        scored = self._scorer.score_many([one.payload for one in asked.values()])
        for (i, one), told in zip(asked.items(), scored, strict=True):
            answers[i] = told if isinstance(told, CallersFault) else self._answer(messages[i], one, told)
        return [answers[i] for i in range(len(messages))]

    def send_feedback_raw(self, feedback: Any) -> Any:
        """Count a reward, zero included, for the predictor that the response names. Errors: InvalidFeedback."""
        if isinstance(feedback, Mapping):
            reward, response = feedback.get("reward", 0.0), feedback.get("response") or {}
            tags = (response.get("meta") or {}).get("tags") or {}
            credited = tags.get(metric_names.PREDICTOR_TAG)
        else:
            reward, response = feedback.reward, feedback.response
            tags = response.meta.tags
            credited = tags[metric_names.PREDICTOR_TAG].string_value if metric_names.PREDICTOR_TAG in tags else None
        if isinstance(reward, bool) or not isinstance(reward, int | float) or not 0 <= reward < math.inf:
            raise InvalidFeedback(f"the reward is {reward}; a finite number from 0 is expected")
        label = {metric_names.CREDITED_PREDICTOR_LABEL: str(credited or self._predictor)}
        # A sum does not grow by zero; and protobuf's JSON leaves a zero out, where the wrapper then looks for a value.
        total = (Metric(metric_names.REWARD, float(reward), label),) if reward else ()
        shown = max(seldon_messages.numbers_in(response), default=0.0)  # whoever asks shows the likeliest of its ads
        expected = (Metric(metric_names.EXPECTED_REWARD, shown, label),) if 0 < shown <= 1 else ()
        metrics = (Metric(metric_names.FEEDBACK, 1, label), *total, *expected)
        return seldon_messages.encode_meta(response, Meta(tags=self._own_tags, metrics=metrics))

    def health_status(self) -> list[float]:
        """The probability of one made-up impression: green means that a real prediction works."""
        probabilities: list[float] = self._scorer.score(
            Records([_HEALTH_RECORD]), is_noted=False
        ).probabilities.tolist()
        return probabilities

    def observed_metrics(self) -> Sequence[ObservedMetric]:
        """At first which model this is; from then on what was scored since this was last asked.

        Our graph server asks once a second, on a thread of its own. Stock Seldon never does, and nothing is noted.
        """
        if self._scorer.observations is None:
            record, about = self._bundle.drift, self._about_the_model()
            self._scorer.observations = Observations(Monitor(record.reference) if record is not None else None)
            return about
        return self._scorer.observations.told()

    def init_metadata(self) -> dict[str, Any]:
        """What Seldon's /metadata tells about this model."""
        manifest = self._bundle.manifest
        return {
            "name": self._bundle.name,
            "versions": [self._bundle.version],
            "platform": "xgboost",
            "inputs": [{"messagetype": "ndarray", "schema": {"names": [column.name for column in COLUMNS]}}],
            "outputs": [{"messagetype": "ndarray", "schema": {"names": ["prob_install"]}}],
            "custom": {
                "feature_set": self._bundle.features.name,
                **{name: str(value) for name, value in manifest.get("metrics", {}).items()},
            },
        }

    @cached_property
    def model_error_handler(self) -> Any:
        """The Flask blueprint through which the stock wrapper answers our errors over REST."""
        return stock_wrapper.error_blueprint()

    def _about_the_model(self) -> list[ObservedMetric]:
        bundle = self._bundle
        tags = {"bundle": bundle.name, "bundle_version": bundle.version, "feature_set": bundle.features.name}
        told: dict[str, tuple[float, dict[str, str]]] = {metric_names.MODEL_INFO: (1, tags)}
        if trained_at := bundle.manifest.get("trained_at"):
            told[metric_names.TRAINED_AT] = datetime.fromisoformat(trained_at).timestamp(), {}
        if bundle.drift is not None:
            kept = bundle.drift.kept
            scores = self._scorer.score(Table(kept.rows, list(NAMES)), is_noted=False).probabilities
            difference = largest_difference(scores, kept)
            told[metric_names.TRAINING_DIFFERENCE] = 1.0 if math.isnan(difference) else difference, {}
        return [{"type": "GAUGE", "key": key, "value": value, "tags": tags} for key, (value, tags) in told.items()]

    def _answer(self, message: Any, asked: Request, scored: Scored) -> Any:
        own = Meta(tags=self._own_tags, request_path=self._own_path, metrics=scored.metrics)
        return seldon_messages.encode(message, scored.probabilities, asked, own)
