"""What an ASGI application needs to take a request whole and to answer it whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from model_server.graph.errors import ClientGone, TooLarge

type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def read_body(scope: Mapping[str, Any], receive: Receive, max_bytes: int) -> bytes:
    """Errors: TooLarge; ClientGone where the client will not send the rest, nor hear an answer."""
    chunks: list[bytes] = []
    n_bytes = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise ClientGone(f"{scope['method']} {scope['path']}: the client left before its request was complete")
        chunk: bytes = event.get("body", b"")
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise TooLarge(f"the body is larger than {max_bytes:,} bytes; send fewer rows in a request")
        if not event.get("more_body"):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


async def respond(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """`headers` without the length, which is added."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})
