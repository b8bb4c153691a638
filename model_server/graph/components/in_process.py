"""A component in this process: a user's object, asked as Seldon's wrapper would ask it, on threads of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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
        asked = _blaming([message], context, partial(self._answer, verb, message))
        return await self._measured(*_told_as(verb, context), asked)

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        """Errors: GraphError."""
        work = partial(answering.aggregate, self._wrapped, messages, self._limits.max_rows)
        asked = _blaming(messages, context, partial(self._threads.run, work))
        return await self._measured(*_told_as(Verb.AGGREGATE, context), asked)

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
        del context
        return await self._measured(HEALTH_PATH, "get", self._health())

    async def is_ready(self, *, thoroughly: bool) -> bool:
        """Loaded it is, or the worker would not run. `thoroughly`: whether its own health check says so."""
        if self.is_stuck():
            return False
        if thoroughly:
            try:
                await self._in_time(self._health(), self._timeouts.rest, f"health check of {self.name}")
            except GraphError:
                return False
        return True

    def is_stuck(self) -> bool:
        longest = self._timeouts.longest
        return longest is not None and self._threads.busy_seconds() > STUCK_AFTER_TIMEOUTS * longest

    async def close(self) -> None:
        self._threads.close()

    async def _answer(self, verb: Verb, message: Message) -> Message:
        batcher = self._batchers.get(verb)
        if batcher is not None:
            return await batcher.answer(message)
        work = partial(answering.answer, self._wrapped, verb, message, self._limits.max_rows, self._passes_through)
        return await self._threads.run(work)

    def _health(self) -> Coroutine[Any, Any, Message]:
        return self._threads.run(partial(answering.health, self._wrapped))

    async def _measured(self, service: str, method: str, asked: Coroutine[Any, Any, Message]) -> Message:
        """The answer, counted as Seldon's executor counts its calls: over REST, what timed out leaves no sample."""
        is_rest = method != UNARY
        began = time.perf_counter()
        if self.is_stuck():
            asked.close()
            raise ComponentStuck(f"component {self.name} has not come back from a call that timed out; try again soon")
        timeout = self._timeouts.rest if is_rest else self._timeouts.grpc
        url = f"http://{self.name}{service}"
        what = f'{method.capitalize()} "{url}"' if is_rest else f"component {self.name}"
        try:
            answer = await self._in_time(asked, timeout, what)
        except ComponentTimedOut as error:
            if not is_rest:
                self._called(service, method, go_name(error.code), began)
            raise
        except GraphError as error:
            self._called(service, method, str(error.http_status) if is_rest else go_name(error.code), began)
            if service == Verb.ROUTE.path and self._is_in_a_graph:  # else a wrapper is what it stands for
                raise RouterFailed.of(url, error.http_status) from error
            raise
        self._called(service, method, "200" if is_rest else "OK", began)
        return answer

    async def _in_time(self, asked: Coroutine[Any, Any, Message], timeout_seconds: float | None, what: str) -> Message:
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asked
        except TimeoutError as error:
            self._telemetry.timed_out(self.name)
            raise ComponentTimedOut(f"{what}: context deadline exceeded") from error

    def _called(self, service: str, method: str, code: str, began: float) -> None:
        self._telemetry.called(self.name, self._image, service, method, code, time.perf_counter() - began)


def _told_as(verb: Verb, context: Context) -> tuple[str, str]:
    """The labels service and method of a call."""
    return (verb.path, "post") if context.transport == "rest" else (verb.grpc_method, UNARY)


async def _blaming(messages: Sequence[Message], context: Context, ask: Callable[[], Awaitable[Message]]) -> Message:
    """The answer. Errors: GraphError; for a message that another component made, one that blames no client."""
    try:
        return await ask()
    except MessageRefused as error:
        if all(map(context.is_clients, messages)):
            raise
        raise error.made_by_a_component() from error
