"""Pages of metrics -> what each predictor has done so far, and what between two looks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from deployments.experiment.mean_rewards import Rewards
from deployments.monitoring.rules.service_levels import SERVER_FAULTS
from model_server import metric_names as names

PREDICTIONS: Final = frozenset({"predictions", "/seldon.protos.Seldon/Predict"})

type Key = tuple[str, str]
"""Deployment and predictor."""


@dataclass
class Counts:
    """Of one predictor, since its programs started."""

    requests: float = 0.0
    errors: float = 0.0
    """That are the service's fault."""
    rows: float = 0.0
    outlier_rows: float = 0.0
    outliers: float = 0.0
    seconds_up_to: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    """Requests that took at most so long, by bucket."""

    def since(self, before: Counts) -> Counts:
        """What came between; a program that started anew counts from its start."""
        if self.requests < before.requests or self.rows < before.rows:
            return self
        buckets = {le: count - before.seconds_up_to.get(le, 0.0) for le, count in self.seconds_up_to.items()}
        return Counts(
            self.requests - before.requests,
            self.errors - before.errors,
            self.rows - before.rows,
            self.outlier_rows - before.outlier_rows,
            self.outliers - before.outliers,
            buckets,
        )

    def latency_seconds(self, quantile: float) -> float | None:
        """As Prometheus' histogram_quantile has it; None without requests."""
        bounds = sorted(self.seconds_up_to.items())
        if not bounds or not bounds[-1][1]:
            return None
        rank, low, below = quantile * bounds[-1][1], 0.0, 0.0
        for bound, count in bounds:
            if count >= rank:
                if bound == float("inf"):
                    return low
                return low + (bound - low) * ((rank - below) / (count - below) if count > below else 1.0)
            low, below = bound, count
        return low

    def plus(self, other: Counts) -> Counts:
        bounds = self.seconds_up_to.keys() | other.seconds_up_to.keys()
        return Counts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.rows + other.rows,
            self.outlier_rows + other.outlier_rows,
            self.outliers + other.outliers,
            {le: self.seconds_up_to.get(le, 0.0) + other.seconds_up_to.get(le, 0.0) for le in bounds},
        )


@dataclass(frozen=True)
class Reading:
    """One look at all of them, by where each page is from."""

    counts: Mapping[str, Mapping[Key, Counts]]
    rewards_of: Mapping[str, Mapping[Key, Rewards]]
    """By deployment and by who had answered, whoever received them. Of a page that did not come this time, as it last
    was: rewards are of all time."""

    @property
    def rewards(self) -> dict[Key, Rewards]:
        found: dict[Key, Rewards] = {}
        for of_page in self.rewards_of.values():
            for key, each in of_page.items():
                known = found.get(key, Rewards(0, 0))
                found[key] = Rewards(known.count + each.count, known.total + each.total)
        return found

    def since(self, before: Reading, key: Key) -> Counts:
        """What a predictor did between two looks, of the pages that came both times: one alone would tell all time."""
        done = Counts()
        for place in self.counts.keys() & before.counts.keys():
            now, then = self.counts[place].get(key), before.counts[place].get(key, Counts())
            done = done if now is None else done.plus(now.since(then))
        return done


def read(pages: Mapping[str, str], before: Reading | None = None) -> Reading:
    """Pages as /prometheus gives them, by where they are from; without those that did not come."""
    found = {place: _read(page) for place, page in pages.items()}
    rewards = {place: rewards for place, (_, rewards) in found.items()}
    known = before.rewards_of if before is not None else {}
    return Reading({place: counts for place, (counts, _) in found.items()}, {**known, **rewards})


def _read(page: str) -> tuple[dict[Key, Counts], dict[Key, Rewards]]:
    counts: dict[Key, Counts] = defaultdict(Counts)
    rewards: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    arms = {
        (*_place(sample.labels), sample.labels[names.ARM_LABEL])
        for sample in samples
        if sample.name == f"{names.ROUTER_CHOICES}_total"
    }
    for sample in samples:
        if sample.name in {f"{names.FEEDBACK}_total", f"{names.REWARD}_total"}:
            rewards[_credited(sample.labels, arms)][sample.name == f"{names.REWARD}_total"] += sample.value
        else:
            _count(sample.name, sample.labels, sample.value, counts)
    return counts, {key: Rewards(*each) for key, each in rewards.items()}


def _place(labels: Mapping[str, str]) -> Key:
    return labels.get("deployment_name", ""), labels.get("predictor_name", "")


def _credited(labels: Mapping[str, str], arms: Collection[tuple[str, str, str]]) -> Key:
    """Whose reward it is. Behind a router feedback comes to the child that had answered, and names its predictor."""
    deployment, predictor = _place(labels)
    node = labels.get("model_name", "")
    is_an_arm = (deployment, predictor, node) in arms
    return deployment, node if is_an_arm else labels[names.CREDITED_PREDICTOR_LABEL]


def _count(name: str, labels: Mapping[str, str], value: float, counts: Mapping[Key, Counts]) -> None:
    deployment, predictor = _place(labels)
    if not predictor:
        return  # of a component by itself; what it did is told by the server before it, too
    key = deployment, predictor
    if name.startswith(names.EXECUTOR_SERVER) and labels.get("service") in PREDICTIONS:
        if name == f"{names.EXECUTOR_SERVER}_count":
            counts[key].requests += value
            counts[key].errors += value if is_an_error(labels["code"]) else 0
        elif name == f"{names.EXECUTOR_SERVER}_bucket":
            counts[key].seconds_up_to[float(labels["le"])] += value
    elif name == f"{names.EXPOSURES}_total":
        counts[key].rows += value
    elif name == f"{names.OUTLIER_ROWS}_total":
        counts[key].outlier_rows += value
    elif name == f"{names.OUTLIERS}_total":
        counts[key].outliers += value


def is_an_error(code: str) -> bool:
    """Whether a code, of HTTP or gRPC, says that the service failed, and not its caller; as alerts have it."""
    return re.fullmatch(SERVER_FAULTS, code) is not None
