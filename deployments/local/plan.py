"""What should run on this machine: components, and routes to them. Pure data; `planning` makes it of an overlay.

A predictor becomes one component: one process of the stock wrapper, known as Seldon knows the predictor's Service,
`<deployment>-<predictor>`. Its revision is a digest of all that the process would notice: a predictor whose revision
stays is left running when a plan is applied, whatever its traffic.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

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
DEFAULT_RETRIES: Final = 2  # Istio's own, where a VirtualService names no number


@dataclass(frozen=True)
class Ports:
    """Where one component listens, all on 127.0.0.1."""

    http: int
    grpc: int
    metrics: int


@dataclass(frozen=True)
class ModelFolder:
    """A `modelUri` made local: its absolute path, and a digest of every file in it."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Component:
    """One process of the stock wrapper."""

    name: str
    predictor: str
    argv: tuple[str, ...]
    variables: Mapping[str, str]
    """What its container finds in its environment, ports apart."""
    model: ModelFolder | None = None

    @cached_property
    def revision(self) -> str:
        seen = [
            self.argv,
            dict(sorted(self.variables.items())),
            self.model and (str(self.model.path), self.model.digest),
        ]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:8]

    @property
    def key(self) -> str:
        """The name and the revision: what tells a new version of a predictor from the one that it replaces."""
        return f"{self.name}-{self.revision}"

    @property
    def serves_grpc(self) -> bool:
        return self.variables.get("GRPC_WORKERS") != "0"

    def environment(self, ports: Ports) -> dict[str, str]:
        """Its variables with its ports filled in, under every name that the operator gives them."""
        return dict(self.variables) | {name: str(getattr(ports, kind)) for name, kind in PORT_VARIABLES.items()}


@dataclass(frozen=True)
class Destination:
    """A component, and its share of the traffic (or of the copies, for a shadow) in percent."""

    component: Component
    percent: int

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError(f"{self.component.name} has {self.percent} % of the traffic; 0 to 100 is accepted")


@dataclass(frozen=True)
class Route:
    """How the requests of one SeldonDeployment are spread. Timeouts in seconds; None waits for ever, as Istio does."""

    namespace: str
    deployment: str
    destinations: tuple[Destination, ...]
    shadow: Destination | None = None
    rest_timeout_seconds: float | None = None
    grpc_timeout_seconds: float | None = None
    retries: int = DEFAULT_RETRIES

    def __post_init__(self) -> None:
        total = sum(destination.percent for destination in self.destinations)
        if total != 100:
            raise ValueError(f"the traffic of {self.deployment} sums to {total} %; it must be 100")

    @property
    def all(self) -> tuple[Destination, ...]:
        """Every destination, those without traffic and the shadow included."""
        return self.destinations if self.shadow is None else (*self.destinations, self.shadow)


@dataclass(frozen=True)
class Plan:
    """All that should run."""

    routes: tuple[Route, ...]

    @property
    def components(self) -> tuple[Component, ...]:
        return tuple(destination.component for route in self.routes for destination in route.all)
