"""The REST door: an application over a table of routes. Which routes, depends on what is behind it."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from model_server.graph.doors.http_exchange import Exchange, Header, header_lines
from model_server.graph.doors.reception import PUID_HEADER, Reception, request_id, since
from model_server.graph.errors import ClientGone, GraphError

JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Request:
    """A request that has arrived whole."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Lower-case names; of a name that came several times, the values joined by commas."""
    body: bytes
    puid: str
    node: str = ""
    """Of a path that names one."""


@dataclass(slots=True)
class Response:
    body: bytes = b""
    status: int = 200
    content_type: bytes | None = JSON
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True)
class Route:
    """`service`: as the request is called in the metrics; None where it is not counted, such as a probe."""

    answer: Callable[[Request], Awaitable[Response]]
    methods: tuple[str, ...] | None
    """None: any."""
    service: str | None = None
    is_work: bool = True
    """Whether it counts against the limit of requests; a probe is answered however busy the server is."""


@dataclass(frozen=True)
class Surface:
    """What a REST door looks like from outside."""

    routes: Mapping[str, Route]
    """By path; one that ends with `/` is followed by the name of a node."""
    headers_of: Callable[[Request, Route], bytes]
    """Headers of every answer of a route, as `header_lines` writes them."""
    unknown: Response
    """For a path that is none."""
    not_allowed: Response
    """For a method that a path does not take."""


class RestDoor:
    """The application."""

    def __init__(self, surface: Surface, reception: Reception) -> None:
        self._surface = surface
        self._reception = reception

    async def __call__(self, exchange: Exchange) -> None:
        began = time.perf_counter()
        route, node = self._route(exchange.path)
        if route is None:
            return await _send(exchange, self._surface.unknown)
        method = exchange.method
        request = _request(exchange, node)
        if method == "OPTIONS":
            return await _send(exchange, Response(content_type=None), self._surface.headers_of(request, route))
        if route.methods is not None and method not in route.methods:
            return await _send(exchange, self._surface.not_allowed)
        try:
            if route.is_work:
                request.body = await exchange.body(self._reception.limits.max_body_bytes)
                self._reception.admit()
                try:
                    response = await route.answer(request)
                finally:
                    self._reception.gone()
            else:
                response = await route.answer(request)
        except ClientGone:
            return None  # nobody is there to be told
        except Exception as error:  # noqa: BLE001 -- one request must not end the server
            response = _refusal(self._reception.failed(error, request.puid))
        if route.service is not None:
            self._reception.telemetry.answered(route.service, method.lower(), str(response.status), since(began))
        return await _send(exchange, response, self._surface.headers_of(request, route))

    def _route(self, path: str) -> tuple[Route | None, str]:
        route = self._surface.routes.get(path)
        if route is not None and not path.endswith("/"):
            return route, ""
        stem, _, node = path.rpartition("/")
        return (self._surface.routes.get(f"{stem}/"), node) if node else (None, "")


def _request(exchange: Exchange, node: str) -> Request:
    """Without its body, which may be yet to come."""
    headers = _headers(exchange.headers)
    return Request(
        method=exchange.method,
        path=exchange.path,
        query=exchange.query,
        headers=headers,
        body=b"",
        puid=request_id(headers.get(PUID_HEADER)),
        node=node,
    )


def _headers(raw: list[Header]) -> dict[str, str]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) == len(raw):
        return headers
    headers = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        separator = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


def _refusal(error: GraphError) -> Response:
    try:
        body = error.body()
    except (TypeError, ValueError):  # a status object of a user's own that is no JSON
        body = json.dumps({"status": {"code": error.http_status, "info": error.message, "status": "FAILURE"}}).encode()
    retry = error.retry_after_seconds
    headers = () if retry is None else ((b"retry-after", str(retry).encode()),)
    return Response(body, error.http_status, JSON, headers)


async def _send(exchange: Exchange, response: Response, lines: bytes = b"") -> None:
    if response.headers:
        lines = header_lines(response.headers) + lines
    if response.content_type is not None:
        lines += _content_type_line(response.content_type)
    await exchange.answer(response.status, lines, response.body)


@functools.lru_cache(maxsize=32)
def _content_type_line(content_type: bytes) -> bytes:
    return header_lines([(b"content-type", content_type)])
