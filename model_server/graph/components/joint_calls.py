"""One component's part in calls for many requests at once: the link of a chain, counted as calls one by one are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from model_server.graph.components.batching import Answers, Asked
from model_server.graph.components.user_threads import done_here
from model_server.graph.errors import GraphError
from model_server.graph.messages import Context, Message
from model_server.graph.verbs import Verb

if TYPE_CHECKING:
    from model_server.graph.components.in_process import InProcess

UNARY: Final = "unary"
"""The label `method` of a call over gRPC."""

AT_ONCE_BYTES: Final = 64 * 1024
"""A hundred impressions, which two models and a detector have answered after a few milliseconds."""


def told_as(verb: Verb, context: Context) -> tuple[str, str]:
    """The labels service and method of a call."""
    return (verb.path, "post") if context.transport == "rest" else (verb.grpc_method, UNARY)


class JointCalls:
    """A `Link`: of one component, and one verb of it that is row-wise."""

    def __init__(
        self,
        component: InProcess,
        verb: Verb,
        answer_many: Callable[[Sequence[Message]], Answers],
        *,
        never_waits: bool,
    ) -> None:
        self._component = component
        self._verb = verb
        self.answer_many = answer_many
        self.at_once_bytes = AT_ONCE_BYTES if never_waits else 0
        self.require_unstuck = component.require_unstuck
        self.batched = component.batched

    def run(self, work: Callable[[], Any]) -> Awaitable[Any]:
        return self._component.run(work)

    def run_here(self, work: Callable[[], Any]) -> Any:
        return done_here(work)

    def timeout_seconds(self, context: Context) -> float | None:
        return self._component.timeout_seconds("post" if context.transport == "rest" else UNARY)

    def told(self, asked: Asked, answer: Message | BaseException, ended: float) -> Message | BaseException:
        context = asked.context
        service, method = told_as(self._verb, context)
        if not isinstance(answer, BaseException):
            self._component.called(service, method, "OK" if method == UNARY else "200", ended - asked.began)
        elif isinstance(answer, GraphError):
            messages = () if asked.message is None else (asked.message,)
            return self._component.failed(service, method, messages, context, answer, ended - asked.began)
        return answer

    def timed_out(self, asked: Asked, seconds: float) -> GraphError:
        return self._component.timed_out(*told_as(self._verb, asked.context), seconds)
