"""The server in each of its forms, as a process under hostile input: what must hold of it, whatever came."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psutil
from graph_server_process import graph_arguments, started

from model_server.graph import protos

HERE = Path(__file__).parent
MIB = 1024 * 1024
ADDRESS_SPACE_BYTES = 6 * 1024 * MIB
DEADLINE_SECONDS = 60.0
OWN_FAULT = "broke the server's own code"
"""In the log, where an exception came that nobody had thought of."""

COMPONENTS_OWN = ("setting an array element with a sequence", "Unknown data type returned as payload")
"""In the words of an error: a class answered with what Seldon's messages cannot tell, or the next node cannot read.
Ours answer with what they got; that it is no answer is for them to see."""

RECORD = {
    "id": 5,
    "timestamp": "2019-01-21T09:00:14Z",
    "campaignId": "1001",
    "platform": "ios",
    "softwareVersion": "11.4.1",
    "sourceGameId": "2001",
    "country": "DE",
    "startCount": 32,
    "viewCount": 9,
    "clickCount": 5,
    "installCount": 4,
    "lastStart": "2019-01-21T08:59:34Z",
    "startCount1d": 30,
    "startCount7d": 31,
    "connectionType": "wifi",
    "deviceType": "iPhone8,1",
}
TABLE = {"data": {"names": list(RECORD), "ndarray": [list(RECORD.values())] * 2}}
NUMBERS = {"data": {"names": ["a", "b"], "tensor": {"shape": [2, 2], "values": [1.5, 2, 3, 4]}}}


@dataclass(frozen=True)
class Form:
    """A way to run the server. `classes`: the one of a component, those of the nodes of a graph."""

    name: str
    good: Any
    """A message that it answers with 200."""
    class_name: str | None = None
    is_graph: bool = False
    options: tuple[str, ...] = field(default=())

    @property
    def predict_path(self) -> str:
        return "/api/v1.0/predictions" if self.is_graph else "/predict"

    @property
    def feedback_path(self) -> str:
        return "/api/v1.0/feedback" if self.is_graph else "/send-feedback"

    @property
    def predict_method(self) -> str:
        return "/seldon.protos.Seldon/Predict" if self.is_graph else "/seldon.protos.Model/Predict"

    @property
    def feedback_method(self) -> str:
        return "/seldon.protos.Seldon/SendFeedback" if self.is_graph else "/seldon.protos.Model/SendFeedback"


INSTALL_MODEL = Form("install_model", TABLE, "model_server.install_model.InstallModel")
ECHO = Form("echo", NUMBERS, "hostile_models.Echo")
ROW_WISE = Form("row_wise", NUMBERS, "hostile_models.RowWiseEcho")
RAW = Form("raw", NUMBERS, "hostile_models.RawEcho")
GRAPH = Form("graph", TABLE, is_graph=True)
FORMS = (INSTALL_MODEL, ECHO, ROW_WISE, RAW, GRAPH)


def predictor(models):
    """Transformer -> router -> combiner of two models for what names its columns, echoes for everything else."""
    classes = {
        "before": "hostile_models.RawEcho",
        "by-names": "hostile_models.ByNames",
        "first": "hostile_models.Echo",
        "arrays": "hostile_models.Echo",
        "echo": "hostile_models.Echo",
        "champion": INSTALL_MODEL.class_name,
        "challenger": INSTALL_MODEL.class_name,
    }

    def model(name):
        parameter = {"name": "model_uri", "value": str(models / name), "type": "STRING"}
        return {"name": name, "type": "MODEL", "parameters": [parameter]}

    combiner = {"name": "first", "type": "COMBINER", "children": [model("champion"), model("challenger")]}
    echoes = {"name": "arrays", "type": "TRANSFORMER", "children": [{"name": "echo", "type": "MODEL"}]}
    router = {"name": "by-names", "type": "ROUTER", "children": [combiner, echoes]}
    containers = [
        {"name": name, "image": f"{name}:1", "env": [{"name": "MODEL_NAME", "value": of}]}
        for name, of in classes.items()
    ]
    return {
        "name": "p",
        "graph": {"name": "before", "type": "TRANSFORMER", "children": [router]},
        "componentSpecs": [{"spec": {"containers": containers}}],
    }


def process(form, folder, models, *options):
    """The context of a server in this form."""
    own = {"python_path": [HERE]}
    if form.is_graph:
        arguments, environment = graph_arguments(predictor(models), folder)
        return started([*arguments, *form.options, *options], folder, environment=environment, **own)
    parameters = [{"name": "model_uri", "value": str(models / "champion"), "type": "STRING"}]
    given = ["--parameters", json.dumps(parameters)] if form is INSTALL_MODEL else []
    arguments = [form.class_name, *given, "--lame-duck-seconds", "0", *form.options, *options]
    return started(arguments, folder, metrics_port=True, **own)


class Besieged:
    """A server that has been started, and whether it is still the one that was."""

    def __init__(self, form, server):
        self.form = form
        self.server = server
        self.parent = psutil.Process(server.process.pid)
        self.workers = self._worker_pids()
        self._connection = None
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", _CHANNEL_OPTIONS)
        for each in (self.parent, *self.parent.children()):  # so that a failure costs the machine nothing
            each.rlimit(psutil.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
        self.forget_peak()

    def _worker_pids(self):
        return sorted(each.pid for each in self.parent.children())

    def close(self):
        self.channel.close()
        if self._connection is not None:
            self._connection.close()

    def post(self, path, body, content_type="application/json", method="POST", **headers):
        """Status, headers and body of the answer; on a connection that is kept."""
        body = json.dumps(body).encode() if not isinstance(body, bytes) else body
        sent = {"Content-Type": content_type, **headers}
        for is_last in (False, True):
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=60)
            try:
                self._connection.request(method, path, body, sent)
                answer = self._connection.getresponse()
                return answer.status, answer.headers, answer.read()
            except (ConnectionError, http.client.RemoteDisconnected):
                self._connection.close()  # it was kept, and the server ended it meanwhile
                self._connection = None
                if is_last:
                    raise
        raise AssertionError("not reached")

    def call(self, method, serialized, *, timeout=60.0, metadata=()):
        """Code, details and serialized answer of a gRPC call."""
        try:
            answer = self.channel.unary_unary(method)(serialized, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            return error.code().name, error.details(), b""
        return "OK", "", answer

    def peak_bytes(self):
        """The most memory that each of its processes had, in sum: more than was ever used at once."""
        return sum(_status_bytes(pid, "VmHWM") for pid in (self.parent.pid, *self.workers))

    def forget_peak(self):
        for pid in (self.parent.pid, *self.workers):
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def in_flight(self):
        text = self.server.metrics("/prometheus" if self.form.is_graph else "/metrics")
        lines = [line for line in text.splitlines() if line.startswith("graph_server_requests_in_flight ")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def require_health(self, max_bytes):
        """It answers a good request at both doors, by the same processes, within its memory, with a clean log."""
        status, _, body = self.post(self.form.predict_path, self.form.good)
        assert status == 200, body[:500]
        code, details, _ = self.call(self.form.predict_method, seldon_message(self.form.good))
        assert code == "OK", details
        assert self._worker_pids() == self.workers, f"a worker died:\n{self.server.log[-3000:]}"
        assert OWN_FAULT not in self.server.log, own_faults(self.server.log)
        peak = self.peak_bytes()
        assert peak < max_bytes, f"{peak / MIB:.0f} MiB at most, of {max_bytes / MIB:.0f} that are allowed"


_CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)


@contextmanager
def besieged(form, folder, models, *options):
    """A `Besieged`; ended, and checked to end, afterwards."""
    with asyncio.Runner() as runner:
        context = process(form, folder, models, *options)
        server = runner.run(context.__aenter__())
        siege = Besieged(form, server)
        try:
            yield siege
        finally:
            siege.close()
            runner.run(context.__aexit__(None, None, None))


def seldon_message(tree):
    """A message of REST as protobuf, serialized."""
    from google.protobuf import json_format

    return json_format.ParseDict(tree, protos.ours().SeldonMessage()).SerializeToString()


def raw_answer(port, request, *, finish=False, timeout_seconds=30.0):
    """All that comes back to these bytes, once the server has closed or has said nothing more for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds) as client:
        came = []
        try:
            client.sendall(request)
            if finish:
                client.shutdown(socket.SHUT_WR)
            while chunk := client.recv(65_536):
                came.append(chunk)
        except OSError:
            pass
        return b"".join(came)


def until(condition, what, seconds=DEADLINE_SECONDS):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)
    return found


def own_faults(log):
    """The end of the story of each exception that nobody had thought of."""
    lines = [json.loads(line) for line in log.splitlines() if OWN_FAULT in line]
    return "\n".join(line.get("error", "")[-1500:] for line in lines[:5])


def _status_bytes(pid, what):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) * 1024
