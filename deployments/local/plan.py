"""What should run on this machine: a server for each predictor, and routes to them. Pure data; `planning` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from deployments.local.companions import Store
from deployments.local.programs import PredictorServer

DEFAULT_RETRIES: Final = 2  # Istio's own, where a VirtualService names no number


@dataclass(frozen=True)
class Destination:
    """A predictor's server, and its share of the traffic (or of the copies, for a shadow) in percent."""

    server: PredictorServer
    percent: int

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError(f"{self.server.name} has {self.percent} % of the traffic; 0 to 100 is accepted")


@dataclass(frozen=True)
class HeaderRule:
    """A header by which a request is chosen: its name in lower case, and its value; None is whatever value."""

    name: str
    value: str | None = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}: {self.value}"


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
    retry_timeout_seconds: float | None = None
    """Of each try; None is the whole request's."""
    served_as: str | None = None
    """The name in the path and in the metadata of gRPC, where it is not the deployment's own."""
    header: HeaderRule | None = None
    """Which of the requests under that name it takes; None takes those that no other route takes."""

    def __post_init__(self) -> None:
        total = sum(destination.percent for destination in self.destinations)
        if total != 100:
            raise ValueError(f"the traffic of {self.deployment} sums to {total} %; it must be 100")

    @property
    def name_in_path(self) -> str:
        return self.served_as or self.deployment

    @property
    def all(self) -> tuple[Destination, ...]:
        """Every destination, those without traffic and the shadow included."""
        return self.destinations if self.shadow is None else (*self.destinations, self.shadow)


@dataclass(frozen=True)
class Plan:
    """All that should run."""

    routes: tuple[Route, ...]
    isolated: bool = False
    stores: tuple[Store, ...] = ()
    not_run: tuple[str, ...] = ()
    """What a cluster would run and this machine does not, as text."""

    @property
    def servers(self) -> tuple[PredictorServer, ...]:
        return tuple(destination.server for route in self.routes for destination in route.all)
