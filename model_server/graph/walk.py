"""What a graph means: the way of a request through its nodes, and of a reward back to those that earned it.

Pure but for what its components do: no sockets, no clock, chance comes in as an argument. The order of steps at a node:
on the way in (transform-input or predict), the route, the children, aggregate, on the way out (transform-output). An
error ends the request where it happens. Source: Seldon's executor, as recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from model_server.graph import duties
from model_server.graph.components import Component
from model_server.graph.components.batching import Batcher
from model_server.graph.components.chain import chained
from model_server.graph.errors import NoSuchRouting
from model_server.graph.messages import Context, Message
from model_server.graph.predictor import Node
from model_server.graph.routing import ALL, NONE, branch_of, of_feedback, with_routing
from model_server.graph.verbs import Verb


class Told(StrEnum):
    """What a node's logger can be told."""

    REQUEST = "request"
    RESPONSE = "response"
    FEEDBACK = "feedback"


type Tell = Callable[[Told, Node, Message, Context], None]


class Walk:
    """A graph and what answers for its nodes."""

    def __init__(
        self,
        graph: Node,
        components: Mapping[str, Component],
        *,
        chance: Callable[[], float],
        injects_routing: bool = False,
        tell: Tell = lambda *_: None,
        on_unrouted_feedback: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`chance` gives numbers in [0, 1). `injects_routing` is Seldon's SELDON_ENABLE_ROUTING_INJECTION: every node
        on the way is told in `meta.routing`, to components too. Without it the choices alone are, at the end: feedback
        needs them. `on_unrouted_feedback` is told the router for which feedback did not say which branch answered.

        Errors: InvalidPredictor.
        """
        self.graph = graph
        self.components = components
        self._chance = chance
        self._injects_routing = injects_routing
        self._tell_log = tell
        self._on_unrouted_feedback = on_unrouted_feedback
        self._plans = {node.name: _Plan.of(node, injects_routing=injects_routing) for node in graph.walk()}
        self._chained = self._chains(graph) if not injects_routing else {}
        self._choosers = {node.name for node in graph.walk() if duties.chooses(node)}
        self._shares = {node.name: duties.share_of_first_branch(node) for node in graph.walk() if node.is_random_abtest}

    async def predict(self, message: Message, context: Context) -> Message:
        """The graph's answer. Errors: GraphError."""
        routing: dict[str, int] = {}
        context = Context(context.puid, context.transport, context.headers, context.is_logged, message, context.span)
        answer = await self._predict(self.graph, message, context, routing)
        if self._choosers and not self._injects_routing:
            answer = with_routing(answer, {name: routing[name] for name in routing if name in self._choosers})
        return answer

    async def _predict(self, node: Node, message: Message, context: Context, routing: dict[str, int]) -> Message:
        plan, is_asked = self._plans[node.name], False
        while not is_asked:
            chain = self._chained.get(plan.node.name)
            if chain is not None:
                message = await chain.batcher.answer(message, context)
                plan, is_asked = chain.then, chain.has_asked_it
            elif plan.is_passed_through:
                if plan.way_in is not None:
                    message = await self.components[plan.node.name].call(plan.way_in, message, context)
                plan = self._plans[plan.node.children[0].name]
            else:
                break
        node = plan.node
        if plan.way_in is not None and not is_asked:
            routing[node.name] = ALL
            message = await self._call(plan, plan.way_in, message, context)
        if node.children:
            message = await self._children(plan, message, context, routing)
        if plan.way_out is not None:
            message = await self._call(plan, plan.way_out, message, context)
        return with_routing(message, routing) if self._injects_routing else message

    def _chains(self, node: Node) -> dict[str, _Chained]:
        """By the node where they begin: components that many requests are taken through at once."""
        plan, asking = self._plans[node.name], list[_Plan]()
        while plan.is_passed_through:
            asking.append(plan)
            plan = self._plans[plan.node.children[0].name]
        if plan.node.logger is None:
            asking.append(plan)
        asking = [each for each in asking if each.way_in is not None]
        chains = {name: chain for child in plan.node.children for name, chain in self._chains(child).items()}
        steps = [(self.components[each.node.name], each.way_in) for each in asking if each.way_in is not None]
        for first, last, batcher in chained(steps):
            then = asking[last]
            has_asked_it = then is plan
            if not has_asked_it:
                then = self._plans[then.node.children[0].name]
            chains[asking[first].node.name] = _Chained(batcher, then, has_asked_it)
        return chains

    async def _children(self, plan: _Plan, message: Message, context: Context, routing: dict[str, int]) -> Message:
        node = plan.node
        self._tell(Told.REQUEST, node, message, context)
        branch = await self._branch(node, message, context)
        if branch == NONE:
            routing[node.name] = NONE
            return message
        children = node.children if branch == ALL else (node.children[branch],)
        answers = await _all(self._predict(child, message, context, routing) for child in children)
        routing[node.name] = branch
        if plan.aggregates:
            self._tell(Told.REQUEST, node, message, context)
            answer = await self.components[node.name].aggregate(answers, context)
            self._tell(Told.RESPONSE, node, answer, context)
        else:
            answer = answers[0]
        self._tell(Told.RESPONSE, node, answer, context)
        return answer

    async def _branch(self, node: Node, message: Message, context: Context) -> int:
        if node.is_random_abtest:
            return 0 if self._chance() < self._shares[node.name] else 1
        if not duties.asks_for_a_route(node):
            return ALL
        answer = await self.components[node.name].call(Verb.ROUTE, message, context)
        return branch_of(answer, node.name, len(node.children))

    async def _call(self, plan: _Plan, verb: Verb, message: Message, context: Context) -> Message:
        if plan.node.logger is None:
            return await self.components[plan.node.name].call(verb, message, context)
        self._tell(Told.REQUEST, plan.node, message, context)
        answer = await self.components[plan.node.name].call(verb, message, context)
        self._tell(Told.RESPONSE, plan.node, answer, context)
        return answer

    async def send_feedback(self, message: Message, context: Context) -> Message:
        """Hand a reward to whoever answered: the children on the way that it names, then their parents.

        Comes back with the answer of the root, or with the feedback itself where the root takes none. A router for
        which the way is not told is rewarded, its children are not: nobody knows which of them it was.
        Errors: GraphError.
        """
        routing = of_feedback(message) if self._choosers else {}
        self._require_branches(self.graph, routing)
        return await self._send_feedback(self.graph, message, context, routing)

    def _require_branches(self, node: Node, routing: Mapping[str, int]) -> None:
        """Before anything is touched. Errors: NoSuchRouting, for which Seldon's executor breaks the connection."""
        branch = routing.get(node.name, ALL)
        if node.name in self._choosers and not NONE <= branch < len(node.children):
            raise NoSuchRouting(
                f"response.meta.routing says branch {str(branch)[:20]} for {node.name}, which has "
                f"{len(node.children)}; send back the response as it came"
            )
        for child in node.children:
            self._require_branches(child, routing)

    async def _send_feedback(
        self, node: Node, message: Message, context: Context, routing: Mapping[str, int]
    ) -> Message:
        await _all(self._send_feedback(child, message, context, routing) for child in self._rewarded(node, routing))
        if node.logger is not None and node.logger.responses:
            self._tell(Told.FEEDBACK, node, message, context)
        if not duties.takes_feedback(node):
            return message
        return await self.components[node.name].call(Verb.SEND_FEEDBACK, message, context)

    def _rewarded(self, node: Node, routing: Mapping[str, int]) -> Sequence[Node]:
        if node.name not in self._choosers:
            return node.children
        branch = routing.get(node.name)
        if branch is None:
            self._on_unrouted_feedback(node.name)
            return ()
        if branch == ALL:
            return node.children
        return () if branch == NONE else (node.children[branch],)

    def _tell(self, told: Told, node: Node, message: Message, context: Context) -> None:
        logger = node.logger
        if logger is None or not context.is_logged:
            return
        if told is Told.FEEDBACK or (logger.requests if told is Told.REQUEST else logger.responses):
            self._tell_log(told, node, message, context)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a prediction does at a node, looked up once."""

    node: Node
    way_in: Verb | None
    way_out: Verb | None
    aggregates: bool
    is_passed_through: bool
    """Whether all it does is on the way in to an only child, and nobody is told of it."""

    @classmethod
    def of(cls, node: Node, *, injects_routing: bool) -> _Plan:
        way_in, way_out, aggregates = duties.on_the_way_in(node), duties.on_the_way_out(node), duties.aggregates(node)
        does_more = way_out is not None or aggregates or duties.chooses(node) or node.logger is not None
        is_passed_through = len(node.children) == 1 and not does_more and not injects_routing
        return cls(node, way_in, way_out, aggregates, is_passed_through)


@dataclass(frozen=True, slots=True)
class _Chained:
    batcher: Batcher
    then: _Plan
    """Where a request goes on."""
    has_asked_it: bool
    """Whether that node's component was the last of the chain."""


async def _all(asked: Iterable[Coroutine[Any, Any, Message]]) -> list[Message]:
    """What all of them answer, in order; the first error in that order, once all have ended."""
    coroutines = list(asked)
    if len(coroutines) == 1:
        return [await coroutines[0]]
    answers = await asyncio.gather(*coroutines, return_exceptions=True)
    told: list[Message] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        told.append(answer)
    return told
