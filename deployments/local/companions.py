"""What an overlay brings beside its SeldonDeployments, and what becomes of that on this machine. Pure.

A Service in front of a Deployment or StatefulSet of Valkey (or Redis, which speaks the same) becomes a Valkey here, and
its address in a component's parameters and variables becomes that one's. No other workload is run here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deployments.seldon import DEFAULT_NAMESPACE, documents

WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
IMAGES_OF_A_STORE: Final = ("valkey", "redis")


@dataclass(frozen=True)
class Store:
    """A Valkey, by the Service under which components know it."""

    service: str
    namespace: str
    port: int

    @property
    def key(self) -> str:
        return f"{self.namespace}.{self.service}"

    def at(self, socket: Path, text: str) -> str:
        """`text` with this store's redis:// addresses turned into that of the socket."""
        short, domain = f"{self.service}.{self.namespace}", "svc.cluster.local"
        names = "|".join(re.escape(name) for name in (f"{short}.{domain}", f"{short}.svc", short, self.service))
        port = f":{self.port}" if self.port != 6379 else "(?::6379)?"  # the protocol's own may be left out
        address = re.compile(rf"redis://(?:{names}){port}(?![\w.:-])(?:/(?P<database>\d+))?")
        return address.sub(lambda found: f"unix://{socket}?db={found['database'] or 0}", text)


@dataclass(frozen=True)
class Companions:
    stores: tuple[Store, ...] = ()
    not_run: tuple[str, ...] = ()
    """What a cluster would run and this machine does not, as text."""


def companions(text: str, source: str) -> Companions:
    """What the documents of `text` bring beside SeldonDeployments. Errors: InvalidDeployment where it is no YAML."""
    found = [document.content for document in documents(text, source) if isinstance(document.content, dict)]
    workloads = [content for content in found if content.get("kind") in WORKLOADS]
    stores = [
        Store(_name(service), _namespace(service), port)
        for service in found
        if service.get("kind") == "Service" and any(_is_store(each) and _selects(service, each) for each in workloads)
        for port in _ports(service)
    ]
    others = [f"{each['kind']} {_name(each)}" for each in workloads if not _is_store(each)]
    return Companions(tuple(stores), tuple(others))


def _name(content: Mapping[str, Any]) -> str:
    return str((content.get("metadata") or {}).get("name", ""))


def _namespace(content: Mapping[str, Any]) -> str:
    return str((content.get("metadata") or {}).get("namespace") or DEFAULT_NAMESPACE)


def _template(workload: Mapping[str, Any]) -> Mapping[str, Any]:
    template = (workload.get("spec") or {}).get("template")
    return template if isinstance(template, dict) else {}


def _is_store(workload: Mapping[str, Any]) -> bool:
    """By the name of its image alone: valkey/valkey:9.1-alpine, redis, registry.example:5000/cache/redis@sha256:..."""
    containers: Sequence[Mapping[str, Any]] = (_template(workload).get("spec") or {}).get("containers") or ()
    images = [str(container.get("image", "")).rpartition("/")[2] for container in containers]
    return any(re.split("[:@]", image)[0] in IMAGES_OF_A_STORE for image in images)


def _selects(service: Mapping[str, Any], workload: Mapping[str, Any]) -> bool:
    selector = (service.get("spec") or {}).get("selector") or {}
    labels = (_template(workload).get("metadata") or {}).get("labels") or {}
    same_namespace = _namespace(service) == _namespace(workload)
    return same_namespace and bool(selector) and selector.items() <= labels.items()


def _ports(service: Mapping[str, Any]) -> Iterator[int]:
    yield from (each["port"] for each in service["spec"].get("ports") or () if isinstance(each.get("port"), int))
