"""A graph server as a process of its own, as users start it."""

import asyncio
import base64
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

from free_ports import free_ports

ROOT = Path(__file__).parents[3]
START_SECONDS = 60.0


class Server:
    def __init__(self, process, http_port, grpc_port, metrics_port, log):
        self.process = process
        self.http_port = http_port
        self.grpc_port = grpc_port
        self.metrics_port = metrics_port
        self._log = log

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self):
        return self._log.read_text()

    def metrics(self, path="/prometheus"):
        port = self.metrics_port or self.http_port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read().decode()

    async def until_ready(self, path="/live"):
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await asyncio.to_thread(_answers, f"{self.url}{path}"):
            assert self.process.returncode is None, f"ended with {self.process.returncode}:\n{self.log}"
            assert asyncio.get_running_loop().time() < deadline, f"not ready:\n{self.log}"
            await asyncio.sleep(0.02)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def graph_arguments(predictor, folder, annotations=None):
    """Arguments and environment that serve a predictor's graph."""
    file = Path(folder) / "annotations"
    file.write_text("".join(f"{key}={json.dumps(value)}\n" for key, value in (annotations or {}).items()))
    arguments = ["--lame-duck-seconds", "0", "--sdep", "dep", "--namespace", "ns", "--predictor", predictor["name"]]
    arguments += ["--prometheus_path", "/prometheus", "--annotations", str(file)]
    return arguments, {"ENGINE_PREDICTOR": base64.b64encode(json.dumps(predictor).encode()).decode()}


@asynccontextmanager
async def started(
    arguments,
    folder,
    *,
    environment=None,
    python_path=(),
    metrics_port=False,
    until_ready=True,
    ignored=(),
    output=None,
):
    """A server on ports of its own; ended with SIGTERM, and nothing of it left, at the end.

    `ignored`: signals that it finds ignored, as after nohup. `output`: a descriptor that its log goes to.
    """
    http_port, grpc_port, third = free_ports(3)
    ports = ["--http-port", str(http_port), "--grpc-port", str(grpc_port)]
    if metrics_port:
        ports += ["--metrics-port", str(third)]
    log = Path(folder) / f"server-{http_port}.log"
    paths = os.pathsep.join([str(ROOT), *map(str, python_path)])
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PREDICT", "SELDON", "MLSERVER"))}
    with log.open("wb") as file:
        # By a shell, and not by `preexec_fn`: for that this process is forked, and gRPC's threads do not survive it.
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            "".join(f"trap '' {int(number)}; " for number in ignored) + 'exec "$0" "$@"',
            sys.executable,
            "-m",
            "model_server.graph",
            *map(str, arguments),
            *ports,
            env={**own, "PYTHONPATH": paths, "TMPDIR": str(folder), **(environment or {})},
            stdout=output or file,
            stderr=output or file,
            cwd=folder,
            start_new_session=True,
            restore_signals=False,
        )
    server = Server(process, http_port, grpc_port, third if metrics_port else None, log)
    try:
        if until_ready:
            await server.until_ready("/health/ping" if metrics_port else "/live")
        yield server
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(30):
                    await process.wait()
            except TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
                raise AssertionError(f"the server did not end:\n{server.log}") from None
