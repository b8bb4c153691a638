"""A component in this process: a user's object, asked as Seldon's wrapper would ask it, on threads of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from model_server.graph.components import answering
from model_server.graph.components.batching import Batcher
from model_server.graph.components.user_threads import UserThreads
from model_server.graph.errors import ComponentStuck, ComponentTimedOut, GraphError, MessageRefused, RouterFailed
from model_server.graph.grpc_codes import go_name
from model_server.graph.messages import Context, Message
from model_server.graph.settings import Settings
from model_server.graph.telemetry import Telemetry
from model_server.graph.verbs import Verb
from model_server.graph.wrapper.calls import HEALTH_PATH, Wrapped

UNARY: Final = "unary"
"""The label `method` of a call over gRPC."""
STUCK_AFTER_TIMEOUTS: Final = 2
"""A call that has not come back after this many times its timeout will not; the worker is replaced."""


@dataclass(frozen=True)
class Timeouts:
    """Of one call, seconds; None waits for ever."""

    rest: float | None
    grpc: float | None

    @property
    def longest(self) -> float | None:
        return None if self.rest is None or self.grpc is None else max(self.rest, self.grpc)


class InProcess:
    """A `Component`."""

    def __init__(self, name: str, image: str, wrapped: Wrapped, telemetry: Telemetry, settings: Settings) -> None:
        self.name = name
        self._image = image
        self._wrapped = wrapped
        self._telemetry = telemetry
        self._limits = settings.limits
        self._timeouts = Timeouts(settings.rest_timeout_seconds, settings.grpc_timeout_seconds)
        self._passes_through = settings.passes_payloads_through
        self._is_in_a_graph = settings.predictor is not None
        self._threads = UserThreads(name, settings.threads)
        self._batchers = {
            verb: Batcher(
                partial(answering.answer_many, wrapped, verb, settings.limits.max_rows),
                answering.rows_of,
                self._threads.run,
                max_rows=settings.limits.max_batch_rows,
                on_batch=partial(telemetry.batched, name),
            )
            for verb in answering.row_wise_verbs(wrapped)
        }

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        """Errors: GraphError."""
        service, method = _told_as(verb, context)
        return await self._measured(service, method, partial(self._answer, verb, message), (message,), context)

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        """Errors: GraphError."""
        work = partial(answering.aggregate, self._wrapped, messages, self._limits.max_rows)
        service, method = _told_as(Verb.AGGREGATE, context)
        return await self._measured(service, method, partial(self._run, work), messages, context)

    async def metadata(self, context: Context) -> Any:
        """Errors: WrapperError."""
        began = time.perf_counter()
        told = self._wrapped.metadata()
        if context.transport == "rest":
            self._called("/metadata", "get", "200", began)
        else:
            self._called("/seldon.protos.Model/Metadata", UNARY, "OK", began)
        return told

    async def status(self, context: Context) -> Message:
        """Errors: GraphError."""
        return await self._measured(HEALTH_PATH, "get", self._health, (), context)

    async def is_ready(self, *, thoroughly: bool) -> bool:
        """Loaded it is, or the worker would not run. `thoroughly`: whether its own health check says so."""
        if self.is_stuck():
            return False
        if thoroughly:
            try:
                await self._health(self._timeouts.rest)
            except (GraphError, TimeoutError):
                return False
        return True

    def is_stuck(self) -> bool:
        longest = self._timeouts.longest
        return longest is not None and self._threads.busy_seconds() > STUCK_AFTER_TIMEOUTS * longest

    async def close(self) -> None:
        self._threads.close()

    async def _answer(self, verb: Verb, message: Message, timeout_seconds: float | None) -> Message:
        batcher = self._batchers.get(verb)
        if batcher is not None:
            return await batcher.answer(message, timeout_seconds)
        work = partial(answering.answer, self._wrapped, verb, message, self._limits.max_rows, self._passes_through)
        return await self._run(work, timeout_seconds)

    async def _health(self, timeout_seconds: float | None) -> Message:
        return await self._run(partial(answering.health, self._wrapped), timeout_seconds)

    async def _run(self, work: Callable[[], Message], timeout_seconds: float | None) -> Message:
        async with asyncio.timeout(timeout_seconds):
            return await self._threads.run(work)

    async def _measured(
        self,
        service: str,
        method: str,
        ask: Callable[[float | None], Coroutine[Any, Any, Message]],
        messages: Sequence[Message],
        context: Context,
    ) -> Message:
        """The answer, counted as Seldon's executor counts its calls: over REST, what timed out leaves no sample.

        `ask` is given the timeout in seconds; `messages` are what it asks with.
        """
        is_rest = method != UNARY
        began = time.perf_counter()
        if self.is_stuck():
            raise ComponentStuck(f"component {self.name} has not come back from a call that timed out; try again soon")
        try:
            answer = await ask(self._timeouts.rest if is_rest else self._timeouts.grpc)
        except TimeoutError as error:
            self._telemetry.timed_out(self.name)
            what = f'{method.capitalize()} "{self._url(service)}"' if is_rest else f"component {self.name}"
            timed_out = ComponentTimedOut(f"{what}: context deadline exceeded")
            if not is_rest:
                self._called(service, method, go_name(timed_out.code), began)
            raise timed_out from error
        except GraphError as error:
            told = _blaming(messages, context, error)
            self._called(service, method, str(told.http_status) if is_rest else go_name(told.code), began)
            if service == Verb.ROUTE.path and self._is_in_a_graph:  # else a wrapper is what it stands for
                told = RouterFailed.of(self._url(service), told.http_status)
            if told is error:
                raise
            raise told from error
        self._called(service, method, "200" if is_rest else "OK", began)
        return answer

    def _url(self, service: str) -> str:
        return f"http://{self.name}{service}"

    def _called(self, service: str, method: str, code: str, began: float) -> None:
        self._telemetry.called(self.name, self._image, service, method, code, time.perf_counter() - began)


def _told_as(verb: Verb, context: Context) -> tuple[str, str]:
    """The labels service and method of a call."""
    return (verb.path, "post") if context.transport == "rest" else (verb.grpc_method, UNARY)


def _blaming(messages: Sequence[Message], context: Context, error: GraphError) -> GraphError:
    """The error; where a message could not be read that another component made, one that blames no client."""
    if isinstance(error, MessageRefused) and not all(map(context.is_clients, messages)):
        return error.made_by_a_component()
    return error
