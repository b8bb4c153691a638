"""Where the graph server does otherwise than Seldon's executor was seen to do, and why. Nothing else may differ.

A difference takes what was recorded of a step, and gives what is expected of us instead; or nothing, where it does not
apply. Each must apply somewhere. docs/compatibility.md tells users the same.
"""

import base64
import collections
import copy
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from recorded_learning import SELDONS, Learners, Rule
from stated_differences import ANY, CLIENTS_FAULT, Differences, failure

from model_server.graph import protos

FUSED, REMOTE = "fused", "remote"
CLIENT = "seldon_api_executor_client_requests_seconds_count"
SERVER = "seldon_api_executor_server_requests_seconds_count"


@dataclass(frozen=True)
class Step:
    """A step of a recorded conversation."""

    conversation: str
    number: int
    mode: str
    predictor: dict[str, Any]
    environment: dict[str, str]
    recorded: dict[str, Any]

    @property
    def is_rest(self):
        return "send" in self.recorded

    @property
    def is_feedback(self):
        return "/feedback" in self.recorded.get("send", {}).get("path", "") or (
            self.recorded.get("grpc", {}).get("method") == "SendFeedback"
        )

    @property
    def message(self):
        return (self.recorded["send"].get("body") if self.is_rest else self.recorded["grpc"].get("message")) or {}

    def choosers(self):
        found = []

        def visit(node):
            if node.get("type") == "ROUTER" or node.get("implementation") == "RANDOM_ABTEST":
                found.append(node["name"])
            for child in node.get("children", ()):
                visit(child)

        visit(self.predictor["graph"])
        return found


DIFFERENCES = Differences()


@DIFFERENCES("A JSON body that says it is text is read by no client as JSON: errors are application/json.")
def errors_are_json(step, receive):
    if receive.get("headers", {}).get("content-type", "").startswith("text/plain") and "status" in receive["body"]:
        receive["headers"]["content-type"] = "application/json"
        return receive
    return None


@DIFFERENCES("What the client got wrong is the client's fault: 4xx with the same words, not 500.")
def clients_fault(step, receive):
    ours = {
        ("bad-requests", "shape that does not fit"): 400,
        ("bad-requests", "ragged rows"): 400,
        ("bad-requests", "data is a number"): 400,
        ("bad-requests", "text/plain"): 415,
        ("bad-requests", "no content type"): 415,
    }.get((step.conversation, step.recorded.get("about")))
    if ours is None:
        return None
    receive["code"] = ours
    receive["body"] = {"status": CLIENTS_FAULT}
    return receive


@DIFFERENCES("A branch that does not exist is told, rather than that the connection breaks or the process dies.")
def bad_branches(step, receive):
    if step.conversation.startswith("router-of-branch") and "error" in receive:
        return {
            "code": 500,
            "headers": {"content-type": "application/json", "seldon-puid": "<uuid-1>"},
            "body": {"status": failure(500)},
        }
    if step.conversation == "router-grpc-out-of-range":
        return {"code": "INTERNAL", "details": ANY}
    return None


@DIFFERENCES("Feedback that names a branch that does not exist is refused before anything is touched.")
def bad_routing(step, receive):
    if step.conversation == "feedback-router-bad-routing" and "error" in receive:
        return {
            "code": 400,
            "headers": {"content-type": "application/json", "seldon-puid": "<uuid-1>"},
            "body": {"status": failure(400)},
        }
    return None


@DIFFERENCES("Metadata of a graph over RANDOM_ABTEST is told: the executor breaks the connection.")
def metadata_over_abtest(step, receive):
    if step.conversation == "abtest-surface" and "error" in receive:
        models = {
            name: {"name": f"img-{name}", "versions": ["1.2"], "inputs": [], "outputs": []}
            for name in ("plus-one", "plus-ten")
        }
        return {
            "code": 200,
            "headers": {"content-type": "application/json", "seldon-puid": "<uuid-1>"},
            "body": {"name": "p1", "models": models, "graphinputs": [], "graphoutputs": []},
        }
    return None


@DIFFERENCES("gRPC with routing injection and an answer without meta is answered as over REST: the executor dies.")
def grpc_without_meta(step, receive):
    if step.conversation == "routing-injection-grpc-without-meta" and not step.is_rest:
        return {"code": "OK", "message": {"data": {"ndarray": [[-2.0, 5.0]]}}, "headers": {"seldon-puid": "<uuid-1>"}}
    return None


@DIFFERENCES("A component of this process that is late is named over gRPC too.")
def late_components_are_named(step, receive):
    if step.mode == FUSED and receive.get("code") == "DEADLINE_EXCEEDED":
        return receive | {"details": "component sleeps: context deadline exceeded"}
    return None


@DIFFERENCES("grpcio has its own words for a message that is too large.")
def grpc_too_large(step, receive):
    if receive.get("code") == "RESOURCE_EXHAUSTED":
        return {"code": "RESOURCE_EXHAUSTED", "details": ANY}
    return None


def feedback_over_grpc_is_logged(step):
    """A reward is a reward, whichever way it came: the executor logs those over REST alone."""
    logger = step.predictor["graph"].get("logger")
    if logger is None or logger["mode"] not in {"all", "response"}:
        return []
    feedback = json_format.ParseDict(step.message, protos.ours().Feedback())
    body = {"__base64__": base64.b64encode(feedback.SerializeToString()).decode()}
    headers = {
        "ce-endpoint": "p1",
        "ce-inferenceservicename": "dep",
        "ce-modelid": step.predictor["graph"]["name"],
        "ce-namespace": "ns",
        "ce-protocol": "seldon",
        "ce-requestid": "<uuid-1>",
        "ce-specversion": "1.0",
        "ce-type": "io.seldon.serving.feedback",
        "content-type": "application/protobuf",
    }
    each_time_anew = dict.fromkeys(("ce-id", "ce-source", "ce-time", "ce-traceparent"), "")
    return [{"headers": headers | each_time_anew, "path": "/log", "body": body}]


@DIFFERENCES("The branch that a router chose is in meta.routing always: without it a reward cannot find who earned it.")
def choices_are_told(step, receive):
    body = receive.get("body") if step.is_rest else receive.get("message")
    if step.environment.get("SELDON_ENABLE_ROUTING_INJECTION") or step.is_feedback or not isinstance(body, dict):
        return None
    chosen = _chosen(step)
    if not chosen or "meta" not in body or receive.get("code") not in {200, "OK"}:
        return None
    body["meta"]["routing"] = chosen
    return receive


def _chosen(step):
    """What the routers of these recordings choose: the first cell, or it modulo 2."""
    graph = step.predictor["graph"]
    if graph["name"] not in {"by-first", "learning-router"} or "data" not in step.message:
        return {}
    data = step.message["data"]
    first = int(data["ndarray"][0][0] if "ndarray" in data else data["tensor"]["values"][0])
    return {graph["name"]: first % 2 if graph["name"] == "learning-router" else first}


def _unrouted(step):
    """The nodes that get no reward since the feedback does not say that they answered."""
    if not step.is_feedback:
        return set()
    routing = ((step.message.get("response") or {}).get("meta") or {}).get("routing") or {}
    left_out = set()

    def visit(node, is_left_out):
        if is_left_out:
            left_out.add(node["name"])
        is_chooser = node["name"] in step.choosers()
        for child in node.get("children") or ():
            visit(child, is_left_out or (is_chooser and node["name"] not in routing))

    visit(step.predictor["graph"], is_left_out=False)
    return left_out


@dataclass(frozen=True)
class Expected:
    """What should come back of a step, which calls it should make, and which events it should tell."""

    receive: dict[str, Any]
    calls: list[dict[str, Any]]
    events: list[dict[str, Any]]


class Expectations:
    """Of one conversation, step after step: rewards are remembered."""

    def __init__(self, name, conversation, mode):
        self._name = name
        self._conversation = conversation
        self._mode = mode
        self._learners = Learners(
            conversation["predictor"],
            Rule(unrouted_reaches_every_branch=False, transports_share_an_object=mode == FUSED),
        )
        self._seldons = Learners(conversation["predictor"], SELDONS)
        self.applied = set()
        self.steps = []

    def of(self, number):
        recording = self._conversation["steps"][number]
        environment = self._conversation.get("environment", {})
        step = Step(self._name, number, self._mode, self._conversation["predictor"], environment, recording)
        receive = copy.deepcopy(recording["receive"])
        applied = set()
        for change in DIFFERENCES:
            changed = change(step, copy.deepcopy(receive))
            if changed is not None:
                applied.add(change.__name__)
                receive = changed
        self.applied |= applied
        left_out = _unrouted(step)
        calls = [copy.deepcopy(call) for call in recording.get("calls", []) if call["node"] not in left_out]
        if "clients_fault" in applied:
            calls[0]["answer"] = {"code": receive["code"], "body": receive["body"]}
        if "metadata_over_abtest" in applied:
            calls = [_metadata_call(name, model) for name, model in receive["body"]["models"].items()]
        events = list(recording.get("events", []))
        if not step.is_rest and step.is_feedback:
            events += feedback_over_grpc_is_logged(step)
        if step.is_feedback and receive.get("code") in {200, "OK"}:
            self._learners.tell(step)
            self._seldons.tell(step)
        place = "body" if step.is_rest else "message"
        assert self._seldons.amended(recording["receive"].get(place), step) == recording["receive"].get(place)
        if place in receive:
            receive[place] = self._learners.amended(receive[place], step)
        for call in calls:
            call["body"] = self._learners.amended(call["body"], step)
            call["answer"]["body"] = self._learners.amended(call["answer"]["body"], step)
        expected = Expected(receive, calls, events)
        self.steps.append((step, expected))
        return step, expected

    def metrics(self):
        """The counts that should be there when all steps have been gone; None where those who counted had died.

        Of REST calls to components: as many as there were. The executor, under concurrency, counts some for another
        node (its HTTP client is shared): seen in the conversation `combiner` alone.
        """
        if any("executor_exited" in step for step in self._conversation["steps"]):
            return None
        counts = collections.Counter()
        for each in self._conversation["metrics_after"]:
            labels = each["labels"]
            if labels["method"] == "unary" or labels.get("model_name") is None:
                counts[each["name"], tuple(sorted(labels.items()))] = each["value"]
        for step, expected in self.steps:
            for call in expected.calls:
                if not _gave_no_sample(step, expected):
                    counts[_client(step, call)] += 1
            _move(counts, step, expected)
        return {key: count for key, count in counts.items() if count}


def _metadata_call(name, model):
    return {
        "node": name,
        "method": "GET",
        "path": "/metadata",
        "headers": {"seldon-puid": "<uuid-1>"},
        "body": None,
        "answer": {"code": 200, "body": model | {"platform": "", "custom": {}}},
    }


def _gave_no_sample(step, expected):
    return step.conversation == "rest-timeout" and expected.receive["code"] == 500


def _client(step, call):
    image, version = _image(step, call["node"])
    labels = {
        "deployment_name": "dep",
        "predictor_name": "p1",
        "predictor_version": step.predictor["annotations"].get("version", ""),
        "service": call["path"],
        "model_name": call["node"],
        "model_image": image,
        "model_version": version,
        "method": call["method"].lower(),
        "code": str(call["answer"]["code"]),
    }
    return CLIENT, tuple(sorted(labels.items()))


def _image(step, node):
    containers = [c for spec in step.predictor["componentSpecs"] for c in spec["spec"]["containers"]]
    return next(c["image"] for c in containers if c["name"] == node).split(":")


def _move(counts, step, expected):
    """Count a request by the status that we give it, where that is not the one recorded."""
    recorded, ours = step.recorded["receive"], expected.receive
    if recorded.get("code") == ours["code"]:
        return
    service = _service(step)
    labels = {
        "deployment_name": "dep",
        "predictor_name": "p1",
        "predictor_version": "",
        "service": service,
        "method": step.recorded["send"]["method"].lower() if step.is_rest else "unary",
    }
    if "code" in recorded:
        counts[SERVER, tuple(sorted((labels | {"code": _code(recorded["code"])}).items()))] -= 1
    counts[SERVER, tuple(sorted((labels | {"code": _code(ours["code"])}).items()))] += 1


def _service(step):
    if not step.is_rest:
        return f"/seldon.protos.Seldon/{step.recorded['grpc']['method']}"
    return step.recorded["send"]["path"].split("/")[3]


def _code(code):
    return (
        str(code)
        if isinstance(code, int)
        else {"OK": "OK"}.get(code) or "".join(w.capitalize() for w in code.split("_"))
    )
