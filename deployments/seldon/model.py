"""A SeldonDeployment as its author wrote it: nothing is filled in, nothing is judged. Pure.

Attributes are the fields of the CRD of Seldon Core 1.17.1 in snake_case. Seldon's own levels are closed: a field that
the CRD does not know is refused, where a cluster would drop it in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from deployments.seldon.pods import Container, EnvVar, Int32, IntOrString, ObjectMeta, Open, PodSpec

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
    service_host: str | None = Field(default=None, alias="service_host")
    service_port: Int32 | None = Field(default=None, alias="service_port")
    type: str | None = None
    """REST or GRPC; None means what `spec.transport` says."""
    http_port: Int32 | None = None
    grpc_port: Int32 | None = None


class Logger(Closed):
    url: str | None = None
    mode: str | None = None
    """all, request or response."""


class Unit(Closed):
    """A node of the inference graph, with all that is below it."""

    name: str
    type: str | None = None
    implementation: str | None = None
    methods: tuple[str, ...] | None = None
    model_uri: str | None = None
    parameters: tuple[Parameter, ...] = ()
    children: tuple[Unit, ...] = ()
    endpoint: Endpoint | None = None
    logger: Logger | None = None
    service_account_name: str | None = None
    env_secret_ref_name: str | None = None
    storage_initializer_image: str | None = None

    def walk(self) -> Iterator[Unit]:
        """The node and all below it, parents first, children in order."""
        yield self
        for child in self.children:
            yield from child.walk()


class HpaSpec(Closed):
    min_replicas: Int32 | None = None
    max_replicas: Int32
    metrics: tuple[Mapping[str, Any], ...] = ()
    metricsv2: tuple[Mapping[str, Any], ...] = ()


class KedaSpec(Closed):
    polling_interval: Int32 | None = None
    cooldown_period: Int32 | None = None
    idle_replica_count: Int32 | None = None
    min_replica_count: Int32 | None = None
    max_replica_count: Int32 | None = None
    advanced: Mapping[str, Any] | None = None
    triggers: tuple[Mapping[str, Any], ...]
    fallback: Mapping[str, Any] | None = None


class PdbSpec(Closed):
    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class ComponentSpec(Closed):
    """A pod of its own: one Kubernetes Deployment."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec(containers=())
    replicas: Int32 | None = None
    hpa_spec: HpaSpec | None = None
    keda_spec: KedaSpec | None = None
    pdb_spec: PdbSpec | None = None


class SvcOrchSpec(Closed):
    """What the orchestrator (Seldon's executor, our graph server) of a predictor is given."""

    env: tuple[EnvVar, ...] = ()
    resources: Mapping[str, Any] | None = None
    replicas: Int32 | None = None


class Explainer(Closed):
    type: str | None = None
    model_uri: str | None = None
    service_account_name: str | None = None
    container_spec: Container | None = None
    config: Mapping[str, str] = {}
    endpoint: Endpoint | None = None
    env_secret_ref_name: str | None = None
    storage_initializer_image: str | None = None
    replicas: Int32 | None = None
    init_parameters: str | None = None


class Ssl(Closed):
    cert_secret_name: str | None = None


class Predictor(Closed):
    """One version of what is served: its graph, its pods, its share of the traffic."""

    name: str
    graph: Unit
    component_specs: tuple[ComponentSpec, ...] = ()
    replicas: Int32 | None = None
    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    engine_resources: Mapping[str, Any] | None = None
    svc_orch_spec: SvcOrchSpec = SvcOrchSpec()
    traffic: Int32 | None = None
    """Percent; of a shadow, the percent that is mirrored to it."""
    shadow: bool = False
    explainer: Explainer | None = None
    ssl: Ssl | None = None
    progress_deadline_seconds: Int32 | None = None

    def containers(self) -> Iterator[Container]:
        """Those of every componentSpec, in order."""
        for component in self.component_specs:
            yield from component.spec.containers

    def container(self, name: str) -> Container | None:
        """The first container of that name: the one that a graph node of that name runs in."""
        return next((container for container in self.containers() if container.name == name), None)


class DeploymentSpec(Closed):
    predictors: tuple[Predictor, ...]
    name: str | None = None
    """Deprecated; shown in the webhook's messages and nowhere else."""
    annotations: Mapping[str, str] = {}
    protocol: str | None = None
    transport: str | None = None
    server_type: str | None = None
    replicas: Int32 | None = None
    oauth_key: str | None = Field(default=None, alias="oauth_key")
    oauth_secret: str | None = Field(default=None, alias="oauth_secret")


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
