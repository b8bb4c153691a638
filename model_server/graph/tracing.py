"""The spans of a worker: of each request, of each call of a component, and of each batch.

Spans are told after the fact, as `ReadableSpan`s made at once, and not through a `Tracer`: that takes 60 us of the
event loop's time for a span, this 6. So whether it is sampled is decided once for a request, not for each span. This
module is imported only where `Settings.is_traced`. Sources: W3C Trace Context; OpenTelemetry's semantic
conventions for HTTP and RPC.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from opentelemetry.context import Context as ParentContext
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from model_server.graph.errors import GraphError
from model_server.graph.grpc_codes import go_name
from model_server.graph.messages import Context, Message
from model_server.graph.serving import Ask

type Attributes = dict[str, str | int]

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
CLOCK_STEP_NANOSECONDS: Final = 100_000_000
"""By so much the wall clock was set, or the machine slept, rather than a thread was kept from reading both clocks."""
_SCOPE: Final = InstrumentationScope("model_server.graph")
_W3C: Final = TraceContextTextMapPropagator()
_NO_PARENT: Final = ParentContext()
_FINE: Final = Status(StatusCode.UNSET)


@dataclass(frozen=True, slots=True)
class RequestSpan:
    """A request's own span, under way: what its parts hang on."""

    context: SpanContext
    puid: str

    @property
    def is_sampled(self) -> bool:
        return bool(self.context.trace_flags & TraceFlags.SAMPLED)


class Tracing:
    """Of one worker, made in it: ids must not be another's."""

    def __init__(self, tell: Callable[[ReadableSpan], None], sampler: Sampler, resource: Resource) -> None:
        """`tell` is given each span that has ended; it must not wait."""
        self._tell = tell
        self._sampler = sampler
        self._resource = resource
        self._ids = random.Random()  # noqa: S311 -- not the module's own, which a user's class may seed
        self._offset_nanoseconds = _clock_offset()

    def served(self, operation: str, where: Mapping[str, str], grpc_method: str, ask: Ask) -> Ask:
        """`ask`, with a SERVER span around each request: a child of the client's, where its headers name one.

        `where`: deployment, predictor and, of a single component, unit; what is empty is left out.
        """
        where = {key: value for key, value in where.items() if value}
        name = f"{operation} {'/'.join(where.values())}".strip()
        fixed: Attributes = {f"seldon.{key}": value for key, value in where.items()}
        rest: Attributes = fixed | {"seldon.transport": "rest"}
        grpc: Attributes = fixed | {
            "seldon.transport": "grpc",
            "rpc.system": "grpc",
            "rpc.method": grpc_method.lstrip("/"),
        }

        async def answer(message: Message, context: Context) -> Message:
            span, parent = self._begun(name, context)
            began, error = time.perf_counter(), None
            try:
                return await ask(message, replace(context, span=span))
            except BaseException as raised:
                error = raised
                raise
            finally:
                if span.is_sampled:
                    ended, is_rest = time.perf_counter(), context.transport == "rest"
                    attributes = (rest if is_rest else grpc) | _ended_as(error, is_rest=is_rest)
                    self.tell(name, span, span.context, parent, began, ended, attributes, error, kind=SpanKind.SERVER)

        return answer

    async def called[T](
        self,
        node: str,
        path: str,
        context: Context,
        ask: Callable[[Context], Coroutine[Any, Any, T]],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> T:
        """What `ask` gives, with a span around it; what is outside any request, or not sampled, is only asked.

        CLIENT is the kind of a call that leaves the process: it carries its span on in `traceparent`.
        """
        span: RequestSpan | None = context.span
        if span is None or not (span.is_sampled or kind is SpanKind.CLIENT):
            return await ask(context)
        own = self.child(span)
        if kind is SpanKind.CLIENT:
            context = replace(context, headers=_carrying(own, context.headers))
        began, error = time.perf_counter(), None
        try:
            return await ask(context)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self.tell_call(node, path, context, own, began, time.perf_counter(), error, kind=kind)

    def tell_call(  # noqa: PLR0917 -- a call, and how it ended
        self,
        node: str,
        path: str,
        context: Context,
        own: SpanContext,
        began: float,
        ended: float,
        error: BaseException | None,
        links: Sequence[Link] = (),
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        """A call of a component for a request that has a span; moments are of `time.perf_counter`."""
        span: RequestSpan = context.span
        if span.is_sampled:
            attributes: Attributes = {"seldon.model_name": node, "seldon.code": _code(error, context.transport)}
            self.tell(f"{node} {path}", span, own, span.context, began, ended, attributes, error, links, kind)

    def child(self, span: RequestSpan) -> SpanContext:
        of = span.context
        return SpanContext(
            of.trace_id, self._id(64), is_remote=False, trace_flags=of.trace_flags, trace_state=of.trace_state
        )

    def tell(  # noqa: PLR0917 -- a span
        self,
        name: str,
        request: RequestSpan,
        own: SpanContext,
        parent: SpanContext | None,
        began: float,
        ended: float,
        attributes: Attributes,
        error: BaseException | None = None,
        links: Sequence[Link] = (),
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        """A span that has ended, of a request that is sampled."""
        status = _FINE
        if error is not None:
            attributes["error.type"] = type(error).__name__
            if kind is not SpanKind.SERVER or _is_the_servers_fault(error):
                told = error.message if isinstance(error, GraphError) else str(error)
                # Half a surrogate pair, which a request may hold, would cost everybody the whole batch of spans.
                status = Status(StatusCode.ERROR, told.encode(errors="replace").decode())
        attributes["seldon.puid"] = request.puid
        self._tell(
            ReadableSpan(
                name,
                own,
                parent,
                self._resource,
                attributes,
                links=links,
                kind=kind,
                status=status,
                start_time=int(began * 1e9) + self._offset_nanoseconds,
                end_time=int(ended * 1e9) + self._offset_nanoseconds,
                instrumentation_scope=_SCOPE,
            )
        )

    def _begun(self, name: str, context: Context) -> tuple[RequestSpan, SpanContext | None]:
        offset = _clock_offset()
        if abs(offset - self._offset_nanoseconds) > CLOCK_STEP_NANOSECONDS:
            self._offset_nanoseconds = offset
        parents, parent = _NO_PARENT, None
        if isinstance(context.headers.get(TRACEPARENT), str):  # bytes: what is no text
            parents = _W3C.extract(_texts(context.headers))
            given = get_current_span(parents).get_span_context()
            parent = given if given.is_valid else None
        trace_id = self._id(128) if parent is None else parent.trace_id
        sampled = self._sampler.should_sample(parents, trace_id, name, SpanKind.SERVER)
        flags = TraceFlags.SAMPLED if sampled.decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT
        own = SpanContext(trace_id, self._id(64), False, TraceFlags(flags), sampled.trace_state)
        return RequestSpan(own, context.puid), parent

    def _id(self, n_bits: int) -> int:
        return self._ids.getrandbits(n_bits) or 1  # 0 is no id


def _clock_offset() -> int:
    """From `time.perf_counter` to the time of day, nanoseconds."""
    return time.time_ns() - time.perf_counter_ns()


def _texts(headers: Mapping[str, Any]) -> dict[str, str]:
    names = (TRACEPARENT, TRACESTATE)
    return {name: headers[name] for name in names if isinstance(headers.get(name), str)}


def _carrying(own: SpanContext, headers: Mapping[str, str]) -> dict[str, str]:
    carried = dict(headers)
    carried[TRACEPARENT] = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
    return carried


def _ended_as(error: BaseException | None, *, is_rest: bool) -> Attributes:
    if is_rest:
        return {"http.response.status_code": _http_status(error)}
    return {"rpc.response.status_code": "OK" if error is None else _grpc_code(error)}


def _code(error: BaseException | None, transport: str) -> str:
    """As the label `code` of the metrics has it."""
    if transport == "rest":
        return str(_http_status(error))
    return go_name("OK" if error is None else _grpc_code(error))


def _http_status(error: BaseException | None) -> int:
    if error is None:
        return 200
    return error.http_status if isinstance(error, GraphError) else 500 if isinstance(error, Exception) else 499


def _grpc_code(error: BaseException) -> str:
    return error.code if isinstance(error, GraphError) else "UNKNOWN" if isinstance(error, Exception) else "CANCELLED"


def _is_the_servers_fault(error: BaseException) -> bool:
    """Neither the client's, nor that it left."""
    return _http_status(error) >= 500
