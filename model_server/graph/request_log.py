"""The request log: what passes by a node with a `logger`, posted to a collector, and never in the way of a request.

`tell` only puts an event into a queue that is bounded in events and in bytes; some workers post from it. What finds no
room, or no collector, is dropped, counted, and said in the server's log at most once a second. Which events are told is
the walk's business.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
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
"""The executor's --log_work_buffer_size."""
QUEUE_BYTES: Final = 256 * 1024 * 1024
WORKERS: Final = 10
"""The executor's --logger_workers: so many posts at a time."""
POST_TIMEOUT_SECONDS: Final = 60.0
"""The executor's."""
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
RETRY_AFTER_SECONDS: Final = 1.0
"""A collector that restarts misses little: meanwhile each worker holds one event and the queue the others."""

log = logging.getLogger(__name__)


class Dropped(StrEnum):
    """Why an event was not posted; a label of a metric."""

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
    """Told from the event loop that `start` was called in."""

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
        """`default_url`: for nodes whose logger names none; None: their events are dropped."""
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
        """Returns at once. Errors: none."""
        url = node.logger.url if node.logger is not None and node.logger.url else self._default_url
        if self._is_closed:
            return self._drops.note(Dropped.CLOSED, "the server is shutting down")
        if url is None:
            return self._drops.note(
                Dropped.NO_ADDRESS, f"node {node.name} names no url in its logger; REQUEST_LOGGER_DEFAULT_ENDPOINT may"
            )
        try:
            event = Event.of(told, node.name, context.puid, message, datetime.now(UTC))
        except (TypeError, ValueError) as error:
            return self._drops.note(Dropped.UNREADABLE, f"a message at node {node.name} is no JSON: {error}")
        if self._held_bytes + len(event.body) > self._queue_bytes or self._queue.full():
            return self._drops.note(
                Dropped.QUEUE_FULL,
                f"{self._queue.qsize()} events and {self._held_bytes} bytes wait for {url}; it takes less than comes",
            )
        self._held_bytes += len(event.body)
        return self._queue.put_nowait(_Queued(event, url))

    async def close(self, grace_seconds: float) -> None:
        """Post what is queued for as long as the grace lasts, drop the rest."""
        self._is_closed = True
        if self._workers:
            try:
                async with asyncio.timeout(grace_seconds):
                    await self._queue.join()
            except TimeoutError:
                pass  # the rest is counted below
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
        while not self._queue.empty():
            self._queue.get_nowait()
            self._drops.note(Dropped.CLOSED, f"it was not posted within {grace_seconds} s of the shutdown")
        self._drops.say()

    async def _work(self) -> None:
        while True:
            queued = await self._queue.get()
            try:
                await self._post(queued)
            except asyncio.CancelledError:
                self._drops.note(Dropped.CLOSED, "it was being posted when the server shut down")
                raise
            except Exception:  # one event must not end the worker of all others
                log.exception("request log: an event of node %s was dropped", queued.event.node_name)
                self._drops.note(Dropped.UNREADABLE, "an error of this server's own")
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
                return self._drops.note(Dropped.UNREADABLE, f"a message at node {event.node_name}: {error}")
        elif event.content_encoding:
            headers.append(("content-encoding", event.content_encoding))
        try:
            status = await self._posted(url, headers, body)
        except GraphError as error:
            return self._drops.note(Dropped.UNREACHABLE, error.message)
        if not 200 <= status < 300:
            self._drops.note(Dropped.REFUSED, f'Post "{url}": status code {status}; a collector answers with 2xx')
        return None

    async def _posted(self, url: str, headers: list[tuple[str, str]], body: bytes) -> int:
        """The status of the answer. Where a connection fails, the event is posted once more. Errors: GraphError."""
        try:
            return await self._once(url, headers, body)
        except ComponentUnreachable:
            await asyncio.sleep(self._retry_after_seconds)
            return await self._once(url, headers, body)

    async def _once(self, url: str, headers: list[tuple[str, str]], body: bytes) -> int:
        answer = await self._client.exchange(
            "post", url, headers=headers, body=body, timeout_seconds=self._post_timeout_seconds
        )
        return answer.status


class _Drops:
    """Counts each, and says so at most once a second, with the last reason."""

    def __init__(self, on_dropped: Callable[[Dropped], None]) -> None:
        self._on_dropped = on_dropped
        self._unsaid = 0
        self._why = ""
        self._said_at_seconds = -1.0

    def note(self, reason: Dropped, why: str) -> None:
        self._on_dropped(reason)
        self._unsaid += 1
        self._why = why
        if time.monotonic() - self._said_at_seconds >= 1:
            self.say()

    def say(self) -> None:
        if self._unsaid:
            log.warning("request log: %d event(s) dropped, the last because %s", self._unsaid, self._why)
            self._unsaid = 0
            self._said_at_seconds = time.monotonic()
