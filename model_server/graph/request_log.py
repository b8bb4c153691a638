"""The request log: what passes by a node with a `logger`, posted to a collector, and never in the way of a request.

`tell` only puts an event into a queue that is bounded in events and in bytes; some workers post from it. What finds no
room, or no collector, is dropped, counted, and said in the server's log at most once a second. Which events are told is
the walk's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from model_server.graph.cloud_events import Event, NotPlain, Source, unpacked
from model_server.graph.components.http_client import HttpClient
from model_server.graph.errors import ComponentUnreachable, GraphError
from model_server.graph.messages import Context, Message
from model_server.graph.predictor import Node
from model_server.graph.walk import Told

QUEUE_LENGTH: Final = 10_000
"""Events: the executor's --log_work_buffer_size."""
QUEUE_BYTES: Final = 64 * 1024 * 1024
"""Bodies that wait or are being posted; 10,000 requests of ten rows of impressions are about 25 MB."""
WORKERS: Final = 10
"""Posts at a time: the executor's --logger_workers."""
POST_TIMEOUT_SECONDS: Final = 10.0
"""A collector that needs longer holds up what waits behind it, for nothing."""
RETRY_AFTER_SECONDS: Final = 1.0
"""While a collector restarts, each worker holds one event this long, and the queue the others: little is lost."""
MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024

logger = logging.getLogger(__name__)


class Dropped(StrEnum):
    """Why an event was not delivered."""

    QUEUE_FULL = "queue_full"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    NO_ADDRESS = "no_address"
    CLOSED = "closed"


class _Queued(NamedTuple):
    event: Event
    url: str


class RequestLog:
    """Belongs to the event loop in which it is started. Its HttpClient may be shared; it is not closed here."""

    def __init__(
        self,
        client: HttpClient,
        default_url: str | None,
        source: Source,
        *,
        on_dropped: Callable[[Dropped], None],
        queue_length: int = QUEUE_LENGTH,
        queue_bytes: int = QUEUE_BYTES,
        workers: int = WORKERS,
        post_timeout_seconds: float = POST_TIMEOUT_SECONDS,
        retry_after_seconds: float = RETRY_AFTER_SECONDS,
        max_unpacked_bytes: int = MAX_UNPACKED_BYTES,
    ) -> None:
        """`default_url`: for loggers that name none; None: what they are told is dropped."""
        self._client = client
        self._default_url = default_url
        self._source = source.attributes()
        self._drops = _Drops(on_dropped)
        self._queue: asyncio.Queue[_Queued] = asyncio.Queue(queue_length)
        self._queue_bytes = queue_bytes
        self._n_workers = workers
        self._post_timeout_seconds = post_timeout_seconds
        self._retry_after_seconds = retry_after_seconds
        self._max_unpacked_bytes = max_unpacked_bytes
        self._held_bytes = 0
        self._workers: list[asyncio.Task[None]] = []
        self._is_closed = False

    def start(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._n_workers)]

    def tell(self, told: Told, node: Node, message: Message, context: Context) -> None:
        """Returns at once, whatever becomes of the event. Errors: none."""
        url = node.logger.url if node.logger is not None and node.logger.url else self._default_url
        if url is None:
            why = f"node {node.name} has a logger without url; give it one, or set REQUEST_LOGGER_DEFAULT_ENDPOINT"
            self._drops.note(Dropped.NO_ADDRESS, why)
            return
        if self._is_closed:
            self._drops.note(Dropped.CLOSED, "the server is shutting down")
            return
        try:
            event = Event.of(told, node.name, context.puid, message, datetime.now(UTC))
        except GraphError as error:
            self._drops.note(Dropped.UNREADABLE, f"a message at node {node.name} is no JSON: {error.message}")
            return
        if self._queue.full() or self._held_bytes + len(event.body) > self._queue_bytes:
            why = f"{self._queue.qsize()} events and {self._held_bytes} bytes wait; {url} takes less than comes"
            self._drops.note(Dropped.QUEUE_FULL, why)
            return
        self._held_bytes += len(event.body)
        self._queue.put_nowait(_Queued(event, url))

    async def close(self, grace_seconds: float) -> None:
        """Post what is queued, for as long as the grace lasts, and drop the rest."""
        self._is_closed = True
        if self._workers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_seconds):
                    await self._queue.join()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        while not self._queue.empty():
            self._queue.get_nowait()
            self._drops.note(Dropped.CLOSED, f"it was not posted within {grace_seconds} s of the shutdown")
        self._drops.close()

    async def _work(self) -> None:
        while True:
            queued = await self._queue.get()
            try:
                await self._post(queued)
            except asyncio.CancelledError:
                self._drops.note(Dropped.CLOSED, "it was being posted when the server shut down")
                raise
            except Exception:  # one event must not end the worker of the others
                logger.exception("request log: an event of node %s could not be posted", queued.event.node_name)
                self._drops.note(Dropped.UNREADABLE, "of an error of this server's own")
            finally:
                self._held_bytes -= len(queued.event.body)
                self._queue.task_done()

    async def _post(self, queued: _Queued) -> None:
        event, url = queued
        headers, body = event.headers(self._source, os.urandom(40)), event.body
        if event.content_encoding == "gzip":
            try:
                # In a thread: megabytes take longer to unpack than a request may wait.
                body = await asyncio.to_thread(unpacked, body, self._max_unpacked_bytes)
            except NotPlain as error:
                self._drops.note(Dropped.UNREADABLE, f"of a message at node {event.node_name}: {error}")
                return
        elif event.content_encoding:
            headers.append(("content-encoding", event.content_encoding))
        try:
            status = await self._posted(url, headers, body)
        except GraphError as error:
            self._drops.note(Dropped.UNREACHABLE, error.message)
        else:
            if not 200 <= status < 300:
                self._drops.note(Dropped.REFUSED, f"{url} answered with {status}; a collector answers with 2xx")

    async def _posted(self, url: str, headers: list[tuple[str, str]], body: bytes) -> int:
        """The status of the answer. Where a connection fails, the event is posted once more. Errors: GraphError."""
        try:
            return await self._posted_once(url, headers, body)
        except ComponentUnreachable:
            await asyncio.sleep(self._retry_after_seconds)
            return await self._posted_once(url, headers, body)

    async def _posted_once(self, url: str, headers: list[tuple[str, str]], body: bytes) -> int:
        seconds = self._post_timeout_seconds
        return (await self._client.exchange("post", url, headers=headers, body=body, timeout_seconds=seconds)).status


class _Drops:
    """Counts each, and says so at most once a second, with the last reason."""

    def __init__(self, on_dropped: Callable[[Dropped], None]) -> None:
        self._on_dropped = on_dropped
        self._n_unsaid = 0
        self._why = ""
        self._pause: asyncio.TimerHandle | None = None

    def note(self, reason: Dropped, why: str) -> None:
        self._on_dropped(reason)
        self._n_unsaid += 1
        self._why = why
        if self._pause is None:
            self._say()

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._warn()

    def _say(self) -> None:
        """Now, and again in a second if there is more by then."""
        self._pause = None
        if self._n_unsaid:
            self._warn()
            self._pause = asyncio.get_running_loop().call_later(1, self._say)

    def _warn(self) -> None:
        if self._n_unsaid:
            logger.warning("request log: %d event(s) dropped, the last because %s", self._n_unsaid, self._why)
            self._n_unsaid = 0
