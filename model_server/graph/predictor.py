"""What should be served: a predictor's graph, as Seldon's operator describes it to its executor. Pure.

Read from ENGINE_PREDICTOR (base64 of JSON), or from a SeldonDeployment in a file. Only what serving needs is read; what
else a SeldonDeployment may hold is the control plane's to judge. Source: Seldon Core, CRD and executor.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from model_server.graph.errors import InvalidPredictor

TYPES: Final = ("MODEL", "TRANSFORMER", "OUTPUT_TRANSFORMER", "ROUTER", "COMBINER", "UNKNOWN_TYPE")
RANDOM_ABTEST: Final = "RANDOM_ABTEST"
BUILT_IN: Final = frozenset({RANDOM_ABTEST, "SIMPLE_MODEL", "SIMPLE_ROUTER", "AVERAGE_COMBINER"})
"""Implementations without a component. The executor knows only RANDOM_ABTEST; the others do nothing of themselves."""
XGBOOST_SERVER: Final = "XGBOOST_SERVER"
ROUTING_INJECTION: Final = "SELDON_ENABLE_ROUTING_INJECTION"


@dataclass(frozen=True)
class Endpoint:
    """Where a component listens, if not in this process."""

    host: str
    http_port: int
    grpc_port: int
    service_port: int = 0
    """The port that is open once the component is ready, as Seldon's operator chose it; 0: the HTTP port."""


@dataclass(frozen=True)
class Logger:
    """Where requests and answers of a node are told. `mode`: all, request or response; no url: the server's default."""

    mode: str
    url: str | None = None

    @property
    def requests(self) -> bool:
        return self.mode in {"all", "request"}

    @property
    def responses(self) -> bool:
        return self.mode in {"all", "response"}


@dataclass(frozen=True)
class Node:
    """One node of a graph, and those below it."""

    name: str
    type: str | None = None
    implementation: str | None = None
    methods: frozenset[str] = frozenset()
    children: tuple[Node, ...] = ()
    parameters: tuple[Mapping[str, str], ...] = ()
    endpoint: Endpoint | None = None
    model_uri: str | None = None
    logger: Logger | None = None
    image: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of its container."""

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def is_random_abtest(self) -> bool:
        return self.implementation == RANDOM_ABTEST

    @property
    def is_prepackaged(self) -> bool:
        """Whether its implementation names a server that Seldon brings, rather than a part of the executor's."""
        return self.implementation is not None and self.implementation not in BUILT_IN


@dataclass(frozen=True)
class Predictor:
    name: str
    graph: Node
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    orchestrator_environment: Mapping[str, str] = field(default_factory=dict)
    """svcOrchSpec.env: on a cluster the executor finds it in its own environment."""

    @property
    def version(self) -> str:
        """The label predictor_version of the executor's metrics, which is an annotation of the predictor."""
        return self.annotations.get("version", "")


def from_engine_predictor(encoded: str) -> Predictor:
    """Errors: InvalidPredictor."""
    try:
        return from_dict(json.loads(base64.b64decode(encoded, validate=True)), "ENGINE_PREDICTOR")
    except (binascii.Error, ValueError) as error:
        raise InvalidPredictor(
            f"ENGINE_PREDICTOR is not base64 of a JSON object: {error}; Seldon's operator sets it, or use --file"
        ) from error


def from_yaml(text: str, predictor_name: str | None, source: str) -> Predictor:
    """The named (or the only) predictor of the SeldonDeployment in a YAML or JSON text. Errors: InvalidPredictor."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidPredictor(f"{source} is no YAML: {error}") from error
    spec = document.get("spec") if isinstance(document, dict) else None
    predictors = spec.get("predictors") if isinstance(spec, dict) else None
    if not isinstance(predictors, list) or not predictors:
        raise InvalidPredictor(f"{source} holds no SeldonDeployment with spec.predictors")
    named = {str(each.get("name")): each for each in predictors if isinstance(each, dict)}
    if predictor_name is None and len(named) == 1:
        predictor_name = next(iter(named))
    if predictor_name not in named:
        raise InvalidPredictor(
            f"{source}: predictor {predictor_name!r} is not there; say --predictor {' or '.join(named)}"
        )
    annotations = _texts((spec or {}).get("annotations"), f"{source}: spec.annotations")
    return from_dict(named[predictor_name], source, annotations)


def from_dict(tree: Any, source: str, deployment_annotations: Mapping[str, str] | None = None) -> Predictor:
    """Errors: InvalidPredictor."""
    if not isinstance(tree, dict) or not isinstance(tree.get("graph"), dict):
        raise InvalidPredictor(f"{source}: a predictor is an object with a name and a graph")
    containers = {
        str(container.get("name")): container
        for spec in tree.get("componentSpecs") or []
        for container in ((spec or {}).get("spec") or {}).get("containers") or []
    }
    graph = _node(tree["graph"], containers, f"{source}: graph")
    names = [node.name for node in graph.walk()]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidPredictor(f"{source}: several nodes are called {', '.join(repeated)}; a name is a node's own")
    return Predictor(
        name=str(tree.get("name") or ""),
        graph=graph,
        annotations={**(deployment_annotations or {}), **_texts(tree.get("annotations"), f"{source}: annotations")},
        labels=_texts(tree.get("labels"), f"{source}: labels"),
        orchestrator_environment=_variables((tree.get("svcOrchSpec") or {}).get("env")),
    )


def _node(tree: Any, containers: Mapping[str, Mapping[str, Any]], where: str) -> Node:
    if not isinstance(tree, dict) or not isinstance(tree.get("name"), str) or not tree["name"]:
        raise InvalidPredictor(f"{where}: a node is an object with a name")
    name = tree["name"]
    implementation = tree.get("implementation") or None
    if implementation == "UNKNOWN_IMPLEMENTATION":
        implementation = None
    methods = frozenset(tree.get("methods") or ())
    kind = tree.get("type") or None
    if kind is not None and kind not in TYPES:
        raise InvalidPredictor(f"{where}: node {name} has the type {kind}; accepted are {', '.join(TYPES)}")
    if kind is None and implementation is None and not methods:
        kind = "MODEL"  # Seldon's default
    prepackaged = implementation is not None and implementation not in BUILT_IN
    container = containers.get(name) or {}
    children = tuple(
        _node(child, containers, f"{where}.children[{i}]") for i, child in enumerate(tree.get("children") or ())
    )
    if implementation == RANDOM_ABTEST and len(children) != 2:
        raise InvalidPredictor(f"{where}: RANDOM_ABTEST {name} has {len(children)} children; it chooses between 2")
    return Node(
        name=name,
        type="MODEL" if prepackaged else kind,
        implementation=implementation,
        methods=methods,
        children=children,
        parameters=tuple(tree.get("parameters") or ()),
        endpoint=_endpoint(tree.get("endpoint") or {}, f"{where}: node {name}"),
        model_uri=tree.get("modelUri") or None,
        logger=_logger(tree.get("logger")),
        image=str(container.get("image") or ""),
        environment=_variables(container.get("env")),
    )


def _endpoint(tree: Mapping[str, Any], where: str) -> Endpoint | None:
    """None where no host is given. `service_port` is the older field for whichever port the transport needs."""
    host = tree.get("service_host")
    if not host:
        return None
    service_port = tree.get("service_port")
    ports: list[Any] = [tree.get("httpPort") or service_port, tree.get("grpcPort") or service_port]
    if not all(isinstance(port, int) and 0 < port < 65536 for port in ports):
        raise InvalidPredictor(f"{where}: endpoint needs httpPort and grpcPort from 1 to 65535, not {ports}")
    http_port, grpc_port = ports
    return Endpoint(str(host), http_port, grpc_port, service_port if isinstance(service_port, int) else 0)


def _logger(tree: Any) -> Logger | None:
    return Logger(str(tree.get("mode") or ""), tree.get("url") or None) if isinstance(tree, dict) else None


def _variables(env: Any) -> dict[str, str]:
    return {str(each["name"]): str(each.get("value") or "") for each in env or () if isinstance(each, dict)}


def _texts(tree: Any, where: str) -> dict[str, str]:
    if tree is not None and not isinstance(tree, dict):
        raise InvalidPredictor(f"{where} is an object of texts")
    return {str(key): str(value) for key, value in (tree or {}).items()}
