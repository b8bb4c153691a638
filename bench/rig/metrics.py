"""What a server tells of itself: one histogram of its /metrics. Pure, but for `told_by`."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families

from rig.served import Server


def told_by(server: Server) -> str:
    url = f"http://127.0.0.1:{server.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def shares(before: str, after: str, name: str) -> dict[str, float]:
    """The share of the observations between the two in each bucket that has any, by its range, such as "2-3"."""
    counts = {bound: count - _buckets(before, name).get(bound, 0.0) for bound, count in _buckets(after, name).items()}
    bounds = [0.0, *sorted(counts)]
    total = counts[bounds[-1]]
    each = {_told(low, high): (counts[high] - counts.get(low, 0.0)) / total for low, high in pairwise(bounds) if total}
    return {told: share for told, share in each.items() if share > 0}


def mean(before: str, after: str, name: str) -> float:
    """Of the observations between the two."""
    total, n = (_value(after, name + end) - _value(before, name + end) for end in ("_sum", "_count"))
    return total / n


def _buckets(text: str, name: str) -> dict[float, float]:
    """How many observations lie at or below each bound, of all labels together."""
    found: dict[float, float] = {}
    for labels, value in _samples(text, f"{name}_bucket"):
        bound = float(labels["le"])
        found[bound] = found.get(bound, 0.0) + value
    return found


def _value(text: str, sample: str) -> float:
    return sum(value for _, value in _samples(text, sample))


def _samples(text: str, sample: str) -> Iterator[tuple[dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        yield from ((each.labels, each.value) for each in family.samples if each.name == sample)


def _told(low: float, high: float) -> str:
    """Whole numbers above `low`, up to `high`."""
    if high == float("inf"):
        return f">{low:g}"
    return f"{high:g}" if high == low + 1 else f"{low + 1:g}-{high:g}"
