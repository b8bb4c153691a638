"""The names of what Seldon's operator creates, and what Kubernetes lets a name be. Pure.

Measured on Seldon Core 1.17.1: a name that would be too long becomes a hash; one with a wrong character does not.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from deployments.seldon.model import ComponentSpec, Predictor

SERVICE_NAME: Final = "seldon.io/svc-name"
MAX_NAME_LENGTH: Final = 63
"""Characters of a Kubernetes label's value, and so of the names of what the operator creates."""
MAX_CONTAINER_NAME_LENGTH: Final = 48
"""Of a graph node's container: the operator makes a label of it, and this is what `seldon-app-svc-` leaves of 63."""

_SERVICE: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_KEY: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")


def predictor_service(deployment: str, predictor: Predictor) -> str:
    """The Service that a gateway sends a predictor's requests to; named by an annotation, it is taken as it stands."""
    return predictor.annotations.get(SERVICE_NAME) or short_name(f"{deployment}-{predictor.name}")


def container_service(deployment: str, predictor: str, container: str) -> str:
    """The Service of a graph node's container."""
    return short_name(f"{deployment}-{predictor}-{container}")


def pod_name(deployment: str, predictor: str, index: int, component: ComponentSpec, *, as_prefix: bool = False) -> str:
    """The Kubernetes Deployment of a componentSpec, whose containers are those with the defaults.

    `as_prefix` is the operator's DEPLOYMENT_NAME_AS_PREFIX: a hash then follows the deployment's name.
    """
    own = component.metadata.name or "-".join(container.name for container in component.spec.containers)
    return short_name(f"{deployment}-{predictor}-{index}-{own}", deployment if as_prefix else "seldon")


def is_service_name(name: str) -> bool:
    """Of a Service: a DNS-1035 label."""
    return len(name) <= MAX_NAME_LENGTH and _SERVICE.fullmatch(name) is not None


def is_label(name: str) -> bool:
    """Of a container: an RFC 1123 label."""
    return len(name) <= MAX_NAME_LENGTH and _LABEL.fullmatch(name) is not None


def is_subdomain(name: str) -> bool:
    """Of most objects: RFC 1123 labels with dots between them."""
    return len(name) <= 253 and all(_LABEL.fullmatch(part) for part in name.split("."))


def is_label_key(text: str) -> bool:
    return len(text.rpartition("/")[2]) <= MAX_NAME_LENGTH and _LABEL_KEY.fullmatch(text) is not None


def is_label_value(text: str) -> bool:
    return not text or (len(text) <= MAX_NAME_LENGTH and _LABEL_VALUE.fullmatch(text) is not None)


def short_name(name: str, prefix: str = "seldon") -> str:
    """The name, or a hash of it where it is too long."""
    if len(name) <= MAX_NAME_LENGTH:
        return name
    return f"{prefix}-{hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()}"
