"""The rules of Seldon's admission webhook, on the deployment as written, in the webhook's order and words. Pure.

Measured on Seldon Core's operator 1.17.1. Our own advice follows where its message leaves the reader alone. Those of
each predictor and its graph stand in `graph_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from deployments.seldon import servers
from deployments.seldon.breakages import breakages
from deployments.seldon.findings import Finding, Place, RefusedBy, go_quoted, invalid
from deployments.seldon.graph_rules import predictors_and_graphs
from deployments.seldon.model import DeploymentSpec, SeldonDeployment
from deployments.seldon.names import SERVICE_NAME
from deployments.seldon.operator_rules import consequences, operator_findings

PROTOCOLS: Final = (servers.SELDON, servers.TENSORFLOW, servers.KFSERVING, servers.V2)
TRANSPORTS: Final = ("rest", "grpc")
SERVER_TYPES: Final = ("rpc", "kafka")
KAFKA_VARIABLES: Final = ("KAFKA_BROKER", "KAFKA_INPUT_TOPIC", "KAFKA_OUTPUT_TOPIC")
MAX_SHADOW_TRAFFIC_PERCENT: Final = 100

type Rule = Callable[[DeploymentSpec], Iterator[Finding]]


def findings(deployment: SeldonDeployment) -> list[Finding]:
    """All that is wrong, Seldon's findings first; no lines, for a deployment has none (`load_documents` adds them)."""
    webhook = chain.from_iterable(rule(deployment.spec) for rule in _RULES)
    wrong = [*webhook, *operator_findings(deployment), *breakages(deployment)]
    if any(finding.refused_by is not RefusedBy.FORKCAST for finding in wrong):
        return wrong
    return [*wrong, *consequences(deployment)]


def webhook_message(spec_name: str | None, wrong: list[Finding]) -> str:
    """The whole message of Seldon's webhook, its misspelt group included.

    The name that it shows is the deprecated `spec.name`, not the deployment's.
    """
    texts = [f"{finding.path}: {finding.message}" for finding in wrong if finding.refused_by is RefusedBy.WEBHOOK]
    if not texts:
        raise ValueError("the webhook has nothing to say against this deployment")
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return f"SeldonDeployment.machinelearing.seldon.io {go_quoted(spec_name or '')} is invalid: {joined}"


def _enumerations(spec: DeploymentSpec) -> Iterator[Finding]:
    for field, value, accepted in (
        ("protocol", spec.protocol, PROTOCOLS),
        ("transport", spec.transport, TRANSPORTS),
        ("serverType", spec.server_type, SERVER_TYPES),
    ):
        if value and value not in accepted:
            yield invalid("spec", value, f"Invalid {field}", ("spec", field), f"accepted: {', '.join(accepted)}")


def _kafka(spec: DeploymentSpec) -> Iterator[Finding]:
    if spec.server_type != "kafka":
        return
    for i, predictor in enumerate(spec.predictors):
        # Counted, not told apart: one of them given three times passes.
        if sum(variable.name in KAFKA_VARIABLES for variable in predictor.svc_orch_spec.env) < len(KAFKA_VARIABLES):
            message = f"For kafka please supply svcOrchSpec envs {', '.join(KAFKA_VARIABLES)}"
            place = ("spec", "predictors", i, "svcOrchSpec", "env")
            yield invalid(f"spec.predictors[{i}]", predictor.name, message, place)


def _only_shadow(spec: DeploymentSpec) -> Iterator[Finding]:
    if len(spec.predictors) == 1 and spec.predictors[0].shadow:
        yield invalid(
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
            yield invalid(f"spec.predictors[{i}]", predictor.name, message, place)
        seen.add(name)


def _no_predictors(spec: DeploymentSpec) -> Iterator[Finding]:
    if not spec.predictors:
        # That the value shown is the transport is Seldon's own.
        yield invalid("spec", spec.transport, "Graph contains no predictors", ("spec", "predictors"))


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
        yield invalid("spec", "", message, ("spec",), f"found: {', '.join(sorted(kinds))}")
    elif other in kinds:
        message = "Mixed transport types found. Remove graph endpoint.types if transport set at deployment level"
        yield invalid("spec", "", message, ("spec", "transport"))


def _traffic(spec: DeploymentSpec) -> Iterator[Finding]:
    yield from _shadows(spec)
    live = [predictor for predictor in spec.predictors if not predictor.shadow]
    first_place: Place = ("spec", "predictors", 0, "traffic")
    total = sum(predictor.traffic or 0 for predictor in live)
    if len(live) > 1 and total != 100:
        shares = " + ".join(f"{predictor.name} {predictor.traffic or 0}" for predictor in live)
        message = "Traffic must sum to 100 for multiple predictors"
        yield invalid("spec", spec.predictors[0].name, message, first_place, f"{shares} = {total}")
    if len(live) == len(spec.predictors) == 1 and 0 < total < 100:
        message = "Traffic must sum be 100 for a single predictor when set"
        yield invalid("spec", live[0].name, message, first_place, f"set it to 100 or leave it out; it is {total}")


def _shadows(spec: DeploymentSpec) -> Iterator[Finding]:
    n_shadows = 0
    for i, predictor in enumerate(spec.predictors):
        if not predictor.shadow:
            continue
        n_shadows += 1
        if n_shadows > 1:
            message, place = "Multiple shadows are not allowed", ("spec", "predictors", i, "shadow")
            yield invalid("spec", predictor.name, message, place)
        if not 0 <= (predictor.traffic or 0) <= MAX_SHADOW_TRAFFIC_PERCENT:
            message = "shadow traffic is illegal, the traffic number should be between [0, 100]"
            place = ("spec", "predictors", i, "traffic")
            yield invalid("spec", predictor.name, message, place, f"it is {predictor.traffic}")


_RULES: Final[tuple[Rule, ...]] = (
    _enumerations,
    _kafka,
    _only_shadow,
    _service_names,
    _no_predictors,
    predictors_and_graphs,
    _transports,
    _traffic,
)
"""In the webhook's order, which is the order of its findings."""
