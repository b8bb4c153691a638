"""SeldonDeployments -> what should run on this machine. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from deployments.local.plan import DEFAULT_RETRIES, PORT_VARIABLES, Component, Destination, ModelFolder, Plan, Route
from deployments.local.refusals import (
    GRPC_TIMEOUT,
    REST_TIMEOUT,
    RETRIES,
    component_name,
    model_name,
    require_supported,
)
from deployments.seldon import Predictor, SeldonDeployment, environment

WRAPPER: Final = "deployments.local.stock_wrapper"


def plan(
    deployments: Sequence[SeldonDeployment], models: Mapping[str, ModelFolder], python: str = sys.executable
) -> Plan:
    """What should run for these deployments, given the local folder of each `modelUri` in `models`.

    Errors: UnsupportedOverlay, see `require_supported`.
    """
    require_supported(deployments)
    return Plan(tuple(_route(deployment, models, python) for deployment in deployments))


def model_uris(deployments: Sequence[SeldonDeployment]) -> tuple[str, ...]:
    """Every `modelUri` of the deployments, once each."""
    uris = [predictor.graph.model_uri for deployment in deployments for predictor in deployment.spec.predictors]
    return tuple(dict.fromkeys(uri for uri in uris if uri))


def _route(deployment: SeldonDeployment, models: Mapping[str, ModelFolder], python: str) -> Route:
    live = [predictor for predictor in deployment.spec.predictors if not predictor.shadow]
    shadows = [predictor for predictor in deployment.spec.predictors if predictor.shadow]

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
        name=component_name(deployment, predictor),
        predictor=predictor.name,
        argv=(python, "-m", WRAPPER, model_name(predictor) or ""),
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
