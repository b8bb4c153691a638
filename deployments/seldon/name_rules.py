"""Names that Seldon's admission lets pass and that the API server refuses in what the operator creates. Pure.

What becomes a hash for its length is fine whatever it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployments.seldon.defaults import defaulted
from deployments.seldon.findings import Finding, Place, RefusedBy, go_quoted, written
from deployments.seldon.model import Predictor, SeldonDeployment
from deployments.seldon.names import (
    MAX_CONTAINER_NAME_LENGTH,
    MAX_NAME_LENGTH,
    SERVICE_NAME,
    is_label,
    is_label_key,
    is_label_value,
    is_service_name,
    is_subdomain,
    pod_name,
    predictor_service,
)

_LETTERS = "lower-case letters, digits and -, beginning with a letter and ending with a letter or digit"


def names(deployment: SeldonDeployment) -> Iterator[Finding]:
    for i, (written_predictor, predictor) in enumerate(
        zip(deployment.spec.predictors, defaulted(deployment).spec.predictors, strict=True)
    ):
        place: Place = ("spec", "predictors", i)
        yield from _of_predictor(deployment, predictor, place)
        nodes = {unit.name for unit in predictor.graph.walk()}
        for j, component in enumerate(written_predictor.component_specs):
            for k, container in enumerate(component.spec.containers):
                here = (*place, "componentSpecs", j, "spec", "containers", k, "name")
                yield from _of_container(container.name, container.name in nodes, here)
            yield from _labels(component.metadata.labels, (*place, "componentSpecs", j, "metadata", "labels"))
        yield from _labels(written_predictor.labels, (*place, "labels"))


def _of_predictor(deployment: SeldonDeployment, predictor: Predictor, place: Place) -> Iterator[Finding]:
    service = predictor_service(deployment.name, predictor)
    here = (*place, "annotations", SERVICE_NAME) if SERVICE_NAME in predictor.annotations else (*place, "name")
    if not is_service_name(service):
        advice = f"{_LETTERS}, at most {MAX_NAME_LENGTH} of them, are accepted"
        yield _refused(here, f"{go_quoted(service)} would be its Service's name, and is none", advice)
    elif not _is_named_well(deployment, predictor):
        yield _refused(
            (*place, "name"), "its pods would have no name that Kubernetes takes", f"{_LETTERS} are accepted"
        )
    elif not is_subdomain(f"seldon-{deployment.namespace}-{deployment.name}-{predictor.name}-rest"):
        advice = f"{_LETTERS} are accepted, and shorter names"
        yield _refused((*place, "name"), "its Mapping, for Ambassador v2, would have no name", advice)
    elif predictor.labels["version"] == predictor.name and not is_label_value(predictor.name):
        advice = f"at most {MAX_NAME_LENGTH} characters are accepted"
        yield _refused((*place, "name"), f"{go_quoted(predictor.name)} cannot be its label `version`", advice)


def _is_named_well(deployment: SeldonDeployment, predictor: Predictor) -> bool:
    """Whether its pods' names are names, those apart whose containers' are none: these have a finding of their own."""
    return all(
        is_subdomain(pod_name(deployment.name, predictor.name, j, component))
        for j, component in enumerate(predictor.component_specs)
        if all(is_label(container.name) for container in component.spec.containers)
    )


def _of_container(name: str, is_node: bool, place: Place) -> Iterator[Finding]:
    longest = MAX_CONTAINER_NAME_LENGTH if is_node else MAX_NAME_LENGTH
    if len(name) > longest:
        why = f" for a graph node's, of which Seldon makes the label seldon-app-svc-{name}" if is_node else ""
        yield _refused(place, f"{len(name)} characters are too many{why}", f"at most {longest} are accepted")
    elif not is_label(name):
        advice = "lower-case letters, digits and - are accepted, a letter or digit first and last"
        yield _refused(place, f"{go_quoted(name)} is no name of a container", advice)


def _labels(labels: Mapping[str, str], place: Place) -> Iterator[Finding]:
    for key, value in labels.items():
        if not is_label_key(key) or not is_label_value(value):
            advice = (
                f"letters, digits, -, _ and . are accepted, a letter or digit first and last, at most {MAX_NAME_LENGTH}"
            )
            yield _refused((*place, key), f"{go_quoted(key)}: {go_quoted(value)} is no label", advice)


def _refused(place: Place, message: str, advice: str) -> Finding:
    remedy = f"the API server refuses what Seldon creates of it; {advice}"
    return Finding(written(place), message, place, remedy, RefusedBy.OPERATOR)
