"""Reads what is there: the status of a namespace, and the logs of its containers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from deployments.cluster.connection import RefusedAnswer
from deployments.cluster.describe import described, ready_engines, typed, versions_of, workload_objects
from deployments.cluster.errors import Unreachable
from deployments.cluster.logs import Source, chosen
from deployments.cluster.readiness import ROLLED_OUT_KINDS, all_pods_of
from deployments.cluster.refusals import error_of
from deployments.cluster.view import View


def status(view: View) -> dict[str, Any]:
    """What is there, see `describe`. Errors: NothingApplied, NoSeldon, NotAllowed, Unreachable."""
    applied = view.inventories([view.namespace])
    objects = view.seldon_objects()
    if not applied and not objects["SeldonDeployment"]:
        raise view.nothing_applied()
    versions: dict[tuple[str, str, str], str] = {}
    for deployment, predictor, pod, port in ready_engines(objects):
        with suppress(RefusedAnswer, Unreachable):  # the version is then unknown
            metadata = view.cluster.through_pod(view.namespace, pod, port, "api/v1.0/metadata")
            for node, version in versions_of(metadata).items():
                versions[deployment, predictor, node] = version
    where = {"context": view.cluster.context, "server": view.cluster.server, "namespace": view.namespace}
    return {**where, **described(applied, objects, versions), "not_allowed_to_list": sorted(view.not_allowed_to_list)}


def log_sources(view: View, asked: str | None) -> list[Source]:
    """The containers whose logs are meant.

    Errors: UnknownPod, NothingApplied, NoSeldon, NotAllowed, Unreachable.
    """
    objects = view.seldon_objects()
    found: list[Source] = []
    for live in objects["SeldonDeployment"]:
        deployment = typed(live)
        if deployment is None:
            continue
        for workload, each in workload_objects(deployment, live, objects):
            predictor = deployment.spec.predictors[workload.predictor_index].name
            found += _sources(predictor, all_pods_of(objects, each))
    for inventory in view.inventories([view.namespace]):
        for ref in inventory.objects:
            if ref.kind in ROLLED_OUT_KINDS:
                own = [each for each in objects.get(ref.kind, ()) if each["metadata"]["name"] == ref.name]
                found += [source for each in own for source in _sources(ref.name, all_pods_of(objects, each))]
    if not found:
        raise view.nothing_applied()
    return chosen(found, asked)


def last_lines(view: View, source: Source, lines: int) -> list[str]:
    """Errors: NotAllowed, Unreachable, Refused."""
    if lines == 0:
        return []
    try:
        return view.cluster.log(view.namespace, source.pod, source.container, lines=lines).splitlines()
    except RefusedAnswer as error:
        raise error_of(error.answer, _reading(source), view.cluster.server) from error


def follow(view: View, source: Source, lines: int) -> Iterator[str]:
    """A container's log from `lines` back, until the container ends. Errors: NotAllowed, Unreachable, Refused."""
    try:
        yield from view.cluster.follow(view.namespace, source.pod, source.container, lines=lines)
    except RefusedAnswer as error:
        raise error_of(error.answer, _reading(source), view.cluster.server) from error


def _reading(source: Source) -> str:
    return f"read the log of {source.pod}/{source.container}"


def _sources(program: str, pods: Iterable[Mapping[str, Any]]) -> list[Source]:
    return [
        Source(program, pod["metadata"]["name"], container["name"])
        for pod in pods
        for container in pod["spec"]["containers"]
    ]
