"""The outside of Seldon's Python wrapper: the paths and gRPC services behind which a single component answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from google.protobuf import json_format

from model_server.graph import protos
from model_server.graph.components import Component
from model_server.graph.doors.grpc import Answer
from model_server.graph.doors.http_exchange import header_lines
from model_server.graph.doors.rest import JSON, Request, Response, Route, Surface
from model_server.graph.errors import GraphError, WrapperError
from model_server.graph.messages import Context, GrpcMessage, RestMessage
from model_server.graph.metrics_files import exposition
from model_server.graph.serving import Readiness
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import bodies

_VERBS_BY_GRPC_METHOD = {
    "Predict": Verb.PREDICT,
    "TransformInput": Verb.TRANSFORM_INPUT,
    "TransformOutput": Verb.TRANSFORM_OUTPUT,
    "Route": Verb.ROUTE,
    "Aggregate": Verb.AGGREGATE,
    "SendFeedback": Verb.SEND_FEEDBACK,
}
_ALLOW_ALL = header_lines([(b"access-control-allow-origin", b"*")])


class NotOfAComponent(GraphError):
    """Asked of a single component: what only a graph could answer."""

    code = "UNIMPLEMENTED"


def rest_surface(component: Component, readiness: Readiness, metrics_path: str | None) -> Surface:
    """`metrics_path`: where metrics are told on this door too; None: on a port of their own alone."""

    def asking(verb: Verb) -> Any:
        async def answer(request: Request) -> Response:
            told = await component.call(verb, _message(request), _context(request))
            return Response(_body(told))

        return answer

    async def ping(_: Request) -> Response:
        return Response(b"pong", content_type=b"text/html; charset=utf-8")

    async def status(request: Request) -> Response:
        return Response(_body(await component.status(_context(request))))

    async def metadata(request: Request) -> Response:
        return Response(json.dumps(await component.metadata(_context(request))).encode())

    async def ready(_: Request) -> Response:
        return Response(status=200 if await readiness.is_ready() else 503, content_type=None)

    async def live(_: Request) -> Response:
        return Response(content_type=None)

    both, posts, gets = ("GET", "POST"), ("POST",), ("GET", "HEAD")
    predict, feedback = asking(Verb.PREDICT), asking(Verb.SEND_FEEDBACK)
    routes = {verb.path: Route(asking(verb), both, verb.path.lstrip("/")) for verb in Verb} | {
        "/health/ping": Route(ping, gets, is_work=False),
        "/health/status": Route(status, gets),
        "/api/v1.0/health/status": Route(status, gets),
        "/metadata": Route(metadata, gets),
        "/api/v1.0/metadata": Route(metadata, gets),
        "/live": Route(live, gets, is_work=False),
        "/ready": Route(ready, gets, is_work=False),
    }
    for version in ("v0.1", "v1.0"):
        routes |= {
            f"/api/{version}/predictions": Route(predict, posts, "predictions"),
            f"/api/{version}/feedback": Route(feedback, posts, "feedback"),
        }
    if metrics_path is not None:
        routes |= metrics_routes(metrics_path)
    return Surface(
        routes,
        lambda _request, _route: _ALLOW_ALL,
        unknown=_refusal("no such path; a component answers at " + ", ".join(verb.path for verb in Verb), 404),
        not_allowed=_refusal("the method is not allowed here; POST is what carries a message", 405),
    )


def metrics_surface(path: str) -> Surface:
    """What is behind the port for metrics."""
    return Surface(
        metrics_routes(path),
        lambda _request, _route: _ALLOW_ALL,
        unknown=_refusal(f"no such path; metrics are at {path}", 404),
        not_allowed=_refusal("the method is not allowed here; GET is", 405),
    )


def metrics_routes(path: str) -> dict[str, Route]:
    async def metrics(_: Request) -> Response:
        body, content_type = exposition()
        return Response(body, content_type=content_type.encode())

    return {path: Route(metrics, ("GET", "HEAD"), is_work=False)}


def grpc_methods(component: Component) -> dict[str, Answer]:
    def asking(verb: Verb) -> Answer:
        async def answer(request: bytes, context: Context) -> bytes:
            told = await component.call(verb, GrpcMessage(request), context)
            return told.serialized if isinstance(told, GrpcMessage) else b""

        return answer

    async def metadata(_: bytes, context: Context) -> bytes:
        message = protos.ours().SeldonModelMetadata()
        json_format.ParseDict(await component.metadata(context), message, ignore_unknown_fields=True)
        serialized: bytes = message.SerializeToString()
        return serialized

    async def graph_metadata(_: bytes, context: Context) -> bytes:
        del context
        raise NotOfAComponent("GraphMetadata not available on the Model level.")

    answers: dict[str, Answer] = {name: asking(verb) for name, verb in _VERBS_BY_GRPC_METHOD.items()}
    answers |= {"Metadata": metadata, "ModelMetadata": metadata, "GraphMetadata": graph_metadata}
    return {
        f"/{protos.PACKAGE}.{service}/{method}": answers[method]
        for service, methods in protos.SERVICES.items()
        for method in methods
    }


def _message(request: Request) -> RestMessage:
    content_type = request.headers.get("content-type", "")
    if "json=" in request.query:
        said = bodies.undecoded(request.body, content_type, request.query)
        if isinstance(said, str):  # as a form says it, since a message has no query
            return RestMessage(urlencode({"json": said}).encode(), bodies.URLENCODED)
    return RestMessage(request.body, content_type)


def _context(request: Request) -> Context:
    return Context(request.puid, "rest", request.headers)


def _body(told: Any) -> bytes:
    body: bytes = told.body
    return body


def _refusal(text: str, http_status: int) -> Response:
    return Response(WrapperError(text, http_status=http_status).body(), http_status, JSON)
