"""What Seldon's operator tells a predictor's orchestrator: the predictor, variables, the annotations of its pod. Pure.

Measured on Seldon Core 1.17.1. Left out of the predictor: what no orchestrator reads, such as probes and volumes. And
where the orchestrator has a pod of its own, Seldon tells it neither annotations nor what the components are told; here
it always hears of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deployments.seldon.defaults import SEPARATE_ENGINE, defaulted
from deployments.seldon.environment import MODEL_FOLDER, variables
from deployments.seldon.findings import go_quoted
from deployments.seldon.model import Predictor, SeldonDeployment

ENGINE_ANNOTATION: Final = "seldon.io/engine-"


def engine_predictor(
    deployment: SeldonDeployment, predictor: Predictor, model_folders: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The predictor as ENGINE_PREDICTOR describes it: with defaults, and with what its containers are told.

    `deployment` is as written; the predictor is found in it by name. Ports are those of a cluster. `model_folders`
    are, by node, where models are found if not where a pod finds them.
    """
    whole = next(each for each in defaulted(deployment).spec.predictors if each.name == predictor.name)
    containers = []
    for container in whole.containers():
        folder = (model_folders or {}).get(container.name, MODEL_FOLDER)
        told = variables(deployment, whole, container, folder)
        env = [{"name": name, "value": value} for name, value in told.items()]
        containers.append({"name": container.name, "image": container.image or "", "env": env})
    plain = whole.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    orchestrator = [{"name": each.name, "value": each.value or ""} for each in whole.svc_orch_spec.env]
    return {
        **{key: plain[key] for key in ("name", "annotations", "labels", "graph") if key in plain},
        "componentSpecs": [{"spec": {"containers": containers}}],
        **({"svcOrchSpec": {"env": orchestrator}} if orchestrator else {}),
    }


def engine_variables(deployment: SeldonDeployment, predictor: Predictor) -> dict[str, str]:
    """What else the orchestrator finds in its environment: svcOrchSpec.env, and what annotations of the spec add to it.

    The annotation seldon.io/engine-log-requests is the variable LOG_REQUESTS.
    """
    annotated = {
        key.removeprefix(ENGINE_ANNOTATION).upper().replace("-", "_"): value
        for key, value in deployment.spec.annotations.items()
        if key.startswith(ENGINE_ANNOTATION) and key != SEPARATE_ENGINE
    }
    return annotated | {variable.name: variable.value or "" for variable in predictor.svc_orch_spec.env}


def pod_annotations(deployment: SeldonDeployment, predictor: Predictor) -> dict[str, str]:
    """Those of the pod that the orchestrator runs in: the spec's, the pod's own, the predictor's, the last one wins.

    The deployment's own, in its metadata, never reach a pod.
    """
    pods = [component.metadata.annotations for component in predictor.component_specs[:1]]
    return dict(deployment.spec.annotations) | dict(pods[0] if pods else {}) | dict(predictor.annotations)


def podinfo(annotations: Mapping[str, str]) -> str:
    """The file /etc/podinfo/annotations: a line key="value" for each, sorted, as Kubernetes writes it."""
    return "".join(f"{key}={go_quoted(value)}\n" for key, value in sorted(annotations.items()))
