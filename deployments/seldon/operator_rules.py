"""What Seldon's admission lets pass and its operator then fails on: an error tried again for ever, or a panic. Pure.

Nothing of the deployment runs then, or not all of it. Measured on Seldon Core 1.17.1 with Ambassador and Istio on;
where a gateway is off, its annotations are not looked at. Names stand in `name_rules`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from deployments.seldon import servers
from deployments.seldon.defaults import SEPARATE_ENGINE, defaulted, has_separate_engine
from deployments.seldon.findings import Finding, Place, RefusedBy, go_quoted, written
from deployments.seldon.graph_rules import has_engine
from deployments.seldon.model import Predictor, SeldonDeployment, Unit
from deployments.seldon.name_rules import names

HEADER: Final = "seldon.io/ambassador-header"
REGEX_HEADER: Final = "seldon.io/ambassador-regex-header"

GATEWAY_NUMBERS: Final[Mapping[str, str]] = {
    "seldon.io/rest-timeout": "milliseconds",
    "seldon.io/grpc-timeout": "milliseconds",
    "seldon.io/istio-retries": "attempts",
    "seldon.io/istio-retries-timeout": "seconds",
    "seldon.io/ambassador-retries": "attempts",
    "seldon.io/ambassador-circuit-breakers-max-connections": "connections",
    "seldon.io/ambassador-circuit-breakers-max-pending-requests": "requests",
    "seldon.io/ambassador-circuit-breakers-max-requests": "requests",
    "seldon.io/ambassador-circuit-breakers-max-retries": "retries",
}
"""Annotations of the spec or the metadata that the operator reads as a whole number, with their units."""

EXPLAINERS: Final = (
    "AnchorTabular",
    "AnchorImages",
    "AnchorText",
    "Counterfactuals",
    "Contrastive",
    "KernelShap",
    "IntegratedGradients",
    "ALE",
    "TreeShap",
)


def operator_findings(deployment: SeldonDeployment) -> Iterator[Finding]:
    yield from _gateway_numbers(deployment)
    yield from _headers(deployment)
    for i, predictor in enumerate(deployment.spec.predictors):
        place: Place = ("spec", "predictors", i)
        yield from _unknown_servers(predictor.graph, predictor, (*place, "graph"))
        yield from _explainer(predictor, deployment.spec.protocol, (*place, "explainer", "type"))
        yield from _repeated_in_a_pod(predictor, place)
    yield from names(deployment)
    # Of its defaults, so that a node's container is looked for where the operator will have put it.
    for i, predictor in enumerate(defaulted(deployment).spec.predictors):
        yield from _certificates(predictor, ("spec", "predictors", i, "ssl"))


def consequences(deployment: SeldonDeployment) -> Iterator[Finding]:
    """What is often a mere consequence of another finding, and worth a word only where there is none."""
    yield from _engines_without_place(deployment)
    yield from _without_image(deployment)


def is_go_integer(text: str) -> bool:
    """Whether Go reads it as a whole number of 64 bits."""
    return re.fullmatch(r"[+-]?[0-9]+", text) is not None and -(2**63) <= int(text) < 2**63


def looked_up(deployment: SeldonDeployment, annotation: str) -> tuple[str, Place] | None:
    """An annotation as the operator looks it up, the spec's before the metadata's, and where it stands."""
    for texts, place in (
        (deployment.spec.annotations, ("spec", "annotations", annotation)),
        (deployment.metadata.annotations, ("metadata", "annotations", annotation)),
    ):
        if annotation in texts:
            return texts[annotation], place
    return None


def _gateway_numbers(deployment: SeldonDeployment) -> Iterator[Finding]:
    for annotation, unit in GATEWAY_NUMBERS.items():
        found = looked_up(deployment, annotation)
        if found is None or is_go_integer(found[0]) or (not found[0] and "circuit-breakers" in annotation):
            continue
        advice = 'Seldon admits it and then creates nothing; write digits alone, in quotes, such as "5000"'
        yield _fails(found[1], f"{go_quoted(found[0])} is no whole number of {unit}", advice)


def _headers(deployment: SeldonDeployment) -> Iterator[Finding]:
    header, regex = looked_up(deployment, HEADER), looked_up(deployment, REGEX_HEADER)
    parts = header[0].split(":") if header and header[0] else []
    if header and len(parts) > 2:
        message = f'{go_quoted(header[0])} holds more than one ":"'
        advice = 'Seldon takes one pair, "name: value", whose value holds no ":", and creates nothing for more'
        yield _fails(header[1], message, advice)
    elif regex and regex[0] and len(parts) < 2:
        message = f'{HEADER} with a pair "name: value" does not stand beside it'
        advice = (
            f"Seldon's operator reads the pattern from there and ends in a panic, again after each restart, for every "
            f"SeldonDeployment of the cluster; write the pattern as {HEADER} as well, or remove both"
        )
        yield _fails(regex[1], message, advice)


def _unknown_servers(unit: Unit, predictor: Predictor, place: Place) -> Iterator[Finding]:
    container = predictor.container(unit.name)
    # Without an image of its own it is Seldon's finding already.
    has_image = container is not None and container.image
    if servers.is_prepackaged(unit.implementation) and unit.implementation not in servers.IMAGES and has_image:
        message = f"{go_quoted(unit.implementation or '')} is no prepackaged server"
        advice = f"Seldon admits it and then creates nothing; known: {', '.join(servers.IMAGES)}"
        yield _fails((*place, "implementation"), message, advice)
    for i, child in enumerate(unit.children):
        yield from _unknown_servers(child, predictor, (*place, "children", i))


def _explainer(predictor: Predictor, protocol: str | None, place: Place) -> Iterator[Finding]:
    kind = predictor.explainer.type if predictor.explainer else None
    if kind and kind not in EXPLAINERS and protocol in servers.V2_PROTOCOLS:
        advice = f"Seldon admits it and then creates nothing; known: {', '.join(EXPLAINERS)}"
        yield _fails(place, f"{go_quoted(kind)} is no type of explainer", advice)


def _repeated_in_a_pod(predictor: Predictor, place: Place) -> Iterator[Finding]:
    for j, component in enumerate(predictor.component_specs):
        seen = Counter[str]()
        for k, container in enumerate(component.spec.containers):
            seen[container.name] += 1
            if seen[container.name] == 2:
                here = (*place, "componentSpecs", j, "spec", "containers", k, "name")
                message = f"two containers of the pod are called {container.name}"
                yield _fails(here, message, "the API server refuses the pod that Seldon creates; rename one")


def _certificates(predictor: Predictor, place: Place) -> Iterator[Finding]:
    root = predictor.graph.name
    if predictor.ssl and predictor.ssl.cert_secret_name and predictor.container(root) is None:
        message = f"the root of the graph, {root}, has no container to mount the certificate in"
        advice = (
            "Seldon's operator ends in a panic, again after each restart, for every SeldonDeployment of the cluster; "
            "put a node with a container at the root, or remove ssl"
        )
        yield _fails(place, message, advice)


def _engines_without_place(deployment: SeldonDeployment) -> Iterator[Finding]:
    if has_separate_engine(deployment):
        return
    for i, predictor in enumerate(defaulted(deployment).spec.predictors):
        if not has_engine(predictor):
            continue  # none is to be placed
        hosts = {unit.endpoint.service_host for unit in predictor.graph.walk() if unit.endpoint is not None}
        if "localhost" not in hosts:
            message = "no graph node runs in the first componentSpec, where Seldon puts its orchestrator"
            repeated = [n for n, times in Counter(each.name for each in predictor.containers()).items() if times > 1]
            because = f" (the last container called {repeated[0]} counts, in a later one)" if repeated else ""
            advice = (
                "Seldon admits it and then creates nothing; put the container of a graph node there, or set the "
                f'annotation {SEPARATE_ENGINE} of the spec to "true"'
            )
            yield _fails(("spec", "predictors", i, "componentSpecs", 0), message + because, advice)


def _without_image(deployment: SeldonDeployment) -> Iterator[Finding]:
    protocol = deployment.spec.protocol
    for i, predictor in enumerate(defaulted(deployment).spec.predictors):
        nodes = {unit.name: unit for unit in reversed(list(predictor.graph.walk()))}
        for j, component in enumerate(predictor.component_specs):
            for k, container in enumerate(component.spec.containers):
                node = nodes.get(container.name)
                # The one image that the operator knows only later.
                late = node and node.implementation == servers.TENSORFLOW_SERVER and protocol == servers.TENSORFLOW
                if container.image or late:
                    continue
                if node and servers.is_prepackaged(node.implementation):
                    message = f"{node.implementation} has no image for protocol {protocol or servers.SELDON}"
                    place: Place = ("spec", "predictors", i, "graph")
                    advice = f"it has one for {', '.join(servers.IMAGES.get(node.implementation or '', {}))}"
                else:
                    message = f"the container {container.name} has no image"
                    place = ("spec", "predictors", i, "componentSpecs", j, "spec", "containers", k)
                    advice = "name one"
                yield _fails(place, message, f"the API server refuses the pod that Seldon creates; {advice}")


def _fails(place: Place, message: str, advice: str) -> Finding:
    return Finding(written(place), message, place, advice, RefusedBy.OPERATOR)
