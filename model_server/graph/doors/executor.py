"""The outside of Seldon's executor: the paths and gRPC methods behind which a whole graph answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format

from model_server.graph import protos
from model_server.graph.doors.grpc import Answer
from model_server.graph.doors.http_exchange import header_lines
from model_server.graph.doors.reception import SKIP_LOGGING_HEADER, asks_not_to_be_logged
from model_server.graph.doors.rest import JSON, TEXT, Request, Response, Route, Surface
from model_server.graph.errors import MessageUnreadable
from model_server.graph.messages import Context, GrpcMessage, RestMessage
from model_server.graph.metrics_files import exposition
from model_server.graph.serving import Graph
from model_server.graph.settings import Settings

_HTML = ((b"<", rb"\u003c"), (b">", rb"\u003e"), (b"&", rb"\u0026"))
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


def rest_surface(graph: Graph, settings: Settings) -> Surface:
    async def predictions(request: Request) -> Response:
        return _answered(await graph.predict(_message(request), _context(request)))

    async def feedback(request: Request) -> Response:
        return _answered(await graph.send_feedback(_message(request), _context(request)))

    async def status_of(request: Request) -> Response:
        return _answered(await graph.status_of(request.node, _context(request)))

    async def metadata_of(request: Request) -> Response:
        return Response(json.dumps(await graph.metadata_of(request.node, _context(request))).encode())

    async def metadata(request: Request) -> Response:
        return Response(json.dumps(await graph.metadata(_context(request))).encode())

    async def ready(_: Request) -> Response:
        is_ready = await graph.is_ready()
        return Response(status=200 if is_ready else 503, content_type=None)

    async def healthy(_: Request) -> Response:
        return Response(status=200 if await graph.is_healthy() else 503, content_type=None)

    async def live(_: Request) -> Response:
        return Response(content_type=None)

    async def metrics(_: Request) -> Response:
        body, content_type = exposition()
        return Response(body, content_type=content_type.encode())

    posts, gets = ("POST",), ("GET",)
    routes = {
        "/live": Route(live, None, is_work=False),
        "/ready": Route(ready, None, is_work=False),
        settings.metrics_path: Route(metrics, None, is_work=False),
        "/api/v1.0/status": Route(live, gets, "status", is_work=False),
        "/api/v1.0/health/status": Route(live, gets, "status", is_work=False),
        "/api/v1.0/metadata": Route(metadata, gets, "metadata"),
    }
    if settings.is_a_container:  # whose probes are those of a component
        routes |= {
            "/health/ping": Route(live, None, is_work=False),
            "/health/status": Route(healthy, None, is_work=False),
        }
    for version in ("v0.1", "v1.0"):
        routes |= {
            f"/api/{version}/predictions": Route(predictions, posts, "predictions"),
            f"/api/{version}/feedback": Route(feedback, posts, "feedback"),
            f"/api/{version}/status/": Route(status_of, gets, "status"),
            f"/api/{version}/metadata/": Route(metadata_of, gets, "metadata"),
        }
    return Surface(
        routes,
        _headers(settings),
        unknown=Response(b"404 page not found\n", 404, TEXT, (_NOSNIFF,)),
        not_allowed=Response(status=405, content_type=None),
    )


def grpc_methods(graph: Graph) -> dict[str, Answer]:
    messages = protos.ours()

    async def predict(request: bytes, context: Context) -> bytes:
        answer = await graph.predict(GrpcMessage(request), context)
        return answer.serialized if isinstance(answer, GrpcMessage) else b""

    async def send_feedback(request: bytes, context: Context) -> bytes:
        asked = GrpcMessage(request)
        answer = await graph.send_feedback(asked, context)
        # Where the root takes no rewards, what comes back is the feedback itself, which is no SeldonMessage.
        return answer.serialized if isinstance(answer, GrpcMessage) and answer is not asked else b""

    async def model_metadata(request: bytes, context: Context) -> bytes:
        asked = GrpcMessage(request).shared_proto(messages.SeldonModelMetadataRequest)
        return _serialized(await graph.metadata_of(asked.name, context), messages.SeldonModelMetadata())

    async def graph_metadata(_: bytes, context: Context) -> bytes:
        told = await graph.metadata(context)
        named = {"name": told["name"], "models": told["models"]}
        ends = {"inputs": told["graphinputs"], "outputs": told["graphoutputs"]}
        return _serialized(named | ends, messages.SeldonGraphMetadata())

    seldon = "/seldon.protos.Seldon"
    return {
        f"{seldon}/Predict": predict,
        f"{seldon}/SendFeedback": send_feedback,
        f"{seldon}/ModelMetadata": model_metadata,
        f"{seldon}/GraphMetadata": graph_metadata,
    }


def _serialized(tree: Mapping[str, Any], message: Any) -> bytes:
    try:
        serialized: bytes = json_format.ParseDict(tree, message, ignore_unknown_fields=True).SerializeToString()
    except json_format.ParseError as error:
        raise MessageUnreadable(f"the metadata does not fit Seldon's message: {error}") from error
    return serialized


def _message(request: Request) -> RestMessage:
    return RestMessage(
        request.body, request.headers.get("content-type", ""), request.headers.get("content-encoding", "")
    )


def _context(request: Request) -> Context:
    is_logged = not asks_not_to_be_logged(request.headers.get(SKIP_LOGGING_HEADER))
    return Context(request.puid, "rest", request.headers, is_logged)


def _answered(answer: Any) -> Response:
    body = answer.body
    content_type = JSON if answer.content_type == "application/json" else _header(answer.content_type) or JSON
    if answer.content_encoding:
        return Response(
            body, content_type=content_type, headers=((b"content-encoding", _header(answer.content_encoding)),)
        )
    for character, escaped in _HTML:  # so that no browser takes an answer for a page, as the executor has it
        if character in body:
            body = body.replace(character, escaped)
    return Response(body, content_type=content_type)


def _header(text: str) -> bytes:
    """What may come from a client or a component, as a header's value. Errors: none."""
    try:
        value = text.encode("latin-1")  # as the doors read them
    except UnicodeEncodeError:
        value = text.encode(errors="replace")
    return _CONTROLS.sub(b" ", value)


def _headers(settings: Settings) -> Callable[[Request, Route], bytes]:
    """Of every answer: the request id, and CORS. A CloudEvent is answered by one."""
    fixed = header_lines(
        (
            _NOSNIFF,
            (b"access-control-allow-origin", settings.cors_origins.encode("latin-1")),
            (b"access-control-allow-headers", settings.cors_headers.encode("latin-1")),
        )
    )
    by_methods: dict[tuple[str, ...] | None, bytes] = {None: fixed}

    def headers_of(request: Request, route: Route) -> bytes:
        lines = by_methods.get(route.methods)
        if lines is None:
            told = ",".join(sorted({*(route.methods or ()), "OPTIONS"})).encode()
            lines = by_methods[route.methods] = fixed + header_lines([(b"access-control-allow-methods", told)])
        puid = request.puid.encode("latin-1")
        lines = b"%bseldon-puid: %b\r\n" % (lines, puid)  # which was looked at when it came
        if "ce-specversion" in request.headers:
            source = f"seldon.{settings.deployment}"
            lines += header_lines(
                (
                    (b"ce-id", puid),
                    (b"ce-specversion", b"0.3"),
                    (b"ce-path", _header(request.path)),
                    (b"ce-type", f"{source}.{settings.namespace}.response".encode()),
                    (b"ce-source", source.encode()),
                )
            )
        return lines

    return headers_of
