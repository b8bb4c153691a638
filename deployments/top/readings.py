"""Pages of metrics -> what each predictor has done so far, and what between two looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from deployments.experiment.mean_rewards import Rewards
from model_server import metric_names as names

PREDICTIONS: Final = frozenset({"predictions", "/seldon.protos.Seldon/Predict"})
CALLERS_FAULTS: Final = frozenset(
    {"Canceled", "InvalidArgument", "NotFound", "AlreadyExists", "PermissionDenied", "Unauthenticated", "OutOfRange"}
)
"""Codes of gRPC, as the executor spells them."""

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


@dataclass(frozen=True)
class Reading:
    """One look at all of them. Rewards go by deployment and by who had answered, whoever received them."""

    counts: Mapping[Key, Counts]
    rewards: Mapping[Key, Rewards]


def read(pages: Iterable[str]) -> Reading:
    """Pages as /prometheus gives them, of any number of programs."""
    counts: dict[Key, Counts] = defaultdict(Counts)
    rewards: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    samples = [s for page in pages for family in text_string_to_metric_families(page) for s in family.samples]
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
    return Reading(counts, {key: Rewards(*each) for key, each in rewards.items()})


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
    """Whether a code, of HTTP or gRPC, says that the service failed, and not its caller."""
    return code.startswith("5") if code.isdecimal() else code not in {"OK", *CALLERS_FAULTS}
