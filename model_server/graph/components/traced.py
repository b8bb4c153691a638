"""Components whose calls are told in spans. Imported only where something is traced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from opentelemetry.trace import Link, SpanContext, SpanKind

from model_server.graph.components.batching import Answers, Asked
from model_server.graph.components.component import Component
from model_server.graph.components.in_process import InProcess
from model_server.graph.components.joint_calls import JointCalls
from model_server.graph.errors import GraphError
from model_server.graph.messages import Context, Message
from model_server.graph.settings import Settings
from model_server.graph.telemetry import Telemetry
from model_server.graph.tracing import RequestSpan, Tracing
from model_server.graph.verbs import Verb
from model_server.graph.wrapper.calls import Wrapped


class TracedInProcess(InProcess):
    def __init__(  # noqa: PLR0917 -- as of an InProcess
        self,
        name: str,
        image: str,
        wrapped: Wrapped,
        telemetry: Telemetry,
        settings: Settings,
        tracing: Tracing,
    ) -> None:
        super().__init__(name, image, wrapped, telemetry, settings, partial(TracedJointCalls, tracing))
        self._tracing = tracing

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        if verb in self.joint_calls:  # which tell of it themselves
            return await super().call(verb, message, context)
        ask = partial(super().call, verb, message)
        return await self._tracing.called(self.name, verb.path, context, ask)

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        ask = partial(super().aggregate, messages)
        return await self._tracing.called(self.name, Verb.AGGREGATE.path, context, ask)


class TracedJointCalls(JointCalls):
    """A span for each request's call, and one for the batch in which it was answered; the two point at each other.

    A batch hangs on the first request in it that is sampled; there is none for a batch without.
    """

    def __init__(
        self,
        tracing: Tracing,
        component: InProcess,
        verb: Verb,
        answer_many: Callable[[Sequence[Message]], Answers],
        *,
        never_waits: bool,
    ) -> None:
        super().__init__(component, verb, answer_many, never_waits=never_waits)
        self._tracing = tracing
        self._name = component.name
        self._path = verb.path
        self._batch: _Batch | None = None
        self._began = self._ended = 0.0
        self._tell_batched = component.batched
        self._ask = answer_many
        self.answer_many = self._timed
        self.batched = self._batched

    def told(self, asked: Asked, answer: Message | BaseException, ended: float) -> Message | BaseException:
        told = super().told(asked, answer, ended)
        self._tell(asked, ended, told if isinstance(told, BaseException) else None)
        return told

    def timed_out(self, asked: Asked, seconds: float) -> GraphError:
        error = super().timed_out(asked, seconds)
        self._batch = None  # it was in none that has ended
        self._tell(asked, asked.began + seconds, error)
        return error

    def _tell(self, asked: Asked, ended: float, error: BaseException | None) -> None:
        span: RequestSpan | None = asked.context.span
        if span is None or not span.is_sampled:
            return
        links = () if self._batch is None else (Link(self._batch.joined_by(span)),)
        own = self._tracing.child(span)
        self._tracing.tell_call(self._name, self._path, asked.context, own, asked.began, ended, error, links)

    def _timed(self, messages: Sequence[Message]) -> Answers:
        self._batch = None
        self._began = time.perf_counter()
        answers = self._ask(messages)
        self._ended = time.perf_counter()
        return answers

    def _batched(self, rows: int, requests: int) -> None:
        """Comes before what each of its requests is told."""
        self._tell_batched(rows, requests)
        self._batch = _Batch(self._tracing, self._name, rows, requests, self._began, self._ended)
        asyncio.get_running_loop().call_soon(self._batch.tell)


class _Batch:
    def __init__(  # noqa: PLR0917 -- what is known of a batch
        self, tracing: Tracing, node: str, rows: int, requests: int, began: float, ended: float
    ) -> None:
        self._tracing = tracing
        self._node = node
        self._n_rows, self._n_requests = rows, requests
        self._began, self._ended = began, ended
        self._spans: list[RequestSpan] = []
        self._own: SpanContext | None = None

    def joined_by(self, span: RequestSpan) -> SpanContext:
        self._spans.append(span)
        if self._own is None:
            self._own = self._tracing.child(span)
        return self._own

    def tell(self) -> None:
        if self._own is None:
            return
        self._tracing.tell(
            f"{self._node} batch",
            self._spans[0],
            self._own,
            self._spans[0].context,
            self._began,
            self._ended,
            {"seldon.model_name": self._node, "batch.rows": self._n_rows, "batch.requests": self._n_requests},
            links=[Link(each.context) for each in self._spans],
        )


class TracedRemote:
    """A `Component` elsewhere: its calls carry their span on."""

    def __init__(self, component: Component, name: str, tracing: Tracing) -> None:
        self._component = component
        self._called = partial(tracing.called, name, kind=SpanKind.CLIENT)
        self.metadata = component.metadata
        self.status = component.status
        self.is_ready = component.is_ready
        self.close = component.close

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        return await self._called(verb.path, context, partial(self._component.call, verb, message))

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        return await self._called(Verb.AGGREGATE.path, context, partial(self._component.aggregate, messages))


class TracedAlone:
    """A `Component` that is served by itself, with the span of a server around each call."""

    def __init__(self, component: Component, where: Mapping[str, str], tracing: Tracing) -> None:
        self._by_verb = {
            verb: tracing.served(verb.path.lstrip("/"), where, verb.grpc_method, partial(component.call, verb))
            for verb in Verb
        }
        self.aggregate = component.aggregate
        self.metadata = component.metadata
        self.status = component.status
        self.is_ready = component.is_ready
        self.close = component.close

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        return await self._by_verb[verb](message, context)
