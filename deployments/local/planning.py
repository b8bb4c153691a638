"""SeldonDeployments -> what should run on this machine. Pure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deployments.local.companions import Companions
from deployments.local.header_rules import header_rule, path_name
from deployments.local.localized import claimed_uris
from deployments.local.placing import predictor_server
from deployments.local.plan import DEFAULT_RETRIES, Destination, Plan, Route
from deployments.local.programs import ModelFolder, PredictorServer
from deployments.local.refusals import (
    AMBASSADOR_RETRIES,
    GRPC_TIMEOUT,
    REST_TIMEOUT,
    RETRIES,
    RETRY_TIMEOUT,
    require_supported,
)
from deployments.seldon import Predictor, SeldonDeployment

type ServerOf = Callable[[SeldonDeployment, Predictor], PredictorServer]


def plan(
    deployments: Sequence[SeldonDeployment],
    models: Mapping[str, ModelFolder],
    *,
    volumes: Path = Path(),
    isolated: bool = False,
    python: str = sys.executable,
    beside: Companions = Companions(),  # noqa: B008 -- frozen
) -> Plan:
    """What should run for these deployments, given the local folder of each `modelUri` in `models`.

    A `modelUri` without one is left to the graph server to fetch. `beside` is what the overlay brings else.
    Errors: UnsupportedOverlay, see `require_supported`.
    """
    require_supported(deployments, isolated=isolated)

    def server(deployment: SeldonDeployment, predictor: Predictor) -> PredictorServer:
        return predictor_server(deployment, predictor, models, volumes=volumes, isolated=isolated, python=python)

    routes = tuple(_route(deployment, server) for deployment in deployments)
    return Plan(routes, isolated, beside.stores, beside.not_run)


def model_uris(deployments: Sequence[SeldonDeployment]) -> tuple[str, ...]:
    """Every `modelUri` of the deployments, and pvc:// of every path on a claim that a component is told, once each."""
    predictors = [predictor for deployment in deployments for predictor in deployment.spec.predictors]
    own = [unit.model_uri for predictor in predictors for unit in predictor.graph.walk() if unit.model_uri]
    claimed = [uri for predictor in predictors for uri in claimed_uris(predictor)]
    return tuple(dict.fromkeys(own + claimed))


def _route(deployment: SeldonDeployment, server_of: ServerOf) -> Route:
    live = [predictor for predictor in deployment.spec.predictors if not predictor.shadow]
    shadows = [predictor for predictor in deployment.spec.predictors if predictor.shadow]

    def number(annotation: str) -> int | None:
        value = deployment.annotations.get(annotation)
        return None if value is None else int(value)

    def seconds(annotation: str) -> float | None:
        milliseconds = number(annotation)
        return None if milliseconds is None else milliseconds / 1000

    of_istio, of_ambassador = number(RETRIES), number(AMBASSADOR_RETRIES)
    return Route(
        namespace=deployment.namespace,
        deployment=deployment.name,
        # A lone destination gets everything, whatever it says: Istio reads an absent or zero weight so.
        destinations=tuple(
            Destination(server_of(deployment, predictor), 100 if len(live) == 1 else predictor.traffic or 0)
            for predictor in live
        ),
        # Seldon leaves a mirror's percentage out at 0, and Istio then mirrors everything.
        shadow=Destination(server_of(deployment, shadows[0]), shadows[0].traffic or 100) if shadows else None,
        rest_timeout_seconds=seconds(REST_TIMEOUT),
        grpc_timeout_seconds=seconds(GRPC_TIMEOUT),
        retries=next((each for each in (of_istio, of_ambassador) if each is not None), DEFAULT_RETRIES),
        # As Seldon has it, the timeout of a try counts where there is a number of tries.
        retry_timeout_seconds=None if of_istio is None else number(RETRY_TIMEOUT),
        served_as=None if path_name(deployment) == deployment.name else path_name(deployment),
        header=header_rule(deployment),
    )
