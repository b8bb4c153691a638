"""What Seldon's operator fills in: `defaulted` is the deployment that it acts on, never the one that is stored. Pure.

Measured on Seldon Core 1.17.1 with the ports of its charts. Left out, for nothing here reads them: pull policies,
termination messages, the volume with the annotations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from deployments.seldon import servers
from deployments.seldon.model import ComponentSpec, Endpoint, Predictor, SeldonDeployment, Unit
from deployments.seldon.names import container_service
from deployments.seldon.pods import Container, ContainerPort

FIRST_HTTP_PORT: Final = 9000
FIRST_GRPC_PORT: Final = 9500
FIRST_METRICS_PORT: Final = 6000
METRICS_PORT_NAME: Final = "metrics"
SEPARATE_ENGINE: Final = "seldon.io/engine-separate-pod"


def defaulted(deployment: SeldonDeployment) -> SeldonDeployment:
    """The deployment, as written, with the operator's defaults.

    Not to be applied twice: a container that the first time made for a server stands elsewhere the second time, and
    ports go by where a container stands.
    """
    ports = _Ports()
    predictors = tuple(_predictor(predictor, deployment, ports) for predictor in deployment.spec.predictors)
    metadata = deployment.metadata.model_copy(update={"namespace": deployment.namespace})
    spec = deployment.spec.model_copy(update={"predictors": predictors})
    return deployment.model_copy(update={"metadata": metadata, "spec": spec})


@dataclass
class _Ports:
    """The numbers given out so far in one SeldonDeployment."""

    offsets: dict[str, int] = field(default_factory=dict)
    """Of http and gRPC ports above the first; by container name, so that one name has one number in all predictors."""
    n_metrics: int = 0

    def with_metrics(self, container: Container) -> Container:
        if container.port(METRICS_PORT_NAME) is not None:
            return container
        port = ContainerPort(name=METRICS_PORT_NAME, container_port=FIRST_METRICS_PORT + self.n_metrics)
        self.n_metrics += 1
        return container.model_copy(update={"ports": (*container.ports, port)})

    def http(self, container: Container) -> int:
        explicit = container.port("http")
        return FIRST_HTTP_PORT + self.offsets[container.name] if explicit is None else explicit

    def grpc(self, container: Container) -> int:
        explicit = container.port("grpc")
        return FIRST_GRPC_PORT + self.offsets[container.name] if explicit is None else explicit


def _predictor(predictor: Predictor, deployment: SeldonDeployment, ports: _Ports) -> Predictor:
    graph = _typed(predictor.graph)
    units = {unit.name: unit for unit in reversed(list(graph.walk()))}  # the first of a name counts
    own = [
        (i, container)
        for i, component in enumerate(predictor.component_specs)
        for container in component.spec.containers
    ]
    missing = [(0, Container(name=name)) for name in _without_container(graph, predictor)]

    ready: list[tuple[int, Container]] = []
    endpoints: dict[str, Endpoint] = {}
    for i, container in [*own, *missing]:
        ports.offsets.setdefault(container.name, len(ports.offsets))  # a container outside the graph uses one up too
        unit = units.get(container.name)
        if unit is None:
            ready.append((i, container))
            continue
        ready.append((i, ports.with_metrics(_with_image(container, unit, deployment.spec.protocol))))
        host = (
            "localhost" if i == 0 and not has_separate_engine(deployment) else _host(container, predictor, deployment)
        )
        endpoints[unit.name] = _endpoint(unit, host, ports.http(container), ports.grpc(container), deployment)

    return predictor.model_copy(
        update={
            "graph": _with_endpoints(graph, endpoints),
            "labels": {"version": predictor.name, **predictor.labels},
            "component_specs": tuple(_component_specs(predictor.component_specs, ready)),
        }
    )


def has_separate_engine(deployment: SeldonDeployment) -> bool:
    """Whether the orchestrator has a pod of its own; only an annotation of the spec says so."""
    return deployment.spec.annotations.get(SEPARATE_ENGINE, "").lower() == "true"


def _typed(unit: Unit) -> Unit:
    prepackaged = servers.is_prepackaged(unit.implementation)
    silent = unit.type is None and unit.methods is None and unit.implementation is None
    implementation = servers.UNKNOWN_IMPLEMENTATION if unit.implementation is None else unit.implementation
    return unit.model_copy(
        update={
            "type": "MODEL" if prepackaged or silent else unit.type,
            "implementation": implementation,
            "children": tuple(map(_typed, unit.children)),
        }
    )


def _without_container(graph: Unit, predictor: Predictor) -> Iterable[str]:
    """The prepackaged nodes that the operator makes a container for, once each, in order."""
    return dict.fromkeys(
        unit.name
        for unit in graph.walk()
        if servers.is_prepackaged(unit.implementation) and predictor.container(unit.name) is None
    )


def _with_image(container: Container, unit: Unit, protocol: str | None) -> Container:
    if container.image or not servers.is_prepackaged(unit.implementation):
        return container
    return container.model_copy(update={"image": servers.image(unit.implementation or "", protocol)})


def _endpoint(unit: Unit, host: str, http_port: int, grpc_port: int, deployment: SeldonDeployment) -> Endpoint:
    """Where the orchestrator finds the node. Only its type is the author's to choose; all else is overwritten."""
    kind = None if unit.endpoint is None else unit.endpoint.type
    return Endpoint(
        service_host=host,
        service_port=grpc_port if kind == "GRPC" or deployment.spec.transport == "grpc" else http_port,
        type=kind,
        http_port=http_port,
        grpc_port=grpc_port,
    )


def _host(container: Container, predictor: Predictor, deployment: SeldonDeployment) -> str:
    service = container_service(deployment.name, predictor.name, container.name)
    return f"{service}.{deployment.namespace}.svc.cluster.local"


def _with_endpoints(unit: Unit, endpoints: dict[str, Endpoint]) -> Unit:
    """Each endpoint goes to the first node of its name; a second one of that name gets none."""
    endpoint = endpoints.pop(unit.name, unit.endpoint)
    children = tuple(_with_endpoints(child, endpoints) for child in unit.children)
    return unit.model_copy(update={"endpoint": endpoint, "children": children})


def _component_specs(
    components: tuple[ComponentSpec, ...], ready: list[tuple[int, Container]]
) -> Iterator[ComponentSpec]:
    for i, component in enumerate(components or ((ComponentSpec(),) if ready else ())):
        containers = tuple(container for pod, container in ready if pod == i)
        yield component.model_copy(update={"spec": component.spec.model_copy(update={"containers": containers})})
