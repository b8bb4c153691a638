"""Where the graph server does otherwise than Seldon's executor was seen to do, and why. Nothing else may differ.

A difference takes what was recorded of a step, and gives what is expected of us instead; or nothing, where it does not
apply. Each must apply somewhere. docs/compatibility.md tells users the same.
"""

import copy
from dataclasses import dataclass
from typing import Any

FUSED, REMOTE = "fused", "remote"


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


DIFFERENCES = []


def difference(reason):
    def register(change):
        change.reason = reason
        DIFFERENCES.append(change)
        return change

    return register


@difference("A JSON body that says it is text is read by no client as JSON: errors are application/json.")
def errors_are_json(step, receive):
    if receive.get("headers", {}).get("content-type", "").startswith("text/plain") and "status" in receive["body"]:
        receive["headers"]["content-type"] = "application/json"
        return receive
    return None


@difference("What the client got wrong is the client's fault: 4xx with the same words, not 500.")
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
    receive["body"] = {"status": {"status": 1, "code": -1, "reason": "MICROSERVICE_BAD_DATA", "info": ANY}}
    return receive


@difference("A branch that does not exist is told, rather than that the connection breaks or the process dies.")
def bad_branches(step, receive):
    if step.conversation.startswith("router-of-branch") and "error" in receive:
        return {
            "code": 500,
            "headers": {"content-type": "application/json", "seldon-puid": "<uuid-1>"},
            "body": {"status": {"code": 500, "info": ANY, "status": "FAILURE"}},
        }
    if step.conversation == "router-grpc-out-of-range":
        return {"code": "INTERNAL", "details": ANY}
    return None


@difference("Feedback that names a branch that does not exist is refused before anything is touched.")
def bad_routing(step, receive):
    if step.conversation == "feedback-router-bad-routing" and "error" in receive:
        return {
            "code": 400,
            "headers": {"content-type": "application/json", "seldon-puid": "<uuid-1>"},
            "body": {"status": {"code": 400, "info": ANY, "status": "FAILURE"}},
        }
    return None


@difference("Metadata of a graph over RANDOM_ABTEST is told: the executor breaks the connection.")
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


@difference("gRPC with routing injection and an answer without meta is answered as over REST: the executor dies.")
def grpc_without_meta(step, receive):
    if step.conversation == "routing-injection-grpc-without-meta" and not step.is_rest:
        return {"code": "OK", "message": {"data": {"ndarray": [[-2.0, 5.0]]}}, "headers": {"seldon-puid": "<uuid-1>"}}
    return None


@difference("A caller's fault is INVALID_ARGUMENT with its words: grpcio's UNKNOWN has none of them.")
def grpc_clients_fault(step, receive):
    if not step.is_rest and receive.get("details") == "Exception calling application: ":
        return {"code": "INVALID_ARGUMENT", "details": ANY}
    return None


@difference("grpcio has its own words for a message that is too large.")
def grpc_too_large(step, receive):
    if receive.get("code") == "RESOURCE_EXHAUSTED":
        return {"code": "RESOURCE_EXHAUSTED", "details": ANY}
    return None


@difference("Nobody listens: the operating system's reason is told, not Go's nesting of it.")
def grpc_unreachable(step, receive):
    if step.conversation == "component-away" and not step.is_rest:
        return {"code": "UNAVAILABLE", "details": ANY}
    return None


@difference("The branch that a router chose is in meta.routing always: without it a reward cannot find who earned it.")
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


ANY = type("Any", (), {"__eq__": lambda self, other: isinstance(other, str) and other != "", "__hash__": None})()
"""Equal to every text that says something: the words are ours there, and tested elsewhere."""


@dataclass(frozen=True)
class Expected:
    receive: dict[str, Any]
    calls: list[dict[str, Any]]
    events: list[dict[str, Any]]


def expected_of(step):
    receive = copy.deepcopy(step.recorded["receive"])
    for change in DIFFERENCES:
        changed = change(step, copy.deepcopy(receive))
        if changed is not None:
            receive = changed
    return Expected(receive, step.recorded.get("calls", []), step.recorded.get("events", []))


def expected_metrics(step, recorded):
    return {(each["name"], tuple(sorted(each["labels"].items()))): each["value"] for each in recorded}
