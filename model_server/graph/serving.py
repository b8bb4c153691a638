"""A graph that serves: the walk, and what else the executor tells of it: health, status, metadata. Of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from model_server.graph import duties
from model_server.graph.components import Component
from model_server.graph.errors import NoSuchNode
from model_server.graph.messages import Context, Message
from model_server.graph.predictor import Node, Predictor
from model_server.graph.walk import Walk

type Ask = Callable[[Message, Context], Awaitable[Message]]


class Readiness:
    """Whether a request would find every component."""

    def __init__(
        self, components: Collection[Component], *, is_draining: Callable[[], bool], full_health_checks: bool
    ) -> None:
        """`full_health_checks`: by each component's own health check, rather than by its being there."""
        self._components = components
        self._is_draining = is_draining
        self._full_health_checks = full_health_checks

    async def is_ready(self) -> bool:
        return await self._all(thoroughly=self._full_health_checks)

    async def is_healthy(self) -> bool:
        """By each component's own health check, in any case."""
        return await self._all(thoroughly=True)

    async def _all(self, *, thoroughly: bool) -> bool:
        if self._is_draining():
            return False
        return all(await asyncio.gather(*(each.is_ready(thoroughly=thoroughly) for each in self._components)))


class Graph:
    def __init__(self, predictor: Predictor, walk: Walk, readiness: Readiness) -> None:
        self._predictor = predictor
        self._walk = walk
        self.is_ready = readiness.is_ready
        self.is_healthy = readiness.is_healthy
        self.predict: Ask = walk.predict
        self.send_feedback: Ask = walk.send_feedback

    @property
    def components(self) -> Mapping[str, Component]:
        return self._walk.components

    async def status_of(self, node: str, context: Context) -> Message:
        """Errors: GraphError."""
        return await self._component(node).status(context)

    async def metadata_of(self, node: str, context: Context) -> Any:
        """Errors: GraphError."""
        return await self._component(node).metadata(context)

    async def metadata(self, context: Context) -> dict[str, Any]:
        """Of the whole graph: of each component, and what goes in at one end and comes out at the other.

        Errors: GraphError.
        """
        told = await asyncio.gather(*(component.metadata(context) for component in self.components.values()))
        models = dict(zip(self.components, told, strict=True))
        return {
            "name": self._predictor.name,
            "models": {name: _without_nothing(model) for name, model in models.items()},
            "graphinputs": _inputs(self._predictor.graph, models),
            "graphoutputs": _outputs(self._predictor.graph, models),
        }

    def _component(self, name: str) -> Component:
        component = self.components.get(name)
        if component is None:
            raise NoSuchNode(f"Failed to find model {name}")  # Seldon's words
        return component


def _without_nothing(model: Mapping[str, Any]) -> dict[str, Any]:
    """As the executor writes it: no empty platform, no empty custom; inputs and outputs in any case."""
    return {key: value for key, value in model.items() if value or key in {"name", "versions", "inputs", "outputs"}}


def _inputs(node: Node, models: Mapping[str, Any]) -> Any:
    """What its first component takes; below a node that changes nothing on the way in, what its first child takes."""
    if duties.on_the_way_in(node) is not None:
        return models[node.name].get("inputs") or []
    if node.children:
        return _inputs(node.children[0], models)
    return models[node.name].get("inputs") or [] if node.name in models else []


def _outputs(node: Node, models: Mapping[str, Any]) -> Any:
    """What its last component gives."""
    if duties.on_the_way_out(node) is not None or (node.children and duties.aggregates(node)):
        return models[node.name].get("outputs") or []
    if node.children:
        return _outputs(node.children[0], models)
    return models[node.name].get("outputs") or [] if node.name in models else []
