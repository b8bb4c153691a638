"""What a predictor is on this machine: its programs, and what each of them is told. Pure data; `planning` makes it.

A predictor becomes one process of the graph server, known as Seldon knows the predictor's Service,
`<deployment>-<predictor>`. That process runs the components of the graph too, unless the predictor is isolated: then
each of them is a process of the stock wrapper, as in a pod, and the graph server only calls them. The revision is a
digest of all that these processes would notice: a predictor whose revision stays is left running when a plan is
applied, whatever its traffic.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

LOOPBACK: Final = "127.0.0.1"
METRICS_PATH: Final = "/prometheus"
PORT_VARIABLES: Final = {
    "PREDICTIVE_UNIT_SERVICE_PORT": "http",
    "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": "http",
    "MLSERVER_HTTP_PORT": "http",
    "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": "grpc",
    "MLSERVER_GRPC_PORT": "grpc",
    "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": "metrics",
    "MLSERVER_METRICS_PORT": "metrics",
}
"""The names that the operator has for a component's ports, and which port each one is."""


type Addressed = Callable[[str], str]
"""A text with the addresses of this machine in the place of a cluster's. They differ from run to run, and are
therefore no part of a revision."""


@dataclass(frozen=True)
class Ports:
    """Where one program listens, all on 127.0.0.1. A graph server tells its metrics on its http port."""

    http: int
    grpc: int
    metrics: int

    @property
    def metrics_url(self) -> str:
        return f"http://{LOOPBACK}:{self.metrics}{METRICS_PATH}"


@dataclass(frozen=True)
class ModelFolder:
    """A `modelUri` made local: its absolute path, and a digest of every file in it."""

    path: Path
    digest: str


@dataclass(frozen=True)
class StockWrapper:
    """A component of an isolated predictor: one process of the stock wrapper, for one node of the graph."""

    node: str
    argv: tuple[str, ...]
    variables: Mapping[str, str]
    """What its container finds in its environment, ports apart."""

    @property
    def serves_grpc(self) -> bool:
        return self.variables.get("GRPC_WORKERS") != "0"

    def environment(self, ports: Ports, addressed: Addressed = str) -> dict[str, str]:
        """Its variables with its ports filled in, under every name that the operator gives them."""
        own = {name: addressed(value) for name, value in self.variables.items()}
        return own | {name: str(getattr(ports, kind)) for name, kind in PORT_VARIABLES.items()}


@dataclass(frozen=True)
class PredictorServer:
    """The graph server of one predictor, and the stock wrappers that it calls where the predictor is isolated."""

    name: str
    predictor: str
    argv: tuple[str, ...]
    """Ports and files of this machine apart."""
    variables: Mapping[str, str]
    """Of its process; `described` apart."""
    described: Mapping[str, Any]
    """The predictor as the operator describes it, endpoints apart: without one, a component runs in the server."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of the pod that it would be on a cluster."""
    models: Mapping[str, ModelFolder] = field(default_factory=dict)
    """By the name of the node that serves them."""
    wrappers: tuple[StockWrapper, ...] = ()

    @cached_property
    def revision(self) -> str:
        seen = {
            "argv": self.argv,
            "variables": dict(self.variables),
            "described": self.described,
            "annotations": dict(self.annotations),
            "models": {node: (str(model.path), model.digest) for node, model in self.models.items()},
            "wrappers": [(wrapper.node, wrapper.argv, dict(wrapper.variables)) for wrapper in self.wrappers],
        }
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def key(self) -> str:
        """The name and the revision: what tells a new version of a predictor from the one that it replaces."""
        return f"{self.name}-{self.revision}"

    @property
    def isolated(self) -> bool:
        return bool(self.wrappers)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the graph's nodes, parents first."""
        return tuple(_names(self.described["graph"]))

    def program_name(self, wrapper: StockWrapper) -> str:
        """A wrapper's name among all that run here. No predictor's name has a dot, so it is no other predictor's."""
        return f"{self.name}.{wrapper.node}"

    def command(self, ports: Ports, annotations_file: Path) -> tuple[str, ...]:
        return (
            *self.argv,
            *("--host", LOOPBACK),
            *("--http_port", str(ports.http), "--grpc_port", str(ports.grpc), "--prometheus_path", METRICS_PATH),
            *("--annotations", str(annotations_file)),
        )

    def environment(self, wrapper_ports: Mapping[str, Ports], addressed: Addressed = str) -> dict[str, str]:
        """Its variables, ENGINE_PREDICTOR among them; `wrapper_ports` by node, for every wrapper."""
        endpoints = {wrapper.node: _endpoint(wrapper_ports[wrapper.node]) for wrapper in self.wrappers}
        whole = {**self.described, "graph": _with_endpoints(self.described["graph"], endpoints)}
        told = addressed(json.dumps(whole, ensure_ascii=False)).encode()
        own = {name: addressed(value) for name, value in self.variables.items()}
        return {**own, "ENGINE_PREDICTOR": base64.b64encode(told).decode()}


def _names(node: Mapping[str, Any]) -> list[str]:
    return [node["name"], *(name for child in node.get("children", ()) for name in _names(child))]


def _endpoint(ports: Ports) -> dict[str, Any]:
    return {"service_host": LOOPBACK, "httpPort": ports.http, "grpcPort": ports.grpc, "type": "REST"}


def _with_endpoints(node: Mapping[str, Any], endpoints: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    own = {"endpoint": endpoints[node["name"]]} if node["name"] in endpoints else {}
    children = [_with_endpoints(child, endpoints) for child in node.get("children", ())]
    return {**node, **own, **({"children": children} if children else {})}
