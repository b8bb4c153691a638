"""Components elsewhere: each node of a predictor on ports of its own, served in this process, every REST call noted."""

import asyncio
import base64
from contextlib import asynccontextmanager

import grpc
from aiohttp import web
from recorded_conversations import body_of, nodes

from model_server.graph import protos
from model_server.graph.errors import GraphError
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import bodies, user_class
from model_server.graph.wrapper.calls import Identity, Wrapped

LOOPBACK = "127.0.0.1"
PROBED = "/api/v1.0/health/status"
"""Asked by /ready with full health checks; the recordings leave it out."""
_CLASSES = {Verb.AGGREGATE: "SeldonMessageList", Verb.SEND_FEEDBACK: "Feedback"}


class Host:
    """One node, REST and gRPC. REST and gRPC have an object each, as with the stock wrapper's two processes."""

    def __init__(self, node, container, predictor, calls):
        self.name = node["name"]
        self._calls = calls
        self.busy = 0
        environment = {each["name"]: each["value"] for each in container["env"]}
        identity = Identity(self.name, container["image"], predictor["name"], "dep", predictor["labels"])

        def wrapped():
            parameters = user_class.parse_parameters(node.get("parameters") or [])
            made = user_class.make(user_class.load_user_class(environment["MODEL_NAME"]), parameters)
            return Wrapped(made, identity, on_metrics=lambda *_: None, on_reward=lambda _: None)

        self._rest, self._grpc = wrapped(), wrapped()

    async def start(self):
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._serve_rest)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, 0)
        await site.start()
        self.http_port = site._server.sockets[0].getsockname()[1]
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Rpcs(self._grpc),))
        self.grpc_port = self._server.add_insecure_port(f"{LOOPBACK}:0")
        await self._server.start()

    async def stop(self):
        await self._runner.cleanup()
        await self._server.stop(0)

    async def _serve_rest(self, request):
        body = await request.read()
        call = {
            "node": self.name,
            "method": request.method,
            "path": request.path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": body_of(body),
        }
        if request.path != PROBED:
            self._calls.append(call)
        self.busy += 1
        try:
            status, answer = await asyncio.to_thread(
                self._answer_rest, request.path, request.content_type, body, request
            )
        finally:
            self.busy -= 1
        call["answer"] = {"code": status, "body": body_of(answer)}
        return web.Response(status=status, body=answer, content_type="application/json")

    def _answer_rest(self, path, content_type, body, request):
        del content_type
        try:
            if path in {"/health/status", PROBED}:
                return 200, bodies.encode(self._rest.health())
            if path == "/metadata":
                return 200, bodies.encode(self._rest.metadata())
            verb = {each.path: each for each in Verb}[path]
            tree = bodies.decode(body, request.headers.get("Content-Type", ""))
            return 200, bodies.encode(self._rest.answer_tree(verb, tree))
        except GraphError as error:
            return error.http_status, error.body()


class _Rpcs(grpc.GenericRpcHandler):
    def __init__(self, wrapped):
        self._wrapped = wrapped

    def service(self, details):
        if details.method == "/seldon.protos.Model/Metadata":
            return grpc.unary_unary_rpc_method_handler(self._metadata)
        verbs = [verb for verb in Verb if verb.grpc_method == details.method]
        if not verbs:
            return None

        async def answer(request, context):
            message = getattr(protos.for_user_code(), _CLASSES.get(verbs[0], "SeldonMessage")).FromString(request)
            try:
                return (await asyncio.to_thread(self._wrapped.answer_proto, verbs[0], message)).SerializeToString()
            except GraphError as error:
                await context.abort(grpc.StatusCode[error.code], error.details())

        return grpc.unary_unary_rpc_method_handler(answer)

    async def _metadata(self, request, context):
        del request, context
        from google.protobuf import json_format

        message = protos.ours().SeldonModelMetadata()
        return json_format.ParseDict(self._wrapped.metadata(), message).SerializeToString()


@asynccontextmanager
async def hosts(predictor, calls, but=()):
    """A host for each node, those named in `but` left out; stopped at the end."""
    started = []
    try:
        for node, container in nodes(predictor):
            if node["name"] not in but:
                host = Host(node, container, predictor, calls)
                await host.start()
                started.append(host)
        yield started
    finally:
        for host in started:
            await host.stop()


@asynccontextmanager
async def collector(events):
    """A receiver of CloudEvents; its address."""

    async def note(request):
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        told = {name: value for name, value in headers.items() if name.startswith("ce-") or name == "content-type"}
        body_told = (
            body_of(body)
            if "protobuf" not in headers["content-type"]
            else {"__base64__": base64.b64encode(body).decode()}
        )
        events.append({"headers": told, "path": request.path, "body": body_told})
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", note)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        yield f"http://{LOOPBACK}:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()
