"""A component elsewhere, called over HTTP as Seldon's executor calls it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from model_server.graph.components.calls import OnCall, told_nobody
from model_server.graph.components.headers import rest_headers
from model_server.graph.components.http_client import Answer, HttpClient
from model_server.graph.errors import ComponentAnsweredWithError, GraphError, RouterFailed
from model_server.graph.messages import Context, Message, RestMessage
from model_server.graph.verbs import Verb

METADATA_PATH = "/metadata"
STATUS_PATH = "/health/status"
READY_PATH = "/api/v1.0/health/status"
"""What the executor asks with --full_health_checks; the wrapper answers there as under STATUS_PATH."""


class RestComponent:
    """Takes and gives RestMessages; their bytes are not looked into."""

    def __init__(
        self,
        host: str,
        port: int,
        client: HttpClient,
        *,
        timeout_seconds: float | None = None,
        on_call: OnCall = told_nobody,
    ) -> None:
        """`timeout_seconds` for a whole call; None: as long as it takes."""
        self._root = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._on_call = on_call

    async def call(self, verb: Verb, message: Message, context: Context) -> Message:
        return await self._asked("post", verb.path, _rest(message), context)

    async def aggregate(self, messages: Sequence[Message], context: Context) -> Message:
        return await self._asked("post", Verb.AGGREGATE.path, joined([_rest(each) for each in messages]), context)

    async def metadata(self, context: Context) -> Any:
        answer = await self._asked("get", METADATA_PATH, None, context)
        try:
            metadata = json.loads(answer.body)
        except ValueError as error:
            raise self._no_metadata(f"is no JSON: {error}") from error
        if not isinstance(metadata, dict):
            raise self._no_metadata(f"is a JSON {type(metadata).__name__}")
        return metadata

    async def status(self, context: Context) -> Message:
        return await self._asked("get", STATUS_PATH, None, context)

    async def is_healthy(self, *, timeout_seconds: float) -> bool:
        """Whether its own health check says 200. Asked of nobody's behalf, so counted nowhere, like the executor's."""
        url = f"{self._root}{READY_PATH}"
        try:
            return (await self._client.exchange("get", url, headers=(), timeout_seconds=timeout_seconds)).status == 200
        except GraphError:
            return False

    async def _asked(self, method: str, path: str, message: RestMessage | None, context: Context) -> RestMessage:
        started = time.perf_counter()
        url = f"{self._root}{path}"
        answer = await self._client.exchange(
            method,
            url,
            headers=rest_headers(context, message),
            body=None if message is None else message.body,
            timeout_seconds=self._timeout_seconds,
            on_status=lambda status: self._on_call(path, method, str(status), time.perf_counter() - started),
        )
        if answer.status != 200:  # the executor takes nothing else for success
            raise _refused(path, url, answer)
        return RestMessage(answer.body, answer.content_type, answer.content_encoding)

    def _no_metadata(self, what_is_wrong: str) -> ComponentAnsweredWithError:
        return ComponentAnsweredWithError(
            f"{self._root}{METADATA_PATH} answered with what {what_is_wrong}; metadata are a JSON object"
        )


def joined(messages: Sequence[RestMessage]) -> RestMessage:
    """The JSON array of the messages, which are not parsed. Errors: ComponentAnsweredWithError."""
    if compressed := [each.content_encoding for each in messages if each.content_encoding not in {"", "identity"}]:
        raise ComponentAnsweredWithError(
            f"A combiner's child answered with Content-Encoding {compressed[0]}, which cannot be joined with the other "
            f"answers; let it heed Accept-Encoding: identity"
        )
    return RestMessage(b"[" + b",".join(each.body for each in messages) + b"]")


def _refused(path: str, url: str, answer: Answer) -> GraphError:
    text = f"Internal service call from executor failed calling {url} status code {answer.status}"
    if path == Verb.ROUTE.path:
        return RouterFailed(text, http_status=answer.status)
    return ComponentAnsweredWithError(text, http_status=answer.status, body=answer.body)


def _rest(message: Message) -> RestMessage:
    if not isinstance(message, RestMessage):
        raise TypeError(f"a call over REST takes RestMessages, not {type(message).__name__}")
    return message
