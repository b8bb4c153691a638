"""Asking a program that stands for a predictor or a component, and what comes back, in one shape for all of them."""

import asyncio
import json
from dataclasses import dataclass

import aiohttp
import grpc
from differential_forms import tree_of

from model_server.graph import protos

LOOPBACK = "127.0.0.1"
BROKEN = "the connection broke"
AT_ONCE = 8


@dataclass(frozen=True)
class Outcome:
    """`code`: of HTTP, or the name of gRPC's. `body`: a tree where it is one, else text."""

    code: object
    body: object
    content_type: str = ""
    puid: str = ""

    def __str__(self):
        return f"{self.code} {self.content_type} {json.dumps(self.body, default=str)[:1500]}"


class Program:
    """Listens to both transports. `names`: addresses -> what they are called in all answers."""

    def __init__(self, http_port, grpc_port, names=None):
        self._url = f"http://{LOOPBACK}:{http_port}"
        self._grpc_address = f"{LOOPBACK}:{grpc_port}"
        self._names = names or {}

    async def ask_all(self, requests, numbers_from=0):
        """The outcomes, in the order of the requests; the number of each is its Seldon-Puid."""
        slots = asyncio.Semaphore(AT_ONCE)
        async with (
            aiohttp.ClientSession(skip_auto_headers=["Content-Type", "Accept"]) as session,
            grpc.aio.insecure_channel(self._grpc_address) as channel,
        ):

            async def ask(number, request):
                async with slots:
                    puid = f"request-{number}"
                    if request.is_rest:
                        return await self._rest(session, request, puid)
                    return await self._grpc(channel, request, puid)

            return await asyncio.gather(*(ask(i, request) for i, request in enumerate(requests, numbers_from)))

    async def _rest(self, session, request, puid):
        headers = {"Seldon-Puid": puid, **dict(request.headers)}
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        url = aiohttp.client.URL(f"{self._url}{request.path}", encoded=True)
        try:
            async with session.request(request.method, url, data=request.body or None, headers=headers) as answer:
                body = await answer.read()
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            return Outcome(BROKEN, None)
        kind = answer.headers.get("Content-Type", "")
        return Outcome(answer.status, self._body(body), kind, answer.headers.get("Seldon-Puid", ""))

    def _body(self, body):
        text = self._named(body.decode(errors="backslashreplace"))
        try:
            return json.loads(text)
        except ValueError:
            return text

    async def _grpc(self, channel, request, puid):
        asked = channel.unary_unary(request.method)(request.body, metadata=(("seldon-puid", puid),))
        try:
            answer = await asked
            metadata = await asked.initial_metadata()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:  # nobody in the zoo says so
                return Outcome(BROKEN, None)
            return Outcome(error.code().name, self._named(error.details() or ""))
        message = getattr(protos.ours(), request.answer_class).FromString(answer)
        return Outcome("OK", tree_of(message), puid=dict(metadata).get("seldon-puid", ""))

    def _named(self, text):
        for address, name in self._names.items():
            text = text.replace(address, name)
        return text
