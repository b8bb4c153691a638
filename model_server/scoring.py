"""What was asked -> P(install): the path from a request's payload through features to the model, several at a time.

Requests that come together cost little more than one: their rows are checked, made into features and scored at once,
and each gets to the bit what it would have got alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_server import metric_names
from model_server.artifact import Bundle
from model_server.errors import CallersFault
from model_server.impressions import MAX_ROWS, Finding, Impressions, InvalidImpressions
from model_server.observations import Batch, Observations
from model_server.reading import Read, left_or_read, read_together
from model_server.seldon_messages import Metric, Records, Table, Tensor

type Payload = Table | Records | Tensor


@dataclass(frozen=True)
class Scored:
    """P(install) of each row, float32[n], and how many of them held text that training never saw."""

    probabilities: NDArray[np.float32]
    metrics: tuple[Metric, ...] = ()


class Scorer:
    def __init__(self, bundle: Bundle) -> None:
        self._features = bundle.features
        self._booster = bundle.booster
        self.observations: Observations | None = None
        """Where what was scored is noted, if anybody asks."""

    def score(self, payload: Payload, *, is_noted: bool = True) -> Scored:
        """Errors: CallersFault with every finding."""
        [scored] = self._score([payload], read_together, is_noted=is_noted)
        if isinstance(scored, CallersFault):
            raise scored
        return scored

    def score_many(self, payloads: Sequence[Payload]) -> list[Scored | CallersFault]:
        """Of each payload what `score` would give or raise; payloads of messages that nobody changes any more."""
        return self._score(payloads, left_or_read)

    def _score(
        self,
        payloads: Sequence[Payload],
        read_all: Callable[[Mapping[int, Table | Records]], Read],
        *,
        is_noted: bool = True,
    ) -> list[Scored | CallersFault]:
        began = time.perf_counter()
        scored: dict[int, Scored | CallersFault] = {}
        raw: dict[int, Table | Records] = {}
        ready: dict[int, NDArray[np.float64]] = {}
        for i, payload in enumerate(payloads):
            try:
                if isinstance(payload, Tensor):
                    ready[i] = self._ready_features(payload)
                else:
                    raw[i] = payload
            except CallersFault as fault:
                scored[i] = fault
        read = read_all(raw)
        scored |= read.faults
        impressions, sizes = read.impressions, dict(read.sizes)
        were_read = time.perf_counter()
        matrices = (
            [*ready.values()] if impressions is None else [self._features.transform(impressions), *ready.values()]
        )
        if matrices:
            metrics = {} if impressions is None else self._unknown(impressions, sizes)
            sizes |= {i: len(matrix) for i, matrix in ready.items()}
            were_features = time.perf_counter()
            probabilities = self._booster.predict(matrices[0] if len(matrices) == 1 else np.concatenate(matrices))
            if self.observations is not None and is_noted:
                stages = (were_read - began, were_features - were_read, time.perf_counter() - were_features)
                self.observations.note(Batch(impressions, [*read.sizes.values()], probabilities, stages))
            ends = np.cumsum([*sizes.values()]).tolist()
            for (i, size), end in zip(sizes.items(), ends, strict=True):
                scored[i] = Scored(probabilities[end - size : end], metrics.get(i, ()))
        return [scored[i] for i in range(len(payloads))]

    def _unknown(self, impressions: Impressions, sizes: Mapping[int, int]) -> dict[int, tuple[Metric, ...]]:
        """Of each payload, by column, the rows with text that training never saw; nothing where there is none."""
        unknown = self._features.unknown_rows(impressions)
        if not unknown:
            return {}
        metrics: dict[int, tuple[Metric, ...]] = {}
        payloads, ends = [*sizes], np.cumsum([*sizes.values()])
        for column, rows in unknown.items():
            label = {metric_names.COLUMN_LABEL: column}
            for i, n_unknown in Counter(np.searchsorted(ends, rows, side="right").tolist()).items():
                metric = Metric(metric_names.UNKNOWN_CATEGORIES, n_unknown, label)
                metrics[payloads[i]] = (*metrics.get(payloads[i], ()), metric)
        return metrics

    def _ready_features(self, tensor: Tensor) -> NDArray[np.float64]:
        """The matrix of a tensor. Only the classic model takes one; missing values are NaN and so cannot be sent."""
        features = self._features
        accepted = "send raw columns as data.ndarray with data.names or as jsonData"
        if features.name != "classic":
            raise InvalidImpressions(
                [Finding(f"data.tensor holds ready features, which a {features.name} model does not take; {accepted}")]
            )
        n_features = len(features.names)
        if len(tensor.shape) != 2 or tensor.shape[1] != n_features:
            seen = list(tensor.shape)
            raise InvalidImpressions(
                [Finding(f"data.tensor has the shape {seen}, not [n, {n_features}]; or {accepted}")]
            )
        if not 1 <= tensor.shape[0] <= MAX_ROWS:
            raise InvalidImpressions([Finding(f"{tensor.shape[0]:,} rows; a request holds 1 to {MAX_ROWS:,}")])
        if tensor.names and tuple(tensor.names) != features.names:
            raise InvalidImpressions(
                [Finding("data.names are not the classic features in their order; leave them out")]
            )
        matrix = tensor.values.reshape(tensor.shape)
        findings = [
            Finding(f"{matrix[row, column]}; a finite number is expected", int(row), features.names[column])
            for row, column in np.argwhere(~np.isfinite(matrix) | (np.abs(matrix) > np.finfo(np.float32).max))
        ]
        if findings:
            raise InvalidImpressions(findings)
        return matrix
