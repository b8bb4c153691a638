"""The vocabulary of metrics as docs/metrics.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from model_server.metric_vocabulary import COMPONENT_LABELS, VOCABULARY, Metric


@dataclass(frozen=True)
class Section:
    """Metrics that something other than a predictor tells."""

    title: str
    introduction: str
    vocabulary: Iterable[Metric]


def as_markdown(vocabulary: Iterable[Metric] = VOCABULARY, others: Iterable[Section] = ()) -> str:
    """The tables of docs/metrics.md: those of a predictor, and a section for each of the others."""
    of_components = [metric for metric in vocabulary if metric.of_a_component]
    of_the_server = [metric for metric in vocabulary if not metric.of_a_component]
    shared = ", ".join(f"`{label}`" for label in COMPONENT_LABELS)
    return "\n".join(
        (
            "# Metrics",
            "",
            "Written by `forkcast metrics` from `model_server/metric_vocabulary.py`; change it there. A graph server",
            "tells them at `/prometheus`, all its workers as one. Names as they are queried: of a histogram there are",
            "`_bucket`, `_sum` and `_count`, of a summary `_sum` and `_count`.",
            "",
            "## Of the server",
            "",
            *_table(of_the_server),
            "",
            "## Of the components in it",
            "",
            f"Beside their own labels they have those that Seldon's wrapper gives: {shared}.",
            "A component that stands in a container of its own tells them there.",
            "",
            *_table(of_components),
            "",
            *(line for section in others for line in _section(section)),
        )
    )


def _section(section: Section) -> Iterable[str]:
    return (f"## {section.title}", "", section.introduction, "", *_table(section.vocabulary), "")


def _table(metrics: Iterable[Metric]) -> Iterable[str]:
    yield "| metric | type | labels | unit | what it counts | which question it answers |"
    yield "|---|---|---|---|---|---|"
    for each in metrics:
        labels = ", ".join(f"`{label}`" for label in each.labels) or "-"
        yield f"| `{each.exposed_name}` | {each.kind} | {labels} | {each.unit} | {each.meaning} | {each.question} |"
