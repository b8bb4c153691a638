"""Components in this process that a request goes through one after the other: many are taken through at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from model_server.graph.components.batching import Batcher
from model_server.graph.components.component import Component
from model_server.graph.components.in_process import InProcess
from model_server.graph.verbs import Verb


def chained(steps: Sequence[tuple[Component, Verb]]) -> Iterator[tuple[int, int, Batcher]]:
    """The runs of two and more steps that one batch may go through: the first place, the last, and who does it."""
    places = range(len(steps))
    for is_joint, group in groupby(places, lambda place: _is_joint(*steps[place])):
        run = list(group)
        components = [component for component, _ in steps[run[0] : run[-1] + 1] if isinstance(component, InProcess)]
        if is_joint and len(run) > 1:
            calls = [each.joint_calls[steps[place][1]] for place, each in zip(run, components, strict=True)]
            yield run[0], run[-1], components[0].batcher(*calls)


def _is_joint(component: Component, verb: Verb) -> bool:
    return isinstance(component, InProcess) and verb in component.joint_calls
