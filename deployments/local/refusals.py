"""What a valid overlay may ask of a cluster and this machine does not give: refused, never imitated. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from deployments.local.errors import UnsupportedOverlay
from deployments.local.header_rules import refusals as header_rules
from deployments.seldon import Container, Predictor, SeldonDeployment, Unit

REST_TIMEOUT: Final = "seldon.io/rest-timeout"
GRPC_TIMEOUT: Final = "seldon.io/grpc-timeout"
RETRIES: Final = "seldon.io/istio-retries"
RETRY_TIMEOUT: Final = "seldon.io/istio-retries-timeout"
AMBASSADOR_RETRIES: Final = "seldon.io/ambassador-retries"
LOCAL_SCHEMES: Final = ("", "file", "pvc")
"""Of a `modelUri` that is a folder of this machine."""

TYPES: Final = ("MODEL", "TRANSFORMER", "OUTPUT_TRANSFORMER", "ROUTER", "COMBINER", "UNKNOWN_TYPE")
RANDOM_ABTEST: Final = "RANDOM_ABTEST"
XGBOOST_SERVER: Final = "XGBOOST_SERVER"
XGBOOST_SERVER_CLASS: Final = "model_server.xgboost_server.XGBoostServer"
OF_THE_JAVA_ENGINE: Final = ("SIMPLE_MODEL", "SIMPLE_ROUTER", "AVERAGE_COMBINER")


def require_supported(deployments: Sequence[SeldonDeployment], *, isolated: bool = False) -> None:
    """Errors: UnsupportedOverlay with everything that the graph server, or isolated the stock wrapper, cannot do."""
    found = [refusal for deployment in deployments for refusal in _of_deployment(deployment, isolated=isolated)]
    found += [f"{name}: two predictors would have this name; rename one" for name in _repeated_names(deployments)]
    found += header_rules(deployments)
    if not deployments:
        found.append("no SeldonDeployment is in it; one is needed")
    if found:
        raise UnsupportedOverlay("this machine cannot run the overlay:\n  " + "\n  ".join(found))


def server_name(deployment: SeldonDeployment, predictor: Predictor) -> str:
    """A predictor's name among all that run here: that of its Service on a cluster."""
    return f"{deployment.name}-{predictor.name}"


def model_name(predictor: Predictor, unit: Unit) -> str | None:
    """The Python class of a graph node, by the variable in which Seldon's own images expect it; None if it has none."""
    if unit.implementation in {RANDOM_ABTEST, *OF_THE_JAVA_ENGINE}:
        return None
    container = predictor.container(unit.name)
    values = {} if container is None else {variable.name: variable.value for variable in container.env}
    return values.get("MODEL_NAME") or (XGBOOST_SERVER_CLASS if unit.implementation == XGBOOST_SERVER else None)


def _repeated_names(deployments: Sequence[SeldonDeployment]) -> list[str]:
    return _repeated(
        [server_name(deployment, each) for deployment in deployments for each in deployment.spec.predictors]
    )


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _of_deployment(deployment: SeldonDeployment, *, isolated: bool) -> Iterator[str]:
    if (deployment.spec.protocol or "seldon") != "seldon":
        yield f"{deployment.name}: protocol {deployment.spec.protocol}; `seldon` is what the graph server speaks"
    if deployment.spec.server_type == "kafka":
        yield f"{deployment.name}: serverType kafka; only `rpc` runs here"
    for annotation in (REST_TIMEOUT, GRPC_TIMEOUT, RETRIES, RETRY_TIMEOUT, AMBASSADOR_RETRIES):
        value = deployment.annotations.get(annotation)
        if value is not None and not value.isdecimal():
            yield f'{deployment.name}: annotation {annotation} is "{value}"; a whole number is accepted'
    for predictor in deployment.spec.predictors:
        for what in _of_predictor(predictor, isolated=isolated):
            yield f"{deployment.name}/{predictor.name}: {what}"


def _of_predictor(predictor: Predictor, *, isolated: bool) -> Iterator[str]:
    for unit in predictor.graph.walk():
        yield from _of_node(unit, predictor)
        if isolated and unit.model_uri and urlsplit(unit.model_uri).scheme not in LOCAL_SCHEMES:
            yield (
                f"node {unit.name}: modelUri {unit.model_uri} is fetched by the graph server alone; isolated, a stock "
                "wrapper takes pvc://CLAIM/FOLDER, file:///FOLDER or a plain path"
            )
    for variable in predictor.svc_orch_spec.env:
        if (variable.model_extra or {}).get("valueFrom") is not None:
            yield f"svcOrchSpec: the value of env {variable.name} comes from elsewhere (valueFrom); write it out"
    if not 0 <= (predictor.traffic or 0) <= 100:
        yield f"traffic {predictor.traffic}; 0 to 100 percent is accepted"
    if predictor.explainer is not None and predictor.explainer.type:
        yield "an explainer; only a cluster runs one"


def _of_node(unit: Unit, predictor: Predictor) -> Iterator[str]:
    if unit.type is not None and unit.type not in TYPES:
        yield f"node {unit.name} has the type {unit.type}; accepted are {', '.join(TYPES)}"
    if unit.implementation == RANDOM_ABTEST and len(unit.children) != 2:
        yield f"node {unit.name} is a RANDOM_ABTEST with {len(unit.children)} children; it chooses between 2"
    elif unit.implementation in OF_THE_JAVA_ENGINE:
        yield (
            f"node {unit.name} is a {unit.implementation}, which was the Java engine's and which Seldon's executor "
            "passes by; leave it out, or serve it from a container with a MODEL_NAME"
        )
    elif unit.implementation != RANDOM_ABTEST and model_name(predictor, unit) is None:
        if unit.implementation in {None, "UNKNOWN_IMPLEMENTATION"}:
            yield (
                f"container {unit.name} has no env MODEL_NAME with a value; name the Python class to serve, such as "
                "model_server.install_model.InstallModel"
            )
        else:
            yield (
                f"node {unit.name} is a prepackaged {unit.implementation}; {XGBOOST_SERVER}, or a container with a "
                "MODEL_NAME (its Python class), runs here"
            )
    container = predictor.container(unit.name)
    if container is not None:
        yield from _of_container(container)


def _of_container(container: Container) -> Iterator[str]:
    for variable in container.env:
        if (variable.model_extra or {}).get("valueFrom") is not None:
            yield (
                f"container {container.name}: the value of env {variable.name} comes from elsewhere (valueFrom); "
                "write it out"
            )
    for field in ("command", "args"):
        if (container.model_extra or {}).get(field):
            yield f"container {container.name} has its own {field}; a Python class by its MODEL_NAME is what runs here"
