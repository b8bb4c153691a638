"""A component in this process: a user's object, asked as Seldon's wrapper would ask it, on threads of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from model_server.graph.components import answering
from model_server.graph.components.batching import Batcher
from model_server.graph.components.joint_calls import UNARY, JointCalls, told_as
from model_server.graph.components.user_threads import UserThreads, done_here
from model_server.graph.errors import ComponentStuck, ComponentTimedOut, GraphError, MessageRefused, RouterFailed
from model_server.graph.grpc_codes import go_name
from model_server.graph.messages import Context, Message
from model_server.graph.settings import Settings
from model_server.graph.telemetry import Telemetry
from model_server.graph.verbs import Verb
from model_server.graph.wrapper.calls import HEALTH_PATH, Wrapped

AT_ONCE_BYTES_ALONE: Final = 4 * 1024
"""Of a call for one message in the event loop's own thread: feedback takes up to 25 us a value."""
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

    def __init__(  # noqa: PLR0917 -- what it is, and whom it tells
        self,
        name: str,
        image: str,
        wrapped: Wrapped,
        telemetry: Telemetry,
        settings: Settings,
        joint: Callable[..., JointCalls] = JointCalls,
    ) -> None:
        """`joint` makes its part in calls for many requests at once, as `JointCalls` does."""
        self.name = name
        self._image = image
        self._wrapped = wrapped
        self._telemetry = telemetry
        self._limits = settings.limits
        self._timeouts = Timeouts(settings.rest_timeout_seconds, settings.grpc_timeout_seconds)
        self._passes_through = settings.passes_payloads_through
        self._is_in_a_graph = settings.predictor is not None
        self._never_waits = wrapped.user.never_waits
        self._threads = UserThreads(name, settings.threads)
        self.joint_calls = {
            verb: joint(
                self,
                verb,
                partial(answering.answer_many, wrapped, verb, self._limits.max_rows),
                never_waits=self._never_waits,
            )
            for verb in answering.row_wise_verbs(wrapped)
        }
        """By verb, where it is row-wise."""
        self._batchers = {verb: self.batcher(calls) for verb, calls in self.joint_calls.items()}

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        """Errors: GraphError."""
        batcher = self._batchers.get(verb)
        if batcher is not None:
            return await batcher.answer(message, context)
        work = partial(answering.answer, self._wrapped, verb, message, self._limits.max_rows, self._passes_through)
        is_little = self._never_waits and message.n_bytes <= AT_ONCE_BYTES_ALONE
        return await self._measured(*told_as(verb, context), work, (message,), context, is_little=is_little)

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        """Errors: GraphError."""
        work = partial(answering.aggregate, self._wrapped, messages, self._limits.max_rows)
        return await self._measured(*told_as(Verb.AGGREGATE, context), work, messages, context)

    async def metadata(self, context: Context) -> Any:
        """Errors: WrapperError."""
        began = time.perf_counter()
        told = self._wrapped.metadata()
        if context.transport == "rest":
            self.called("/metadata", "get", "200", time.perf_counter() - began)
        else:
            self.called("/seldon.protos.Model/Metadata", UNARY, "OK", time.perf_counter() - began)
        return told

    async def status(self, context: Context) -> Message:
        """Errors: GraphError."""
        return await self._measured(HEALTH_PATH, "get", partial(answering.health, self._wrapped), (), context)

    async def is_ready(self, *, thoroughly: bool) -> bool:
        """Loaded it is, or the worker would not run. `thoroughly`: whether its own health check says so."""
        if self.is_stuck():
            return False
        if thoroughly:
            try:
                async with asyncio.timeout(self._timeouts.rest):
                    await self._threads.run(partial(answering.health, self._wrapped))
            except (GraphError, TimeoutError):
                return False
        return True

    def is_stuck(self) -> bool:
        longest = self._timeouts.longest
        return longest is not None and self._threads.busy_seconds() > STUCK_AFTER_TIMEOUTS * longest

    async def close(self) -> None:
        self._threads.close()

    def batcher(self, *calls: JointCalls) -> Batcher:
        """Of a chain of calls, of which at least one is this component's."""
        return Batcher(calls, answering.rows_of, answering.bytes_of, max_rows=self._limits.max_batch_rows)

    # What `JointCalls` needs of the component, and every other call too.

    def require_unstuck(self) -> None:
        """Errors: ComponentStuck."""
        if self.is_stuck():
            raise ComponentStuck(f"component {self.name} has not come back from a call that timed out; try again soon")

    def timeout_seconds(self, method: str) -> float | None:
        return self._timeouts.grpc if method == UNARY else self._timeouts.rest

    async def run[T](self, work: Callable[[], T]) -> T:
        """On one of its threads."""
        return await self._threads.run(work)

    def batched(self, rows: int, requests: int) -> None:
        self._telemetry.batched(self.name, rows, requests)

    def called(self, service: str, method: str, code: str, seconds: float) -> None:
        self._telemetry.called(self.name, self._image, service, method, code, seconds)

    def timed_out(self, service: str, method: str, seconds: float) -> GraphError:
        """The error of a call that did; as by Seldon's executor, over REST it leaves no sample."""
        self._telemetry.timed_out(self.name)
        is_rest = method != UNARY
        what = f'{method.capitalize()} "{self._url(service)}"' if is_rest else f"component {self.name}"
        error = ComponentTimedOut(f"{what}: context deadline exceeded")
        if not is_rest:
            self.called(service, method, go_name(error.code), seconds)
        return error

    def failed(  # noqa: PLR0917 -- a call, and how it ended
        self,
        service: str,
        method: str,
        messages: Sequence[Message],
        context: Context,
        error: GraphError,
        seconds: float,
    ) -> GraphError:
        """The error in the words that the caller gets; `messages` are what the component was asked with."""
        told = _blaming(messages, context, error)
        self.called(service, method, go_name(told.code) if method == UNARY else str(told.http_status), seconds)
        if service == Verb.ROUTE.path and self._is_in_a_graph:  # else a wrapper is what it stands for
            told = RouterFailed.of(self._url(service), told.http_status)
        if told is not error:
            told.__cause__ = error
        return told

    async def _measured(
        self,
        service: str,
        method: str,
        work: Callable[[], Message],
        messages: Sequence[Message],
        context: Context,
        *,
        is_little: bool = False,
    ) -> Message:
        """What `work` makes of the messages: counted as the executor counts calls. On a thread of the component's, but
        for the little work of a class that never waits.
        """
        began = time.perf_counter()
        self.require_unstuck()
        try:
            if is_little:
                answer = done_here(work)
            else:
                async with asyncio.timeout(self.timeout_seconds(method)):
                    answer = await self._threads.run(work)
        except TimeoutError as error:
            raise self.timed_out(service, method, time.perf_counter() - began) from error
        except GraphError as error:
            raise self.failed(service, method, messages, context, error, time.perf_counter() - began)  # noqa: B904
        self.called(service, method, "OK" if method == UNARY else "200", time.perf_counter() - began)
        return answer

    def _url(self, service: str) -> str:
        return f"http://{self.name}{service}"


def _blaming(messages: Sequence[Message], context: Context, error: GraphError) -> GraphError:
    """The error; where a message could not be read that another component made, one that blames no client."""
    if isinstance(error, MessageRefused) and not all(map(context.is_clients, messages)):
        return error.made_by_a_component()
    return error
