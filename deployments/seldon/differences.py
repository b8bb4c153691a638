"""What a cluster does otherwise than an author may think, or than this machine does: warnings. Pure.

Of gateways and traffic here, of pods in `pod_differences`. Measured on Seldon Core 1.17.1; what Istio and Ambassador do
is by their documentation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from deployments.seldon.findings import Place, Warned, go_quoted
from deployments.seldon.graph_rules import NO_ENGINE
from deployments.seldon.model import SeldonDeployment
from deployments.seldon.operator_rules import HEADER, REGEX_HEADER, looked_up

REST_TIMEOUT: Final = "seldon.io/rest-timeout"
GRPC_TIMEOUT: Final = "seldon.io/grpc-timeout"
ISTIO_HOST: Final = "seldon.io/istio-host"
CONTROLLER_ID: Final = "seldon.io/controller-id"
AMBASSADOR_TIMEOUT_SECONDS: Final = 3


def gateway_differences(deployment: SeldonDeployment) -> Iterator[Warned]:
    yield from _another_operators(deployment)
    yield from _timeouts(deployment)
    yield from _headers(deployment)
    yield from _feedback(deployment)
    yield from _weights(deployment)
    yield from _shadows(deployment)
    yield from _certificates(deployment)


def between_deployments(deployments: Sequence[SeldonDeployment]) -> Iterator[tuple[SeldonDeployment, Warned]]:
    """What concerns several deployments of one cluster: gRPC of one name in two namespaces."""
    by_name: defaultdict[str, list[SeldonDeployment]] = defaultdict(list)
    for deployment in deployments:
        by_name[deployment.name].append(deployment)
    for same in by_name.values():
        namespaces = sorted({deployment.namespace for deployment in same})
        for deployment in same if len(namespaces) > 1 else []:
            message = f"deployments called {deployment.name} stand in the namespaces {', '.join(namespaces)}"
            advice = (
                "Ambassador v2 tells their gRPC apart by the header `seldon` alone, and so mixes them; give "
                "each a name of its own"
            )
            yield deployment, Warned(message, ("metadata", "name"), advice)


def _another_operators(deployment: SeldonDeployment) -> Iterator[Warned]:
    if CONTROLLER_ID in deployment.metadata.labels:
        message = f"the label {CONTROLLER_ID} hands it to another operator"
        advice = "neither Seldon's webhook nor an operator without that id looks at it; remove the label if none has it"
        yield Warned(message, ("metadata", "labels", CONTROLLER_ID), advice)


def _timeouts(deployment: SeldonDeployment) -> Iterator[Warned]:
    rest = looked_up(deployment, REST_TIMEOUT)
    on_predictors: list[Place] = [
        ("spec", "predictors", i, "annotations", key)
        for i, predictor in enumerate(deployment.spec.predictors)
        for key in (REST_TIMEOUT, GRPC_TIMEOUT)
        if key in predictor.annotations and looked_up(deployment, key) is None
    ]
    for place in on_predictors:
        message = "set on the predictor it reaches the pod, and not the gateway"
        yield Warned(message, place, "set it in spec.annotations, which reach both")
    if rest is None:
        message = f"no {REST_TIMEOUT}: Ambassador ends a request after {AMBASSADOR_TIMEOUT_SECONDS} s, Istio never does"
        advice = f'set {REST_TIMEOUT} in spec.annotations, in milliseconds, such as "5000"'
        yield Warned(message, ("spec", "annotations"), advice)
    grpc = looked_up(deployment, GRPC_TIMEOUT)
    if grpc is not None and grpc[0] != (rest[0] if rest else str(AMBASSADOR_TIMEOUT_SECONDS * 1000)):
        message = f"Ambassador v2 takes {REST_TIMEOUT} for gRPC too, and leaves this to the pod"
        yield Warned(message, grpc[1], "set both to the same number")
    for key in (REST_TIMEOUT, GRPC_TIMEOUT):
        if key in deployment.metadata.annotations and key not in deployment.spec.annotations:
            message = "set in the metadata it reaches the gateway, and not the pod"
            yield Warned(message, ("metadata", "annotations", key), "set it in spec.annotations, which reach both")


def _headers(deployment: SeldonDeployment) -> Iterator[Warned]:
    header, regex = looked_up(deployment, HEADER), looked_up(deployment, REGEX_HEADER)
    if header is not None and header[0]:
        if ":" not in header[0]:
            message = f"{go_quoted(header[0])} without a value: any value under Ambassador v2"
            advice = 'under v1 Seldon\'s operator ends in a panic; write "name: value" if the cluster has v1'
            yield Warned(message, header[1], advice)
        yield Warned(
            "header rules are Ambassador's alone: Istio does without them, and sends this deployment no request of "
            "another one's path",
            header[1],
            "under Istio, write a VirtualService of your own under a name of its own",
        )
    if regex is not None and header is not None and ":" in header[0]:
        message = f"the pattern is not looked at: Seldon takes that of {HEADER} in its place"
        yield Warned(message, regex[1], f"write the pattern as {HEADER}")


def _feedback(deployment: SeldonDeployment) -> Iterator[Warned]:
    live = [(i, each) for i, each in enumerate(deployment.spec.predictors) if not each.shadow and each.traffic]
    if len(live) > 1:
        shares = ", ".join(f"{each.name} {each.traffic}" for _, each in live)
        message = f"feedback is split by weight ({shares}), whichever predictor had answered"
        advice = "credit a reward to the predictor in the answer's meta.tags, not to the one that receives it"
        yield Warned(message, ("spec", "predictors", live[1][0], "traffic"), advice)


def _weights(deployment: SeldonDeployment) -> Iterator[Warned]:
    live = [(i, each) for i, each in enumerate(deployment.spec.predictors) if not each.shadow]
    later_without = [i for i, each in live if i > 0 and not each.traffic]
    weighted = [i for i, each in live if i > 0 and each.traffic]
    if later_without and not weighted:
        message = "Ambassador v1 leaves a weight of 0 out, and then shares evenly among those without one"
        advice = "under v1 put the predictor without traffic first, or leave it out"
        yield Warned(message, ("spec", "predictors", later_without[0], "traffic"), advice)
    for i, each in live:
        if not 0 <= (each.traffic or 0) <= 100:
            message = f"{each.traffic} is no percentage; Seldon hands it to the gateway as it stands"
            yield Warned(message, ("spec", "predictors", i, "traffic"), "write 0 to 100")


def _shadows(deployment: SeldonDeployment) -> Iterator[Warned]:
    for i, each in enumerate(deployment.spec.predictors):
        if each.shadow and not each.traffic:
            message = "a shadow without a share gets a copy of every request from Istio, and of none from Ambassador v2"
            yield Warned(
                message, ("spec", "predictors", i, "shadow"), "set traffic to the percent that is to be copied"
            )


def _certificates(deployment: SeldonDeployment) -> Iterator[Warned]:
    for i, each in enumerate(deployment.spec.predictors):
        if each.ssl and each.ssl.cert_secret_name:
            message = "Ambassador v2's routes name a TLSContext that Seldon does not create"
            yield Warned(message, ("spec", "predictors", i, "ssl"), "create it yourself, or let a mesh encrypt")
        if NO_ENGINE in each.annotations and each.annotations[NO_ENGINE].lower() != "true":
            message = f"{go_quoted(each.annotations[NO_ENGINE])}: admission goes by its presence, the operator by true"
            yield Warned(message, ("spec", "predictors", i, "annotations", NO_ENGINE), 'write "true" or remove it')
    if NO_ENGINE in deployment.spec.annotations:
        message = "of the spec it does nothing; it is read on a predictor"
        yield Warned(message, ("spec", "annotations", NO_ENGINE), "move it to the predictor's annotations")
    host = looked_up(deployment, ISTIO_HOST)
    if host is not None and "," in host[0]:
        message = f"{go_quoted(host[0])} is one host for Seldon Core 1.17, and several from 1.18 on"
        yield Warned(message, host[1], "name one host")
