"""The way to other programs over HTTP: one session per process, whose failures read as those of Go's HTTP client.

Bytes go out and come in as they are: nothing is decompressed, no redirect is followed, no cookie kept, no proxy asked.
The executor's users know Go's words (`dial tcp 10.1.2.3:9000: connect: connection refused`), so failures keep them.
"""

from __future__ import annotations

import io
import os
import re
import socket
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import aiohttp

from model_server.graph.errors import ComponentAnsweredWithError, ComponentTimedOut, ComponentUnreachable, GraphError

KEPT_IDLE_SECONDS: Final = 1.0
"""How long a connection is kept for the next call: well below the 2 s after which gunicorn, which runs Seldon's
wrapper, hangs up by default, so that no call is sent into a connection that is just being closed."""
CONNECT_TIMEOUT_SECONDS: Final = 30.0
"""Go's own (net/http.DefaultTransport)."""
CONNECTIONS_PER_HOST: Final = 100
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
_ADDED_UNASKED: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_SENT_AT_ONCE_BYTES: Final = 1024 * 1024
"""A longer body is written in pieces, so that the event loop can look after others in between."""
_PASSWORD: Final = re.compile(r"(?<=//)([^/@:]*):[^/@]*@")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Answer(NamedTuple):
    status: int
    body: bytes
    content_type: str
    content_encoding: str


class HttpClient:
    """Opened by the first call, inside the event loop that makes it: the process may fork before."""

    def __init__(
        self, *, connections_per_host: int = CONNECTIONS_PER_HOST, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> None:
        self._connections_per_host = connections_per_host
        self._max_answer_bytes = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes | None = None,
        timeout_seconds: float | None = None,
        on_status: Callable[[int], None] | None = None,
    ) -> Answer:
        """The answer, whatever its status. `on_status` hears of it as soon as it is there, before the body.

        Errors: ComponentUnreachable, ComponentTimedOut, ComponentAnsweredWithError where the answer is too large.
        """
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_TIMEOUT_SECONDS)
        data = io.BytesIO(body) if body is not None and len(body) > _SENT_AT_ONCE_BYTES else body
        try:
            async with self._opened().request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if on_status is not None:
                    on_status(response.status)
                answered = await self._read(response)
                if answered is None:
                    response.close()
                    raise ComponentAnsweredWithError(
                        f"{_said(method, url)}: the answer is larger than {self._max_answer_bytes} bytes, which is "
                        f"as much as this server takes from a component; let it answer with less"
                    )
                return Answer(
                    response.status,
                    answered,
                    response.headers.get("Content-Type", ""),
                    response.headers.get("Content-Encoding", ""),
                )
        # RuntimeError: uvloop's, where the system gave a socket a number that uvloop has not let go of yet.
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            raise _failure(method, url, error, timeout_seconds) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, limit_per_host=self._connections_per_host, keepalive_timeout=KEPT_IDLE_SECONDS
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_ADDED_UNASKED,
            )
        return self._session

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body; None where it is too large, of which no more than the limit has been held."""
        announced = response.content_length
        if announced is not None:
            return None if announced > self._max_answer_bytes else await response.read()
        pieces: list[bytes] = []
        n_bytes = 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            n_bytes += len(piece)
            if n_bytes > self._max_answer_bytes:
                return None
        return b"".join(pieces)


def _failure(method: str, url: str, error: Exception, timeout_seconds: float | None) -> GraphError:
    """What Go's HTTP client would say of the same."""
    if isinstance(error, TimeoutError):
        dialled = isinstance(error, aiohttp.ConnectionTimeoutError)
        if dialled and (timeout_seconds is None or timeout_seconds > CONNECT_TIMEOUT_SECONDS):
            return ComponentTimedOut(f"{_said(method, url)}: dial tcp {_address(urlsplit(url))}: i/o timeout")
        return ComponentTimedOut(f"{_said(method, url)}: context deadline exceeded")
    return ComponentUnreachable(f"{_said(method, url)}: {_cause(error, url)}")


def _cause(error: Exception, url: str) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            is_unknown = error.os_error.errno in {None, socket.EAI_NONAME, socket.EAI_NODATA}
            why = "no such host" if is_unknown else _words(error.os_error)
            cause = f"dial tcp: lookup {urlsplit(url).hostname}: {why}"
        case aiohttp.ClientConnectorError():
            cause = f"dial tcp {_address(urlsplit(url))}: connect: {_words(error.os_error)}"
        case aiohttp.ServerDisconnectedError():
            cause = "EOF"
        case aiohttp.ClientPayloadError():
            cause = "unexpected EOF"
        case aiohttp.ClientResponseError():
            cause = f"malformed HTTP response: {error.message}"
        case OSError():
            cause = f"connection to {_address(urlsplit(url))} broken: {_words(error)}"
        case _:
            cause = str(error) or type(error).__name__
    return cause


def _words(error: OSError) -> str:
    """The system's words for it: event loops put their own in their place."""
    number = error.errno or 0
    return (os.strerror(number) if number > 0 else str(error) or type(error).__name__).lower()


def _said(method: str, url: str) -> str:
    return f'{method.capitalize()} "{_PASSWORD.sub(r"\1:***@", url, count=1)}"'


def _address(parts: SplitResult) -> str:
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
