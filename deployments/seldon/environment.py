"""What Seldon's operator tells a graph node's container through its environment, and its ports. Pure.

Measured on Seldon Core 1.17.1, for containers of one's own and for the prepackaged servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from deployments.seldon import servers
from deployments.seldon.defaults import METRICS_PORT_NAME, defaulted
from deployments.seldon.model import Parameter, Predictor, SeldonDeployment, Unit
from deployments.seldon.pods import Container

MODEL_FOLDER: Final = "/mnt/models"
"""Where a pod finds what `modelUri` names."""
METRICS_PATH: Final = "/prometheus"
CERTIFICATE_FOLDER: Final = "/cert/"


def environment(
    deployment: SeldonDeployment, predictor: Predictor, container: Container, model_folder: str = MODEL_FOLDER
) -> dict[str, str]:
    """What the operator adds to the container's own variables, in its order; nothing where it is no graph node's.

    `deployment` is as written; predictor and container are found in it by name, those made by default included.
    A container runs with its own variables and, over them, these. Ports are those of a cluster: unique in a pod.
    `model_folder` is where what `modelUri` names is found, if not where a pod finds it.
    """
    own = {variable.name: variable.value or "" for variable in container.env}
    told = variables(deployment, predictor, container, model_folder)
    return {name: value for name, value in told.items() if name not in own or value != own[name]}


def variables(
    deployment: SeldonDeployment, predictor: Predictor, container: Container, model_folder: str = MODEL_FOLDER
) -> dict[str, str]:
    """All of a container's variables in a pod, its own first; the value is empty where it comes from elsewhere.

    Arguments as of `environment`. One of its own that the operator means to set wipes all that was there before.
    """
    whole = defaulted(deployment)
    predictor = _found(whole.predictor(predictor.name), "predictor", predictor.name)
    container = _found(predictor.container(container.name), "container", container.name)
    told = {variable.name: variable.value or "" for variable in container.env}
    unit = next((unit for unit in predictor.graph.walk() if unit.name == container.name), None)
    if unit is None or unit.endpoint is None:
        return told
    if _is_mlserver(unit, deployment):
        told = _mlserver(unit, whole, model_folder) | told
    told.setdefault("PREDICTIVE_UNIT_SERVICE_PORT", str(unit.endpoint.service_port))  # the one that an author may set
    own = {variable.name for variable in container.env}
    for name, value in _wiping(unit, model_folder).items():
        if name in own and name in told:
            told = {}
        else:
            told[name] = value
    told |= _identity(whole, predictor, container) | _metrics(container)
    if predictor.ssl and predictor.ssl.cert_secret_name:
        told["SELDON_CERT_MOUNT_PATH"] = CERTIFICATE_FOLDER
    if servers.is_prepackaged(unit.implementation) and (deployment.spec.protocol or servers.SELDON) == servers.SELDON:
        model_uri = Parameter(name="model_uri", value=model_folder, type="STRING")
        told["PREDICTIVE_UNIT_PARAMETERS"] = _parameters((*unit.parameters, model_uri))
    return told


def container_ports(deployment: SeldonDeployment, predictor: Predictor, container: Container) -> dict[str, int]:
    """A container's ports in a pod, by name and in order: its own, then those that the operator adds."""
    whole = defaulted(deployment)
    predictor = _found(whole.predictor(predictor.name), "predictor", predictor.name)
    container = _found(predictor.container(container.name), "container", container.name)
    ports = {port.name or str(port.container_port): port.container_port for port in container.ports}
    unit = next((unit for unit in predictor.graph.walk() if unit.name == container.name), None)
    if unit is None or unit.endpoint is None:
        return ports
    numbers = {"http": unit.endpoint.http_port or 0, "grpc": unit.endpoint.grpc_port or 0}
    if _is_mlserver(unit, deployment) or unit.implementation == servers.TRITON_SERVER:
        return {"grpc": numbers["grpc"], "http": numbers["http"]}  # the operator overwrites the list, metrics included
    return ports | numbers


def _is_mlserver(unit: Unit, deployment: SeldonDeployment) -> bool:
    return unit.implementation in servers.MLSERVER_CLASSES and deployment.spec.protocol in servers.V2_PROTOCOLS


def _mlserver(unit: Unit, deployment: SeldonDeployment, model_folder: str) -> dict[str, str]:
    endpoint = _found(unit.endpoint, "endpoint of", unit.name)
    runtime = "tempo.seldon.SeldonKubernetesRuntime"
    options = {"k8s_options": {"defaultRuntime": runtime, "namespace": deployment.namespace}}
    own = {"MLSERVER_PARALLEL_WORKERS": "0", "XDG_CACHE_HOME": "/opt/mlserver"}
    return {
        "MLSERVER_HTTP_PORT": str(endpoint.http_port),
        "MLSERVER_GRPC_PORT": str(endpoint.grpc_port),
        "MLSERVER_MODEL_IMPLEMENTATION": servers.MLSERVER_CLASSES[unit.implementation or ""],
        "MLSERVER_MODEL_NAME": unit.name,
        "MLSERVER_MODEL_VERSION": "v1",
        "MLSERVER_MODEL_URI": model_folder,
        "TEMPO_RUNTIME_OPTIONS": json.dumps(options),
        **(own if unit.implementation == servers.HUGGINGFACE_SERVER else {}),
    }


def _wiping(unit: Unit, model_folder: str) -> dict[str, str]:
    """What the operator means to leave alone where an author set it, and which then wipes all that was there."""
    endpoint = _found(unit.endpoint, "endpoint of", unit.name)
    http_port, grpc_port = str(endpoint.http_port), str(endpoint.grpc_port)
    return {
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": http_port,
        "MLSERVER_HTTP_PORT": http_port,
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": grpc_port,
        "MLSERVER_GRPC_PORT": grpc_port,
        **({"PREDICTIVE_UNIT_PARAMETERS": _parameters(unit.parameters)} if unit.parameters else {}),
        **({"MLSERVER_MODEL_URI": model_folder} if unit.model_uri else {}),
    }


def _identity(deployment: SeldonDeployment, predictor: Predictor, container: Container) -> dict[str, str]:
    return {
        "PREDICTIVE_UNIT_ID": container.name,
        "MLSERVER_MODEL_NAME": container.name,
        "PREDICTIVE_UNIT_IMAGE": container.image or "",
        "PREDICTOR_ID": predictor.name,
        "PREDICTOR_LABELS": _go_json(dict(sorted(predictor.labels.items()))),
        "SELDON_DEPLOYMENT_ID": deployment.name,
        "SELDON_EXECUTOR_ENABLED": "true",
    }


def _metrics(container: Container) -> dict[str, str]:
    port = str(container.port(METRICS_PORT_NAME))
    return {
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": port,
        "PREDICTIVE_UNIT_METRICS_ENDPOINT": METRICS_PATH,
        "MLSERVER_METRICS_PORT": port,
        "MLSERVER_METRICS_ENDPOINT": METRICS_PATH,
    }


def _parameters(parameters: Iterable[Parameter]) -> str:
    return _go_json([{"name": each.name, "value": each.value, "type": each.type} for each in parameters])


def _go_json(value: list[dict[str, str]] | Mapping[str, str]) -> str:
    """JSON as Go writes it: fit to stand in HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _found[T](thing: T | None, kind: str, name: str) -> T:
    if thing is None:
        raise ValueError(f"{kind} {name!r} is none of this deployment's")
    return thing
