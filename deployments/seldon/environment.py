"""What Seldon's operator tells a graph node's container through its environment. Pure.

Measured on Seldon Core 1.17.1, for containers of one's own and for the prepackaged servers of the seldon protocol.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from deployments.errors import CallersFault
from deployments.seldon import servers
from deployments.seldon.defaults import METRICS_PORT_NAME, defaulted
from deployments.seldon.model import Parameter, Predictor, SeldonDeployment, Unit
from deployments.seldon.pods import Container

MODEL_FOLDER: Final = "/mnt/models"
"""Where a pod finds what `modelUri` names."""
METRICS_PATH: Final = "/prometheus"
CERTIFICATE_FOLDER: Final = "/cert/"


class ForeignServer(CallersFault):
    """A prepackaged server of another protocol than Seldon's; what it is told is not known here."""


def environment(
    deployment: SeldonDeployment, predictor: Predictor, container: Container, model_folder: str = MODEL_FOLDER
) -> dict[str, str]:
    """What the operator adds to the container's own variables, in its order; nothing where it is no graph node's.

    `deployment` is as written; predictor and container are found in it by name, those made by default included.
    A container runs with its own variables and, over them, these. Ports are those of a cluster: unique in a pod.
    `model_folder` is where what `modelUri` names is found, if not where a pod finds it.
    Errors: ForeignServer for a prepackaged server under protocol v2, kfserving or tensorflow.
    """
    whole = defaulted(deployment)
    predictor = _found(whole.predictor(predictor.name), "predictor", predictor.name)
    container = _found(predictor.container(container.name), "container", container.name)
    unit = next((unit for unit in predictor.graph.walk() if unit.name == container.name), None)
    if unit is None or unit.endpoint is None:
        return {}
    prepackaged = servers.is_prepackaged(unit.implementation)
    if prepackaged and deployment.spec.protocol not in {None, "", servers.SELDON}:
        raise ForeignServer(
            f'spec.protocol is {deployment.spec.protocol}, under which {unit.implementation} (node "{unit.name}" of '
            f'predictor "{predictor.name}") is no server of Seldon\'s own; protocol seldon is accepted'
        )
    own = {variable.name for variable in container.env}
    model_uri = Parameter(name="model_uri", value=model_folder, type="STRING")
    return {
        **_ports(unit, own),
        **({"PREDICTIVE_UNIT_PARAMETERS": _parameters(unit.parameters)} if unit.parameters else {}),
        **({"MLSERVER_MODEL_URI": model_folder} if unit.model_uri else {}),
        **_identity(whole, predictor, container),
        **_metrics(container),
        **({"SELDON_CERT_MOUNT_PATH": CERTIFICATE_FOLDER} if predictor.ssl and predictor.ssl.cert_secret_name else {}),
        **({"PREDICTIVE_UNIT_PARAMETERS": _parameters((*unit.parameters, model_uri))} if prepackaged else {}),
    }


def _ports(unit: Unit, own: set[str]) -> dict[str, str]:
    endpoint = unit.endpoint
    if endpoint is None:
        return {}
    http_port, grpc_port = str(endpoint.http_port), str(endpoint.grpc_port)
    # The one that an author may set: what is there already stays.
    first = (
        {} if "PREDICTIVE_UNIT_SERVICE_PORT" in own else {"PREDICTIVE_UNIT_SERVICE_PORT": str(endpoint.service_port)}
    )
    return {
        **first,
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": http_port,
        "MLSERVER_HTTP_PORT": http_port,
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": grpc_port,
        "MLSERVER_GRPC_PORT": grpc_port,
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
