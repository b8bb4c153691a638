"""Which cluster a kubeconfig names, and with which credentials, by the Kubernetes client's own rules."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from deployments.cluster.errors import NoCluster


def client_of(kubeconfig: Path | None, context: str | None) -> tuple[str, str | None, Any]:
    """The context's name, its namespace (None: it names none) and a client; from a kubeconfig, or within a Pod.

    Errors: NoCluster.
    """
    files = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    there = [file for file in files.split(os.pathsep) if Path(file).is_file()]
    settings = client.Configuration()
    if not there:
        if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _client_within_a_pod(settings)
        raise NoCluster(
            f"there is no kubeconfig at {files}; name one with --kubeconfig, or in KUBECONFIG"
            + ("" if kubeconfig else ", or write one with your cluster's own tool")
        )
    config_file = os.pathsep.join(there)
    contexts, active = _read(lambda: config.list_kube_config_contexts(config_file=config_file), config_file)
    chosen = active if context is None else next((each for each in contexts if each["name"] == context), None)
    if chosen is None:
        names = ", ".join(each["name"] for each in contexts) or "none"
        raise NoCluster(f"{config_file} has no context {context}; it has: {names}")
    _read(
        lambda: config.load_kube_config(config_file, context=chosen["name"], client_configuration=settings), config_file
    )
    return chosen["name"], (chosen.get("context") or {}).get("namespace"), _with(settings)


def _read[T](read: Callable[[], T], config_file: str) -> T:
    try:
        return read()
    except ConfigException as error:
        raise NoCluster(f"{config_file} is no kubeconfig that can be used: {error}") from error
    except Exception as error:  # what a file of another kind makes of the reader has no common name
        raise NoCluster(f"{config_file} is no kubeconfig that can be read: {type(error).__name__}: {error}") from error


def _client_within_a_pod(settings: Any) -> tuple[str, str | None, Any]:
    try:
        config.load_incluster_config(client_configuration=settings)
    except ConfigException as error:
        raise NoCluster(f"there is no kubeconfig, and the Pod's own account cannot be used: {error}") from error
    namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return "in-cluster", namespace.read_text().strip() if namespace.is_file() else None, _with(settings)


def _with(settings: Any) -> Any:
    settings.retries = False  # what was asked may have been done; whoever waits asks again
    if not settings.verify_ssl:
        # The kubeconfig says so; kubectl does not warn of it with each request either.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return client.ApiClient(settings)
