"""Recorded conversations with Seldon's executor, and how to have the same conversation with a graph server.

The recordings name addresses, ids and times by placeholders (`<node>`, `<uuid-1>`); so does `normalised`.
"""

import base64
import copy
import json
import os
import re
from pathlib import Path

from google.protobuf import json_format

from model_server.graph import protos

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
COMPARED_HEADERS = ("content-type", "seldon-puid", "content-encoding")
CLOUD_EVENT = "ce-"
VARIABLE = "FORKCAST_SELDON_VECTORS"


def folder():
    given = os.environ.get(VARIABLE)
    return Path(given) / "graph" if given else None


def names():
    return sorted(path.stem for path in folder().glob("*.json")) if folder() else []


def load(name):
    return json.loads((folder() / f"{name}.json").read_text())


class Placeholders:
    """Ids -> `<uuid-N>` in the order of their appearance within a step, addresses -> `<node>`."""

    def __init__(self, addresses):
        self._addresses = addresses
        self._ids = {}

    def in_text(self, text):
        for address, node in self._addresses.items():
            text = text.replace(address, f"//<{node[2:]}>/" if node.startswith("//") else f"<{node}>")
        return UUID.sub(lambda found: self._ids.setdefault(found[0], f"<uuid-{len(self._ids) + 1}>"), text)

    def in_tree(self, tree):
        if isinstance(tree, dict):
            return {key: self.in_tree(value) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self.in_tree(value) for value in tree]
        return self.in_text(tree) if isinstance(tree, str) else tree


def body_of(body):
    """As the recordings write a body: JSON, else text, else base64."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        pass
    try:
        return {"__text__": body.decode()}
    except UnicodeDecodeError:
        return {"__base64__": base64.b64encode(body).decode()}


def json_bytes(tree):
    return json.dumps(tree).encode()


def protobuf_of(body, kind):
    """A recorded body that is a protobuf message of this kind, as a tree."""
    raw = base64.b64decode(body["__base64__"]) if "__base64__" in body else body["__text__"].encode()
    return json_format.MessageToDict(getattr(protos.ours(), kind).FromString(raw))


def with_endpoints(predictor, endpoints):
    """The predictor, with (host, http port, grpc port) for the nodes that are named."""
    predictor = copy.deepcopy(predictor)

    def visit(node):
        if node["name"] in endpoints:
            host, http_port, grpc_port = endpoints[node["name"]]
            node["endpoint"] = {"service_host": host, "httpPort": http_port, "grpcPort": grpc_port, "type": "REST"}
        for child in node.get("children", ()):
            visit(child)

    visit(predictor["graph"])
    return predictor


def with_collector(predictor, address):
    """The predictor, with its loggers' urls at this address instead of http://collector."""
    return json.loads(json.dumps(predictor).replace("http://collector", address))


def nodes(predictor):
    """Each node that has a container, with its container."""
    containers = {c["name"]: c for spec in predictor["componentSpecs"] for c in spec["spec"]["containers"]}
    found = []

    def visit(node):
        if node["name"] in containers:
            found.append((node, containers[node["name"]]))
        for child in node.get("children", ()):
            visit(child)

    visit(predictor["graph"])
    return found
