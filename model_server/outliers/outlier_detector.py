"""OutlierDetector: a Seldon TRANSFORMER that marks impressions unlike those of training, and hands every request on.

Runs in our graph server and under the stock `seldon-core-microservice`
(`MODEL_NAME=model_server.outliers.outlier_detector.OutlierDetector`), and imports nothing of either.
"""

from __future__ import annotations

import gc
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server import metric_names, seldon_messages, stock_wrapper
from model_server.bundle_files import folder_of
from model_server.errors import CallersFault, OursToMend
from model_server.impressions import COLUMNS, Impressions, Kind, from_records
from model_server.outliers import detector_bundle
from model_server.outliers.pass_through import Added, passed_on
from model_server.reading import leave, read_together
from model_server.seldon_messages import Metric, Records, Table, Tensor

logger = logging.getLogger(__name__)

_HEALTH_RECORD: Final = {
    column.name: "2019-01-21T09:00:14Z"
    if column.name == "timestamp"
    else 0
    if column.kind in {Kind.IDENTIFIER, Kind.COUNT}
    else None
    for column in COLUMNS
}


class NoDetectorGiven(OursToMend):
    """Nobody said where the detector is."""


class InvalidThreshold(OursToMend):
    """The threshold is no score."""


@dataclass(slots=True)
class _Marks:
    """What the detector says of a request's rows: a score each, and whether it is above the threshold."""

    scores: list[float]
    is_outlier: list[int]


class OutlierDetector:
    """Adds `outlier_score` and `is_outlier` to `meta.tags`, a number for each row; nothing else of a request changes.

    It never refuses a request: what it cannot read goes on unmarked, is counted, and is for the model to judge.

    Parameters (Seldon graph parameters): `model_uri`, the folder of a detector that `forkcast fit-detector` wrote, as
    a path or file://PATH; without it the folder in MLSERVER_MODEL_URI. `threshold` (FLOAT), a score to take the place
    of the fitted one; an impression is an outlier above it.
    """

    never_waits = True
    """Of our graph server: what answers many requests computes, and does nothing else."""

    def __init__(self, model_uri: str | None = None, threshold: float | None = None) -> None:
        """Errors: NoDetectorGiven, BundleMissing, BundleDamaged, InvalidThreshold: the server does not start."""
        model_uri = model_uri or os.environ.get("MLSERVER_MODEL_URI")
        if not model_uri:
            raise NoDetectorGiven(
                "no outlier detector given: set the graph node's parameter model_uri, or its modelUri, to the folder "
                "that `forkcast fit-detector` wrote"
            )
        self._bundle = detector_bundle.load(folder_of(model_uri))
        self._threshold = self._bundle.threshold if threshold is None else _checked_threshold(threshold)
        unit, image = os.environ.get("PREDICTIVE_UNIT_ID", ""), os.environ.get("PREDICTIVE_UNIT_IMAGE", "")
        self._own_path = {unit: image} if unit else {}
        self._failed_before = False
        stock_wrapper.adapt()

    def load(self) -> None:
        """Called by Seldon once a worker process: one that cannot score does not start."""
        self.health_status()
        gc.collect()
        gc.freeze()  # as in InstallModel

    def transform_input_raw(self, message: Any) -> Any:
        """A SeldonMessage, dict or protobuf, handed on with its marks. Never an error."""
        return self._transformed([message], leaves=False)[0]

    def transform_input_many(self, messages: Sequence[Any]) -> list[Any]:
        """Of each message what `transform_input_raw` returns; all rows are read and scored at once."""
        return self._transformed(messages, leaves=True)

    def _transformed(self, messages: Sequence[Any], *, leaves: bool) -> list[Any]:
        told: dict[int, _Marks | str] = {}
        raw: dict[int, Table | Records] = {}
        for i, message in enumerate(messages):
            payload = self._payload(message)
            if isinstance(payload, str):
                told[i] = payload
            else:
                raw[i] = payload
        told |= self._marked(raw, leaves=leaves)
        return [self._handed_on(message, told[i]) for i, message in enumerate(messages)]

    def health_status(self) -> list[float]:
        """The score of one made-up impression: green means that real ones are scored."""
        scores: list[float] = self._scores(from_records([_HEALTH_RECORD])).tolist()
        return scores

    def init_metadata(self) -> dict[str, Any]:
        """What Seldon's /metadata tells about this detector."""
        manifest = self._bundle.manifest
        inputs = [{"messagetype": "ndarray", "schema": {"names": [column.name for column in COLUMNS]}}]
        return {
            "name": self._bundle.name,
            "versions": [self._bundle.version],
            "platform": "treelite",
            "inputs": inputs,
            "outputs": inputs,
            "custom": {
                "columns": ", ".join(manifest["columns"]),
                "threshold": str(self._threshold),
                **{f"false_alarm_rate_{name}": str(rate) for name, rate in manifest["false_alarm_rate"].items()},
            },
        }

    @cached_property
    def model_error_handler(self) -> Any:
        """The Flask blueprint through which the stock wrapper answers what is no JSON with 400, not 500."""
        return stock_wrapper.error_blueprint()

    def _payload(self, message: Any) -> Table | Records | str:
        """What can be read, or why it cannot."""
        try:
            payload = seldon_messages.decode(message).payload
        except CallersFault:
            return metric_names.UNREAD_INVALID
        except Exception as error:  # noqa: BLE001  (whatever a client sends, the model is to judge it)
            return self._failed(error)
        return metric_names.UNREAD_FEATURES if isinstance(payload, Tensor) else payload

    def _marked(self, raw: Mapping[int, Table | Records], *, leaves: bool = False) -> dict[int, _Marks | str]:
        """Of each request its marks, or why it has none."""
        told: dict[int, _Marks | str] = {}
        try:
            read = read_together(raw)
            if leaves:
                leave(raw, read)
            told |= dict.fromkeys(read.faults, metric_names.UNREAD_INVALID)
            if read.impressions is not None:
                scores = self._scores(read.impressions)
                finite = np.isfinite(scores)  # JSON has no word for others, and the whole answer would be lost
                are_all_finite = bool(finite.all())
                are_outliers = (scores > self._threshold).astype(int).tolist()
                first, told_scores = 0, scores.tolist()
                for i, size in read.sizes.items():
                    rows = slice(first, first + size)
                    first += size
                    if are_all_finite or finite[rows].all():
                        told[i] = _Marks(told_scores[rows], are_outliers[rows])
                    else:
                        told[i] = self._failed("the scores are not all finite")
        except Exception as error:  # noqa: BLE001  (as above)
            if len(raw) == 1:
                return dict.fromkeys(raw, self._failed(error))
            return {i: one for i, payload in raw.items() for one in self._marked({i: payload}).values()}
        return told

    def _scores(self, impressions: Impressions) -> NDArray[np.float64]:
        return self._bundle.scores(impressions)

    def _failed(self, why: Exception | str) -> str:
        """Logged once: it may be so for every request, thousands a second; the counter has them all."""
        if not self._failed_before:
            self._failed_before = True
            error = why if isinstance(why, Exception) else None
            logger.error("no outlier scores for a request; others are counted, not logged: %s", why, exc_info=error)
        return metric_names.UNREAD_FAILED

    def _handed_on(self, message: Any, told: _Marks | str) -> Any:
        if isinstance(told, str):
            unread = Metric(metric_names.OUTLIER_UNREAD, 1, {metric_names.REASON_LABEL: told})
            return passed_on(message, Added(request_path=self._own_path, metrics=(unread,)))
        tags: dict[str, Sequence[float]] = {
            metric_names.OUTLIER_SCORE_TAG: told.scores,
            metric_names.IS_OUTLIER_TAG: told.is_outlier,
        }
        metrics = (
            Metric(metric_names.OUTLIER_ROWS, len(told.scores), {}),
            Metric(metric_names.OUTLIERS, sum(told.is_outlier), {}),
        )
        return passed_on(message, Added(tags, self._own_path, metrics))


def _checked_threshold(threshold: Any) -> float:
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise InvalidThreshold(
            f"the parameter threshold is {threshold!r}; a finite number is expected (type FLOAT), such as 0.05: scores "
            "lie between -0.5 and 0.5, and what is above the threshold is an outlier"
        )
    return float(threshold)
