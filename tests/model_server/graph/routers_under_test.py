"""A router over two models, described as the operator describes it, and asked over both transports."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import grpc
from google.protobuf import json_format
from graph_server_process import ROOT, START_SECONDS, free_ports

from model_server.graph import protos

CHILDREN = ("champion", "challenger")
SCORES = {"champion": 0.25, "challenger": 0.75}
METHODS = ["TRANSFORM_INPUT", "ROUTE", "SEND_FEEDBACK"]


def parameters(**values):
    kinds = {str: "STRING", int: "INT", float: "FLOAT"}
    return [{"name": name, "value": str(value), "type": kinds[type(value)]} for name, value in values.items()]


def predictor(router_class, endpoints=None, methods=METHODS, models=None, **of_router):
    """`endpoints`: name -> (HTTP port, gRPC port); without them all runs in the graph server's process.

    `models`: a folder with bundles of both children; without it they are scorers that need none.
    """

    def node(name, kind, **more):
        found = {"name": name, "type": kind, **more}
        if endpoints is not None:
            http_port, grpc_port = endpoints[name]
            found["endpoint"] = {"service_host": "127.0.0.1", "service_port": http_port, "type": "REST"}
            found["endpoint"] |= {"httpPort": http_port, "grpcPort": grpc_port}
        return found

    class_name = "routed_models.Scorer" if models is None else "model_server.install_model.InstallModel"

    def of_child(name):
        return parameters(score=SCORES[name]) if models is None else parameters(model_uri=str(models / name))

    children = [node(name, "MODEL", parameters=of_child(name)) for name in CHILDREN]
    router = node("router", "ROUTER", methods=methods, parameters=parameters(**of_router), children=children)
    containers = [_container(name, class_name) for name in CHILDREN]
    containers.append(_container("router", f"model_server.routers.{router_class}"))
    return {"name": "arms", "graph": router, "componentSpecs": [{"spec": {"containers": containers}}]}


def _container(name, class_name):
    return {"name": name, "image": f"{name}:1", "env": [{"name": "MODEL_NAME", "value": class_name}]}


def request(user=None, **tags):
    tags |= {} if user is None else {"user": user}
    return {"meta": {"tags": tags}, "data": {"names": ["a"], "ndarray": [[1.0]]}}


class Refused(Exception):
    """`code`: of HTTP, or the name of gRPC's."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Caller:
    """Asks what stands for a predictor or a component."""

    def __init__(self, http_port, grpc_port):
        self._url = f"http://127.0.0.1:{http_port}"
        self._address = f"127.0.0.1:{grpc_port}"

    async def __aenter__(self):
        self._session = aiohttp.ClientSession()
        self._channel = grpc.aio.insecure_channel(self._address)
        return self

    async def __aexit__(self, *_):
        await self._session.close()
        await self._channel.close()

    async def rest(self, path, tree):
        async with self._session.post(f"{self._url}{path}", json=tree) as answer:
            body = await answer.text()
            if answer.status != 200:
                raise Refused(answer.status, body)
            return json.loads(body)

    async def get(self, path):
        async with self._session.get(f"{self._url}{path}") as answer:
            return answer.status, await answer.json()

    async def grpc(self, method, tree, kind="SeldonMessage"):
        message = json_format.ParseDict(tree, getattr(protos.ours(), kind)())
        try:
            answer = await self._channel.unary_unary(f"/seldon.protos.{method}")(
                message.SerializeToString(), timeout=30
            )
        except grpc.aio.AioRpcError as error:
            raise Refused(error.code().name, error.details()) from error
        return json_format.MessageToDict(protos.ours().SeldonMessage.FromString(answer))

    async def predict(self, tree, transport="rest"):
        if transport == "rest":
            return await self.rest("/api/v1.0/predictions", tree)
        return await self.grpc("Seldon/Predict", tree)

    async def feedback(self, tree, transport="rest"):
        if transport == "rest":
            return await self.rest("/api/v1.0/feedback", tree)
        return await self.grpc("Seldon/SendFeedback", tree, "Feedback")


async def eventually(is_true, seconds=60.0):
    """Until what it returns, awaited if need be, holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = is_true()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, "it did not happen"
        await asyncio.sleep(0.05)


@contextmanager
def stock_components(components, folder):
    """Each behind Seldon's own wrapper: name -> (HTTP port, gRPC port). `components`: name -> (class, parameters)."""
    running, ports, logs = [], {}, []
    try:
        for name, (class_name, of_class) in components.items():
            http_port, grpc_port, metrics_port = free_ports(3)
            command = [sys.executable, "-m", "deployments.local.stock_wrapper", class_name]
            command += [
                "--http-port",
                str(http_port),
                "--grpc-port",
                str(grpc_port),
                "--metrics-port",
                str(metrics_port),
            ]
            environment = {
                **os.environ,
                "PREDICTIVE_UNIT_ID": name,
                "PREDICTIVE_UNIT_IMAGE": f"{name}:1",
                "PREDICTIVE_UNIT_PARAMETERS": json.dumps(parameters(**of_class)),
                "PREDICTOR_ID": "arms",
                "SELDON_DEPLOYMENT_ID": "dep",
                "GUNICORN_WORKERS": "2",
                "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}",
            }
            log = Path(folder) / f"{name}-{http_port}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command, env=environment, stdout=output, stderr=output, cwd=folder, start_new_session=True
                )
            running.append(process)
            logs.append(log)
            ports[name] = http_port, grpc_port
        asyncio.run(_until_open(running, [port for pair in ports.values() for port in pair], logs))
        yield ports
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _until_open(processes, ports, logs):
    async with asyncio.timeout(2 * START_SECONDS):
        for port in ports:
            while not is_open(port):
                for process, log in zip(processes, logs, strict=True):
                    assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.05)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
