"""The rules of Seldon's admission webhook, on the deployment as written, in the webhook's order and words. Pure.

Measured on Seldon Core's operator 1.17.1. What it says of a child's path is its own way: spec.predictors[0].graph[1]
is the second child of the root. Our own advice follows where its message leaves the reader alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from deployments.seldon import servers
from deployments.seldon.breakages import breakages, engines_without_place
from deployments.seldon.findings import Finding, Place, RefusedBy, go_quoted
from deployments.seldon.model import DeploymentSpec, Predictor, SeldonDeployment, Unit

PROTOCOLS: Final = (servers.SELDON, servers.TENSORFLOW, servers.KFSERVING, servers.V2)
TRANSPORTS: Final = ("rest", "grpc")
SERVER_TYPES: Final = ("rpc", "kafka")
KAFKA_VARIABLES: Final = ("KAFKA_BROKER", "KAFKA_INPUT_TOPIC", "KAFKA_OUTPUT_TOPIC")
UNKNOWN_TYPE: Final = "UNKNOWN_TYPE"
SERVICE_NAME: Final = "seldon.io/svc-name"
NO_ENGINE: Final = "seldon.io/no-engine"
MAX_SHADOW_TRAFFIC_PERCENT: Final = 100

type Rule = Callable[[DeploymentSpec], Iterator[Finding]]


def findings(deployment: SeldonDeployment) -> list[Finding]:
    """All that is wrong, Seldon's findings first; no lines, for a deployment has none (`load_documents` adds them)."""
    wrong = [*chain.from_iterable(rule(deployment.spec) for rule in _RULES), *breakages(deployment)]
    return wrong or list(engines_without_place(deployment))  # often a mere consequence of the others


def webhook_message(spec_name: str | None, wrong: list[Finding]) -> str:
    """The whole message of Seldon's webhook, its misspelt group included.

    The name that it shows is the deprecated `spec.name`, not the deployment's.
    """
    texts = [f"{finding.path}: {finding.message}" for finding in wrong if finding.refused_by is RefusedBy.WEBHOOK]
    if not texts:
        raise ValueError("the webhook has nothing to say against this deployment")
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return f"SeldonDeployment.machinelearing.seldon.io {go_quoted(spec_name or '')} is invalid: {joined}"


def _finding(path: str, value: str | None, message: str, place: Place, advice: str = "") -> Finding:
    return Finding(path, f"Invalid value: {go_quoted(value or '')}: {message}", place, advice)


def _enumerations(spec: DeploymentSpec) -> Iterator[Finding]:
    for field, value, accepted in (
        ("protocol", spec.protocol, PROTOCOLS),
        ("transport", spec.transport, TRANSPORTS),
        ("serverType", spec.server_type, SERVER_TYPES),
    ):
        if value and value not in accepted:
            yield _finding("spec", value, f"Invalid {field}", ("spec", field), f"accepted: {', '.join(accepted)}")


def _kafka(spec: DeploymentSpec) -> Iterator[Finding]:
    if spec.server_type != "kafka":
        return
    for i, predictor in enumerate(spec.predictors):
        # Counted, not told apart: one of them given three times passes.
        if sum(variable.name in KAFKA_VARIABLES for variable in predictor.svc_orch_spec.env) < len(KAFKA_VARIABLES):
            message = f"For kafka please supply svcOrchSpec envs {', '.join(KAFKA_VARIABLES)}"
            place = ("spec", "predictors", i, "svcOrchSpec", "env")
            yield _finding(f"spec.predictors[{i}]", predictor.name, message, place)


def _only_shadow(spec: DeploymentSpec) -> Iterator[Finding]:
    if len(spec.predictors) == 1 and spec.predictors[0].shadow:
        yield _finding(
            "spec.predictors[0]",
            spec.predictors[0].name,
            "Shadow can not exist as only predictor",
            ("spec", "predictors", 0, "shadow"),
            "add the predictor that answers, which the shadow is to be a shadow of",
        )


def _service_names(spec: DeploymentSpec) -> Iterator[Finding]:
    seen: set[str] = set()
    for i, predictor in enumerate(spec.predictors):
        name = predictor.annotations.get(SERVICE_NAME)
        if name is None:
            continue
        if name in seen:
            message = f"Found duplicate service name in {SERVICE_NAME} with value {name}"
            place = ("spec", "predictors", i, "annotations", SERVICE_NAME)
            yield _finding(f"spec.predictors[{i}]", predictor.name, message, place)
        seen.add(name)


def _no_predictors(spec: DeploymentSpec) -> Iterator[Finding]:
    if not spec.predictors:
        # That the value shown is the transport is Seldon's own.
        yield _finding("spec", spec.transport, "Graph contains no predictors", ("spec", "predictors"))


def _predictors(spec: DeploymentSpec) -> Iterator[Finding]:
    seen: set[str] = set()
    for i, predictor in enumerate(spec.predictors):
        place: Place = ("spec", "predictors", i)
        path = f"spec.predictors[{i}]"
        if NO_ENGINE in predictor.annotations and predictor.graph.children:
            message = "Running without engine only valid for single element graphs"
            advice = f"remove the annotation {NO_ENGINE}; its presence counts, whatever its value"
            yield _finding(path, predictor.name, message, (*place, "annotations", NO_ENGINE), advice)
        if predictor.name in seen:
            yield _finding(path, predictor.name, "Duplicate predictor name", (*place, "name"))
        seen.add(predictor.name)
        yield from _unit(predictor.graph, predictor, spec, f"{path}.graph", (*place, "graph"))


def _unit(unit: Unit, predictor: Predictor, spec: DeploymentSpec, path: str, place: Place) -> Iterator[Finding]:
    if unit.implementation in {None, servers.UNKNOWN_IMPLEMENTATION}:
        yield from _own_container(unit, predictor, path, place)
    elif servers.is_prepackaged(unit.implementation):
        yield from _prepackaged(unit, predictor, spec.protocol, path, place)
    if unit.logger is not None and not unit.logger.mode:
        advice = "set logger.mode to all, request or response"
        yield _finding(path, "", "No logger mode specified", (*place, "logger"), advice)
    for i, child in enumerate(unit.children):
        yield from _unit(child, predictor, spec, f"{path}[{i}]", (*place, "children", i))


def _own_container(unit: Unit, predictor: Predictor, path: str, place: Place) -> Iterator[Finding]:
    if predictor.container(unit.name) is None:
        names = ", ".join(container.name for container in predictor.containers()) or "none"
        advice = (
            f'a graph node runs in the container of its name: rename the node, or add a container "{unit.name}" to a '
            f'componentSpec (containers of predictor "{predictor.name}": {names}), or name a prepackaged server as '
            f"its implementation ({', '.join(servers.IMAGES)})"
        )
        yield _finding(path, unit.name, "Can't find container for Predictive Unit", (*place, "name"), advice)
    if unit.type == UNKNOWN_TYPE and not unit.methods:
        message = (
            "Predictive Unit has no implementation methods defined. "
            "Change to a known type or add what methods it defines"
        )
        advice = "types: MODEL, ROUTER, COMBINER, TRANSFORMER, OUTPUT_TRANSFORMER"
        yield _finding(path, unit.name, message, (*place, "type"), advice)


def _prepackaged(unit: Unit, predictor: Predictor, protocol: str | None, path: str, place: Place) -> Iterator[Finding]:
    implementation = unit.implementation or ""
    if not unit.model_uri and implementation not in servers.WITHOUT_MODEL_URI:
        message = "Predictive unit modelUri required when using standalone servers"
        advice = "set modelUri to where the model is stored, such as pvc://CLAIM/PATH or s3://BUCKET/PATH"
        yield _finding(path, unit.name, message, place, advice)
    if protocol == servers.TENSORFLOW and implementation in servers.WITHOUT_TENSORFLOW_PROTOCOL:
        message = f"Prepackaged server does not handle tensorflow protocol {implementation}"
        yield _finding(path, unit.name, message, (*place, "implementation"), "set spec.protocol to seldon or v2")
    container = predictor.container(unit.name)
    if implementation not in servers.IMAGES and (container is None or not container.image):
        advice = f"known: {', '.join(servers.IMAGES)}"
        message = f"No entry in predictors map for {implementation}"
        yield _finding(path, unit.name, message, (*place, "implementation"), advice)


def _transports(spec: DeploymentSpec) -> Iterator[Finding]:
    kinds = {
        unit.endpoint.type
        for predictor in spec.predictors
        for unit in predictor.graph.walk()
        if unit.endpoint is not None and unit.endpoint.type
    }
    other = {"rest": "GRPC", "grpc": "REST"}.get(spec.transport or "")
    if len(kinds) > 1:
        message = "Multiple endpoint.types found - can only have 1 type in graph. Please use spec.transport"
        yield _finding("spec", "", message, ("spec",), f"found: {', '.join(sorted(kinds))}")
    elif other in kinds:
        message = "Mixed transport types found. Remove graph endpoint.types if transport set at deployment level"
        yield _finding("spec", "", message, ("spec", "transport"))


def _traffic(spec: DeploymentSpec) -> Iterator[Finding]:
    yield from _shadows(spec)
    live = [predictor for predictor in spec.predictors if not predictor.shadow]
    first_place: Place = ("spec", "predictors", 0, "traffic")
    total = sum(predictor.traffic or 0 for predictor in live)
    if len(live) > 1 and total != 100:
        shares = " + ".join(f"{predictor.name} {predictor.traffic or 0}" for predictor in live)
        message = "Traffic must sum to 100 for multiple predictors"
        yield _finding("spec", spec.predictors[0].name, message, first_place, f"{shares} = {total}")
    if len(live) == len(spec.predictors) == 1 and 0 < total < 100:
        message = "Traffic must sum be 100 for a single predictor when set"
        yield _finding("spec", live[0].name, message, first_place, f"set it to 100 or leave it out; it is {total}")


def _shadows(spec: DeploymentSpec) -> Iterator[Finding]:
    n_shadows = 0
    for i, predictor in enumerate(spec.predictors):
        if not predictor.shadow:
            continue
        n_shadows += 1
        if n_shadows > 1:
            message, place = "Multiple shadows are not allowed", ("spec", "predictors", i, "shadow")
            yield _finding("spec", predictor.name, message, place)
        if not 0 <= (predictor.traffic or 0) <= MAX_SHADOW_TRAFFIC_PERCENT:
            message = "shadow traffic is illegal, the traffic number should be between [0, 100]"
            place = ("spec", "predictors", i, "traffic")
            yield _finding("spec", predictor.name, message, place, f"it is {predictor.traffic}")


_RULES: Final[tuple[Rule, ...]] = (
    _enumerations,
    _kafka,
    _only_shadow,
    _service_names,
    _no_predictors,
    _predictors,
    _transports,
    _traffic,
)
"""In the webhook's order, which is the order of its findings."""
