"""Seldon's real executor, where its program is at hand: asked one request after the other, started anew where it dies.

It listens to all addresses, and has no option for another.
"""

import asyncio
import base64
import contextlib
import json
import os

import aiohttp
from differential_programs import BROKEN, Program
from differential_wrappers import DEPLOYMENT, METRICS_PATH, NAMESPACE, PREDICTOR, is_open
from graph_server_process import START_SECONDS, free_ports

VARIABLE = "FORKCAST_SELDON_EXECUTOR"
ENDING_SECONDS = 0.1
"""Between the breaking of its last connection and its end."""


def program():
    """Path of the executor; None where the variable is not set."""
    return os.environ.get(VARIABLE)


class Executor:
    def __init__(self, predictor, environment, log, names):
        self._environment = {
            **os.environ,
            **environment,
            "ENGINE_PREDICTOR": base64.b64encode(json.dumps(predictor).encode()).decode(),
        }
        self._log = log
        self._names = names
        self._process = None
        self._program = None

    async def ask_all(self, requests):
        """The outcomes, in the order of the requests; BROKEN where it, or the connection to it, did not outlive one."""
        try:
            return [await self._ask(number, request) for number, request in enumerate(requests)]
        finally:
            if not self._has_ended():
                self._process.kill()
                await self._process.wait()

    async def _ask(self, number, request):
        if self._has_ended():
            await self._start()
        try:
            (outcome,) = await self._program.ask_all([request], number)
        except aiohttp.ClientConnectorError:  # it was just about to end
            await self._process.wait()
            return await self._ask(number, request)
        if outcome.code == BROKEN:
            with contextlib.suppress(TimeoutError):  # it lives on: the connection alone broke
                await asyncio.wait_for(self._process.wait(), ENDING_SECONDS)
        return outcome

    def _has_ended(self):
        return self._process is None or self._process.returncode is not None

    async def _start(self):
        http_port, grpc_port = free_ports(2)
        arguments = ["--sdep", DEPLOYMENT, "--namespace", NAMESPACE, "--predictor", PREDICTOR]
        arguments += ["--http_port", str(http_port), "--grpc_port", str(grpc_port), "--prometheus_path", METRICS_PATH]
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                program(), *arguments, env=self._environment, stdout=output, stderr=output
            )
        async with asyncio.timeout(START_SECONDS):
            while not (is_open(http_port) and is_open(grpc_port)):
                assert not self._has_ended(), self._log.read_text()
                await asyncio.sleep(0.01)
        self._program = Program(http_port, grpc_port, self._names)
