"""gRPC on one kept channel, with the metadata by which a gateway finds the deployment."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import grpc

from traffic_sim.messages import proto
from traffic_sim.messages.answers import Malformed, Scores, shortened
from traffic_sim.results import Status
from traffic_sim.transports.transport import REQUEST_ID, Answer, Target

_PREDICT: Final = "/seldon.protos.Seldon/Predict"
_SEND_FEEDBACK: Final = "/seldon.protos.Seldon/SendFeedback"


class GrpcTransport:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._channel: Any = None
        self._metadata = () if target.direct else (("seldon", target.deployment), ("namespace", target.namespace))

    def encode(self, rows: list[list[Any]], user: str | None) -> bytes:
        return proto.prediction(rows, user)

    async def __aenter__(self) -> Self:
        # Bytes in, bytes out: requests are encoded before the run.
        self._channel = grpc.aio.insecure_channel(self._target.gateway)
        self._predict, self._send_feedback = map(self._channel.unary_unary, (_PREDICT, _SEND_FEEDBACK))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def predict(self, payload: bytes, n_rows: int) -> Answer:
        return await self._call(self._predict, payload, lambda body: proto.scores(body, n_rows), self._metadata)

    async def feedback(self, payload: bytes, answer: Answer, reward: int) -> Answer:
        message = proto.feedback(payload, answer.reply, reward, answer.request_id)
        known_by = ((REQUEST_ID.lower(), answer.request_id),) if answer.request_id else ()
        return await self._call(self._send_feedback, message, lambda _: None, (*self._metadata, *known_by))

    async def _call(
        self,
        method: Any,
        message: bytes,
        read: Callable[[bytes], Scores | None],
        metadata: tuple[tuple[str, str], ...],
    ) -> Answer:
        sent_at = time.monotonic()
        try:
            call = method(message, metadata=metadata, timeout=self._target.timeout_seconds)
            reply = await call
        except grpc.aio.AioRpcError as error:
            finished_at = time.monotonic()
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return Answer(Status.TIMED_OUT, sent_at, finished_at, error="no answer in time")
            reason = f"{error.code().name}: {shortened(error.details() or '')}"
            return Answer(Status.FAILED, sent_at, finished_at, error=reason)
        finished_at = time.monotonic()
        try:
            request_id = dict(await call.initial_metadata()).get(REQUEST_ID.lower(), "")
            return Answer(Status.ANSWERED, sent_at, finished_at, read(reply), reply, request_id=str(request_id))
        except Malformed as error:
            return Answer(Status.MALFORMED, sent_at, finished_at, error=str(error))
