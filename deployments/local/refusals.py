"""What a valid overlay may ask of a cluster and this machine does not give: refused, never imitated. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deployments.local.errors import UnsupportedOverlay
from deployments.seldon import Predictor, SeldonDeployment

REST_TIMEOUT: Final = "seldon.io/rest-timeout"
GRPC_TIMEOUT: Final = "seldon.io/grpc-timeout"
RETRIES: Final = "seldon.io/istio-retries"


def require_supported(deployments: Sequence[SeldonDeployment]) -> None:
    """Errors: UnsupportedOverlay with everything that one stock wrapper per predictor cannot do."""
    found = [refusal for deployment in deployments for refusal in _of_deployment(deployment)]
    found += [f"{name}: two predictors would have this name; rename one" for name in _repeated_names(deployments)]
    if not deployments:
        found.append("no SeldonDeployment is in it; one is needed")
    if found:
        raise UnsupportedOverlay("this machine cannot run the overlay:\n  " + "\n  ".join(found))


def component_name(deployment: SeldonDeployment, predictor: Predictor) -> str:
    """A predictor's name among all that run here: that of its Service on a cluster."""
    return f"{deployment.name}-{predictor.name}"


def model_name(predictor: Predictor) -> str | None:
    """The Python class that a predictor serves, by the variable in which Seldon's own images expect it."""
    container = predictor.container(predictor.graph.name)
    values = {} if container is None else {variable.name: variable.value for variable in container.env}
    return values.get("MODEL_NAME") or None


def _repeated_names(deployments: Sequence[SeldonDeployment]) -> list[str]:
    names = [component_name(deployment, each) for deployment in deployments for each in deployment.spec.predictors]
    return sorted({name for name in names if names.count(name) > 1})


def _of_deployment(deployment: SeldonDeployment) -> list[str]:
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
    for predictor in deployment.spec.predictors:
        found += [f"{deployment.name}/{predictor.name}: {what}" for what in _of_predictor(predictor)]
    return found


def _of_predictor(predictor: Predictor) -> list[str]:
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
    elif model_name(predictor) is None:
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
