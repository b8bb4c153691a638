"""A SeldonDeployment as its author wrote it: nothing is filled in, nothing is judged. Pure.

Attributes are the fields of the CRD of Seldon Core 1.17.1 in snake_case. Seldon's own levels are closed: a field that
the CRD does not know is refused, where a cluster would drop it in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from deployments.seldon.pods import Absent, Container, EnvVar, Int32, ObjectMeta, Open, PodSpec

GROUP: Final = "machinelearning.seldon.io"
KIND: Final = "SeldonDeployment"
DEFAULT_NAMESPACE: Final = "default"


class Closed(BaseModel):
    """A level of Seldon's own: a field that is not declared here is refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Parameter(Closed):
    name: str
    value: str
    type: str
    """INT, FLOAT, DOUBLE, STRING or BOOL."""


class Endpoint(Closed):
    service_host: Absent[str] = Field(default=None, alias="service_host")
    service_port: Absent[Int32] = Field(default=None, alias="service_port")
    type: Absent[str] = None
    """REST or GRPC; None means what `spec.transport` says."""
    http_port: Absent[Int32] = None
    grpc_port: Absent[Int32] = None


class Logger(Closed):
    url: Absent[str] = None
    mode: Absent[str] = None
    """all, request or response."""


class Unit(Closed):
    """A node of the inference graph, with all that is below it."""

    name: str
    type: Absent[str] = None
    implementation: Absent[str] = None
    methods: Absent[tuple[str, ...]] = None
    model_uri: Absent[str] = None
    parameters: tuple[Parameter, ...] = ()
    children: tuple[Unit, ...] = ()
    endpoint: Absent[Endpoint] = None
    logger: Absent[Logger] = None
    service_account_name: Absent[str] = None
    env_secret_ref_name: Absent[str] = None
    storage_initializer_image: Absent[str] = None

    def walk(self) -> Iterator[Unit]:
        """The node and all below it, parents first, children in order."""
        yield self
        for child in self.children:
            yield from child.walk()


class HpaSpec(Closed):
    min_replicas: Absent[Int32] = None
    max_replicas: Int32
    metrics: tuple[Mapping[str, Any], ...] = ()
    metricsv2: tuple[Mapping[str, Any], ...] = ()


class KedaSpec(Closed):
    polling_interval: Absent[Int32] = None
    cooldown_period: Absent[Int32] = None
    idle_replica_count: Absent[Int32] = None
    min_replica_count: Absent[Int32] = None
    max_replica_count: Absent[Int32] = None
    advanced: Absent[Mapping[str, Any]] = None
    triggers: tuple[Mapping[str, Any], ...]
    fallback: Absent[Mapping[str, Any]] = None


class PdbSpec(Closed):
    min_available: Absent[int | str] = None
    max_unavailable: Absent[int | str] = None


class ComponentSpec(Closed):
    """A pod of its own: one Kubernetes Deployment."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec(containers=())
    replicas: Absent[Int32] = None
    hpa_spec: Absent[HpaSpec] = None
    keda_spec: Absent[KedaSpec] = None
    pdb_spec: Absent[PdbSpec] = None


class SvcOrchSpec(Closed):
    """What the orchestrator (Seldon's executor, our graph server) of a predictor is given."""

    env: tuple[EnvVar, ...] = ()
    resources: Absent[Mapping[str, Any]] = None
    replicas: Absent[Int32] = None


class Explainer(Closed):
    type: Absent[str] = None
    model_uri: Absent[str] = None
    service_account_name: Absent[str] = None
    container_spec: Absent[Container] = None
    config: Mapping[str, str] = {}
    endpoint: Absent[Endpoint] = None
    env_secret_ref_name: Absent[str] = None
    storage_initializer_image: Absent[str] = None
    replicas: Absent[Int32] = None
    init_parameters: Absent[str] = None


class Ssl(Closed):
    cert_secret_name: Absent[str] = None


class Predictor(Closed):
    """One version of what is served: its graph, its pods, its share of the traffic."""

    name: str
    graph: Unit
    component_specs: tuple[ComponentSpec, ...] = ()
    replicas: Absent[Int32] = None
    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    engine_resources: Absent[Mapping[str, Any]] = None
    svc_orch_spec: SvcOrchSpec = SvcOrchSpec()
    traffic: Absent[Int32] = None
    """Percent; of a shadow, the percent that is mirrored to it."""
    shadow: bool = False
    explainer: Absent[Explainer] = None
    ssl: Absent[Ssl] = None
    progress_deadline_seconds: Absent[Int32] = None

    def containers(self) -> Iterator[Container]:
        """Those of every componentSpec, in order."""
        for component in self.component_specs:
            yield from component.spec.containers

    def container(self, name: str) -> Container | None:
        """The first container of that name: the one that a graph node of that name runs in."""
        return next((container for container in self.containers() if container.name == name), None)


class DeploymentSpec(Closed):
    predictors: tuple[Predictor, ...]
    name: Absent[str] = None
    """Deprecated; shown in the webhook's messages and nowhere else."""
    annotations: Mapping[str, str] = {}
    protocol: Absent[str] = None
    transport: Absent[str] = None
    server_type: Absent[str] = None
    replicas: Absent[Int32] = None
    oauth_key: Absent[str] = Field(default=None, alias="oauth_key")
    oauth_secret: Absent[str] = Field(default=None, alias="oauth_secret")


class DeploymentMeta(ObjectMeta):
    name: str


class SeldonDeployment(Closed):
    api_version: Literal[
        "machinelearning.seldon.io/v1", "machinelearning.seldon.io/v1alpha2", "machinelearning.seldon.io/v1alpha3"
    ]
    kind: Literal["SeldonDeployment"]
    metadata: DeploymentMeta
    spec: DeploymentSpec
    status: Open = Open()
    """What the operator last reported, where the document was read from a cluster; never looked at."""

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace or DEFAULT_NAMESPACE

    @property
    def annotations(self) -> Mapping[str, str]:
        """As the operator looks them up: those of the spec over those of the metadata."""
        return {**self.metadata.annotations, **self.spec.annotations}

    def predictor(self, name: str) -> Predictor | None:
        return next((predictor for predictor in self.spec.predictors if predictor.name == name), None)
