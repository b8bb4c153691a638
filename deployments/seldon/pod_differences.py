"""What becomes of a deployment's pods on a cluster otherwise than its author may think: warnings. Pure.

Measured on Seldon Core 1.17.1, its executor and its Python wrapper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from deployments.seldon import servers
from deployments.seldon.breakages import annotations_of_pods
from deployments.seldon.defaults import SEPARATE_ENGINE, has_separate_engine
from deployments.seldon.findings import Place, Warned, go_quoted
from deployments.seldon.model import ComponentSpec, Parameter, Predictor, SeldonDeployment, Unit
from deployments.seldon.operator_rules import EXPLAINERS

TYPES: Final = ("UNKNOWN_TYPE", "MODEL", "TRANSFORMER", "OUTPUT_TRANSFORMER", "ROUTER", "COMBINER")
LOGGER_MODES: Final = ("all", "request", "response")
RANDOM_ABTEST: Final = "RANDOM_ABTEST"
BOOLEANS: Final = ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0")


def pod_differences(deployment: SeldonDeployment) -> Iterator[Warned]:
    yield from _equals_signs(deployment)
    yield from _separate_engines(deployment)
    yield from _budgets(deployment)
    for i, predictor in enumerate(deployment.spec.predictors):
        place: Place = ("spec", "predictors", i)
        yield from _replicas(deployment, predictor, place)
        yield from _node(predictor.graph, deployment.spec.protocol, (*place, "graph"))
        for j, component in enumerate(predictor.component_specs):
            yield from _pod(predictor, component, (*place, "componentSpecs", j))
        yield from _explainer(predictor, (*place, "explainer"))
        resources = predictor.svc_orch_spec.resources or {}
        if resources.get("requests") and not resources.get("limits"):
            message = "requests alone take the place of Seldon's default for the orchestrator, its limits included"
            yield Warned(message, (*place, "svcOrchSpec", "resources"), "name limits too")
        if predictor.svc_orch_spec.replicas is not None and not has_separate_engine(deployment):
            message = "replicas of the orchestrator count where it has a pod of its own, and not here"
            advice = f'remove it, or set {SEPARATE_ENGINE} of the spec to "true"'
            yield Warned(message, (*place, "svcOrchSpec", "replicas"), advice)


def _equals_signs(deployment: SeldonDeployment) -> Iterator[Warned]:
    for texts, place in annotations_of_pods(deployment):
        for key, value in texts.items():
            if "=" in value:
                message = f'{go_quoted(value)} holds "="'
                advice = "Seldon's executor then ignores every annotation, timeouts included; write it without"
                yield Warned(message, (*place, key), advice, is_refused_here=True)


def _separate_engines(deployment: SeldonDeployment) -> Iterator[Warned]:
    if has_separate_engine(deployment):
        place: Place = ("spec", "annotations", SEPARATE_ENGINE)
        message = "an orchestrator in a pod of its own is told no annotations, so no timeout or size limit reaches it"
        yield Warned(message, place, "leave it in the first componentSpec's pod where you need them")
    elsewhere: list[tuple[Mapping[str, str], Place]] = [
        (deployment.metadata.annotations, ("metadata", "annotations")),
        *(
            (each.annotations, ("spec", "predictors", i, "annotations"))
            for i, each in enumerate(deployment.spec.predictors)
        ),
    ]
    for texts, place in elsewhere:
        if SEPARATE_ENGINE in texts:
            message = "it is read in spec.annotations, and nowhere else"
            yield Warned(message, (*place, SEPARATE_ENGINE), "move it there")


def _budgets(deployment: SeldonDeployment) -> Iterator[Warned]:
    places: list[Place] = [
        ("spec", "predictors", i, "componentSpecs", j, "pdbSpec")
        for i, predictor in enumerate(deployment.spec.predictors)
        for j, component in enumerate(predictor.component_specs)
        if component.pdb_spec is not None
    ]
    for place in places[1:]:
        message = "each pdbSpec of a SeldonDeployment covers all of its pods, and Kubernetes evicts none under two"
        yield Warned(message, place, "keep one")


def _replicas(deployment: SeldonDeployment, predictor: Predictor, place: Place) -> Iterator[Warned]:
    levels: list[tuple[int | None, Place]] = [
        (predictor.replicas, (*place, "replicas")),
        (deployment.spec.replicas, ("spec", "replicas")),
    ]
    for j, component in enumerate(predictor.component_specs or (ComponentSpec(),)):
        if component.hpa_spec is not None or component.keda_spec is not None:
            continue
        own: tuple[int | None, Place] = (component.replicas, (*place, "componentSpecs", j, "replicas"))
        said = next(((number, where) for number, where in [own, *levels] if number is not None), None)
        if said is None:
            # Seen with 1.17.1: from its first change on it holds the Deployment's own number against nothing.
            message = "without replicas, Seldon's operator writes a Deployment that has changed once again and again"
            yield Warned(message, place, "the change is then never done; write replicas: 1")
            return
        if said[0] == 0:
            message = f"0 replicas never become ready, and the routes of {deployment.name} are made once all are"
            yield Warned(message, said[1], "a predictor at rest wants replicas: 1 and traffic: 0")
            return


def _node(unit: Unit, protocol: str | None, place: Place) -> Iterator[Warned]:
    if unit.type is not None and unit.type not in TYPES:
        message = f"{go_quoted(unit.type)} is no type: Seldon calls no method of the node beyond its `methods`"
        yield Warned(message, (*place, "type"), f"types: {', '.join(TYPES)}")
    if unit.logger is not None and unit.logger.mode and unit.logger.mode not in LOGGER_MODES:
        message = f"{go_quoted(unit.logger.mode)} is no mode: nothing is logged"
        yield Warned(message, (*place, "logger", "mode"), f"modes: {', '.join(LOGGER_MODES)}")
    if unit.implementation in servers.BUILT_IN - {RANDOM_ABTEST}:
        message = f"{unit.implementation} was the Java engine's; Seldon's executor passes the node by"
        yield Warned(message, (*place, "implementation"), "leave the node out, or serve it from a container")
    if unit.implementation == RANDOM_ABTEST and len(unit.children) != 2:
        message = f"a {RANDOM_ABTEST} has 2 children; here are {len(unit.children)}"
        yield Warned(message, (*place, "implementation"), "requests fail on a cluster; give it two")
    if unit.implementation in servers.MLSERVER_CLASSES and protocol in servers.V2_PROTOCOLS:
        message = (
            "MLServer's container loses its port `metrics`: what scrapes by that name finds the orchestrator alone"
        )
        yield Warned(message, (*place, "implementation"), "scrape its port 6000 by number")
    for i, parameter in enumerate(unit.parameters):
        if not _is_parsable(parameter):
            message = f"{go_quoted(parameter.value)} is no {parameter.type}"
            yield Warned(message, (*place, "parameters", i, "value"), "Seldon's wrapper ends at its start")
    for i, child in enumerate(unit.children):
        yield from _node(child, protocol, (*place, "children", i))


def _explainer(predictor: Predictor, place: Place) -> Iterator[Warned]:
    if predictor.explainer is None or not predictor.explainer.type:
        return
    message = "an explainer's Deployment selects the models' pods too, and its route for gRPC leads to port 0"
    yield Warned(message, place, "ask it over REST, and do not scale it by hand")
    if predictor.explainer.type not in EXPLAINERS:
        message = f"{go_quoted(predictor.explainer.type)} is no type of explainer that Seldon's server knows"
        yield Warned(message, (*place, "type"), f"known: {', '.join(EXPLAINERS)}")


def _is_parsable(parameter: Parameter) -> bool:
    """Whether Seldon's wrapper would take it."""
    parsers: Mapping[str, Callable[[str], object]] = {"INT": int, "FLOAT": float, "DOUBLE": float}
    if parameter.type == "BOOL":
        return parameter.value.lower() in BOOLEANS
    if parameter.type == "STRING":
        return True
    parse = parsers.get(parameter.type)
    if parse is None:
        return False
    try:
        parse(parameter.value)
    except ValueError:
        return False
    return True


def _pod(predictor: Predictor, component: ComponentSpec, place: Place) -> Iterator[Warned]:
    if component.keda_spec is not None:
        message = "where KEDA is off, as Seldon's charts have it, there is no ScaledObject, no HPA and no replicas"
        yield Warned(message, (*place, "kedaSpec"), "switch it on in the operator (KEDA_ENABLED), or use hpaSpec")
    version = component.metadata.labels.get("version")
    if version is not None and version != predictor.labels.get("version", predictor.name):
        message = f"the pod's label version is {version}, by which Istio then finds no pod of {predictor.name}"
        yield Warned(message, (*place, "metadata", "labels", "version"), "leave it to the predictor's labels")
    context = (component.spec.model_extra or {}).get("securityContext")
    if isinstance(context, dict) and context and "runAsUser" not in context:
        message = "a securityContext of the pod's own replaces all of the operator's, its user 8888 included"
        yield Warned(message, (*place, "spec", "securityContext"), "name runAsUser too")
