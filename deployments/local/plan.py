"""SeldonDeployments -> what should run on this machine. Pure.

A predictor becomes one component: one process of the stock wrapper, known as Seldon knows the predictor's Service,
`<deployment>-<predictor>`. Its revision is a digest of all that the process would notice: a predictor whose revision
stays is left running when a plan is applied, whatever its traffic.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from deployments.local.errors import UnsupportedOverlay
from deployments.seldon import Predictor, SeldonDeployment, environment

WRAPPER: Final = "deployments.local.stock_wrapper"
REST_TIMEOUT: Final = "seldon.io/rest-timeout"
GRPC_TIMEOUT: Final = "seldon.io/grpc-timeout"
RETRIES: Final = "seldon.io/istio-retries"
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


def plan(
    deployments: Sequence[SeldonDeployment], models: Mapping[str, ModelFolder], python: str = sys.executable
) -> Plan:
    """What should run for these deployments, given the local folder of each `modelUri` in `models`.

    Errors: UnsupportedOverlay with everything in them that one stock wrapper per predictor cannot do.
    """
    refusals = [refusal for deployment in deployments for refusal in _refusals(deployment)]
    names = [
        f"{deployment.name}-{predictor.name}" for deployment in deployments for predictor in _predictors(deployment)
    ]
    refusals += [f"{name}: two predictors would have this name; rename one" for name in _repeated(names)]
    if not deployments:
        refusals.append("no SeldonDeployment is in it; one is needed")
    if refusals:
        raise UnsupportedOverlay("this machine cannot run the overlay:\n  " + "\n  ".join(refusals))
    return Plan(tuple(_route(deployment, models, python) for deployment in deployments))


def model_uris(deployments: Sequence[SeldonDeployment]) -> tuple[str, ...]:
    """Every `modelUri` of the deployments, once each."""
    uris = [predictor.graph.model_uri for deployment in deployments for predictor in _predictors(deployment)]
    return tuple(dict.fromkeys(uri for uri in uris if uri))


def _predictors(deployment: SeldonDeployment) -> Sequence[Predictor]:
    return deployment.spec.predictors


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _refusals(deployment: SeldonDeployment) -> list[str]:
    found = []
    if (deployment.spec.protocol or "seldon") != "seldon":
        found.append(
            f"{deployment.name}: protocol {deployment.spec.protocol}; `seldon` is what the stock wrapper speaks"
        )
    if deployment.spec.server_type == "kafka":
        found.append(f"{deployment.name}: serverType kafka; only `rpc` runs here")
    for annotation in (REST_TIMEOUT, GRPC_TIMEOUT, RETRIES):
        value = deployment.annotations.get(annotation)
        if value is not None and not value.isdecimal():
            found.append(f'{deployment.name}: annotation {annotation} is "{value}"; a whole number is accepted')
    for predictor in _predictors(deployment):
        found += [f"{deployment.name}/{predictor.name}: {what}" for what in _predictor_refusals(predictor)]
    return found


def _predictor_refusals(predictor: Predictor) -> list[str]:
    graph = predictor.graph
    found = []
    if graph.children:
        nodes = ", ".join(unit.name for unit in graph.walk())
        found.append(f"a graph of several nodes ({nodes}); one MODEL node per predictor runs here")
    if (graph.type or "MODEL") != "MODEL":
        found.append(f"node {graph.name} is a {graph.type}; a MODEL runs here")
    if graph.implementation not in {None, "UNKNOWN_IMPLEMENTATION"}:
        found.append(
            f"node {graph.name} is a prepackaged {graph.implementation}; "
            "a container with a MODEL_NAME (its Python class) runs here"
        )
    elif _model_name(predictor) is None:
        found.append(
            f"container {graph.name} has no env MODEL_NAME with a value; name the Python class to serve, such as "
            "model_server.install_model.InstallModel"
        )
    container = predictor.container(graph.name)
    if container is not None:
        found += [
            f"container {graph.name}: the value of env {variable.name} comes from elsewhere (valueFrom); write it out"
            for variable in container.env
            if (variable.model_extra or {}).get("valueFrom") is not None
        ]
        found += [
            f"container {graph.name} has its own {field}; the stock wrapper is what runs here"
            for field in ("command", "args")
            if (container.model_extra or {}).get(field)
        ]
    if not 0 <= (predictor.traffic or 0) <= 100:
        found.append(f"traffic {predictor.traffic}; 0 to 100 percent is accepted")
    if predictor.explainer is not None and predictor.explainer.type:
        found.append("an explainer; only a cluster runs one")
    return found


def _model_name(predictor: Predictor) -> str | None:
    container = predictor.container(predictor.graph.name)
    values = {} if container is None else {variable.name: variable.value for variable in container.env}
    return values.get("MODEL_NAME") or None


def _route(deployment: SeldonDeployment, models: Mapping[str, ModelFolder], python: str) -> Route:
    live = [predictor for predictor in _predictors(deployment) if not predictor.shadow]
    shadows = [predictor for predictor in _predictors(deployment) if predictor.shadow]

    def component(predictor: Predictor) -> Component:
        return _component(deployment, predictor, models, python)

    def number(annotation: str) -> int | None:
        value = deployment.annotations.get(annotation)
        return None if value is None else int(value)

    def seconds(annotation: str) -> float | None:
        milliseconds = number(annotation)
        return None if milliseconds is None else milliseconds / 1000

    retries = number(RETRIES)
    return Route(
        namespace=deployment.namespace,
        deployment=deployment.name,
        # A lone destination gets everything, whatever it says: Istio reads an absent or zero weight so.
        destinations=tuple(
            Destination(component(predictor), 100 if len(live) == 1 else predictor.traffic or 0) for predictor in live
        ),
        # Seldon leaves a mirror's percentage out at 0, and Istio then mirrors everything.
        shadow=Destination(component(shadows[0]), shadows[0].traffic or 100) if shadows else None,
        rest_timeout_seconds=seconds(REST_TIMEOUT),
        grpc_timeout_seconds=seconds(GRPC_TIMEOUT),
        retries=DEFAULT_RETRIES if retries is None else retries,
    )


def _component(
    deployment: SeldonDeployment, predictor: Predictor, models: Mapping[str, ModelFolder], python: str
) -> Component:
    uri = predictor.graph.model_uri
    model = models[uri] if uri else None
    return Component(
        name=f"{deployment.name}-{predictor.name}",
        predictor=predictor.name,
        argv=(python, "-m", WRAPPER, _model_name(predictor) or ""),
        variables=_variables(deployment, predictor, model),
        model=model,
    )


def _variables(deployment: SeldonDeployment, predictor: Predictor, model: ModelFolder | None) -> dict[str, str]:
    container = predictor.container(predictor.graph.name)
    if container is None:  # the webhook's rules refuse it
        raise ValueError(f"predictor {predictor.name} has no container {predictor.graph.name}")
    own = {variable.name: variable.value or "" for variable in container.env}
    variables = {"OMP_NUM_THREADS": "1"} | own | environment(deployment, predictor, container)
    if model is not None:
        variables["MLSERVER_MODEL_URI"] = str(model.path)
    # The operator's ports depend on the other predictors; ours are given later, and a restart must not hang on them.
    return {name: value for name, value in variables.items() if name not in PORT_VARIABLES}
