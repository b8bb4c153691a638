"""The way to a cluster's API server: credentials and TLS are the Kubernetes client's, objects are plain data.

Discovery is ours: that client's own writes a cache into the machine's folder for
temporary files, or asks for every group there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client

from deployments.cluster.errors import UnknownKind, Unreachable
from deployments.cluster.kubeconfig import client_of
from deployments.cluster.manifests import Manifest, Ref
from deployments.cluster.refusals import Answer, error_of, no_seldon
from deployments.errors import DeploymentsError
from deployments.seldon.model import GROUP

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
FIELD_MANAGER: Final = "forkcast"
APPLY: Final = "application/apply-patch+yaml"


class NotFound(Exception):
    """The API server has no such object."""


class RefusedAnswer(Exception):
    """The API server said no; the caller knows what it was asked, and so what to say."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True)
class Resource:
    """How the objects of a kind are addressed."""

    path: str
    """Such as /apis/apps/v1."""
    plural: str
    is_namespaced: bool

    def url(self, namespace: str, name: str = "") -> str:
        within = f"/namespaces/{quote(namespace)}" if self.is_namespaced and namespace else ""
        return f"{self.path}{within}/{self.plural}" + (f"/{quote(name)}" if name else "")


class Connection:
    """One API server. A context manager; `server` is its address, `context` the name that the kubeconfig gives it."""

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        """Errors: NoCluster."""
        self.context, self.default_namespace, self._client = client_of(kubeconfig, context)
        self.server: str = self._client.configuration.host
        self._resources: dict[str, dict[str, Resource]] = {}
        self.server_time = datetime.now(UTC)
        """By the server's clock; that of the last answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """How a kind is addressed; None if the cluster does not know it. Errors: Unreachable, NotAllowed."""
        if api_version not in self._resources:
            path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                found = self._json("GET", path)
            except RefusedAnswer as error:
                if error.answer.status != 404:
                    raise error_of(error.answer, f"tell which kinds {api_version} has", self.server) from error
                return None  # not to be remembered: a CRD may come
            self._resources[api_version] = {
                each["kind"]: Resource(path, each["name"], each["namespaced"])
                for each in found["resources"]
                if "/" not in each["name"]
            }
        return self._resources[api_version].get(kind)

    def required(self, manifest: Manifest) -> Resource:
        """Errors: NoSeldon, UnknownKind."""
        found = self.resource(manifest.ref.api_version, manifest.ref.kind)
        if found is not None:
            return found
        if manifest.ref.api_version.partition("/")[0] == GROUP:
            raise no_seldon(self.server)
        raise UnknownKind(
            f"{manifest.where(('kind',))}: {self.server} knows no kind {manifest.ref.kind} in "
            f"{manifest.ref.api_version}; install what brings it first, or leave the document out; nothing was changed"
        )

    def apply(
        self, resource: Resource, ref: Ref, body: Mapping[str, Any], *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Server-side apply, as the field manager `forkcast`; the object as stored.

        Errors: RefusedAnswer, Unreachable.
        """
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        stored: dict[str, Any] = self._json("PATCH", resource.url(ref.namespace, ref.name), query, dict(body))
        return stored

    def get(self, resource: Resource, ref: Ref) -> dict[str, Any]:
        """Errors: NotFound, Unreachable, NotAllowed."""
        try:
            found: dict[str, Any] = self._json("GET", resource.url(ref.namespace, ref.name))
        except RefusedAnswer as error:
            if error.answer.status == 404:
                raise NotFound from error
            raise error_of(error.answer, f"read {ref}", self.server) from error
        return found

    def list(self, api_version: str, kind: str, namespace: str, label: str = "") -> list[dict[str, Any]]:
        """All objects of a kind in a namespace, or with "" in all; empty where the cluster does not know the kind.

        Errors: Unreachable, NotAllowed.
        """
        resource = self.resource(api_version, kind)
        if resource is None:
            return []
        try:
            found = self._json("GET", resource.url(namespace), {"labelSelector": label} if label else {})
        except RefusedAnswer as error:
            where = f"in {namespace}" if namespace else "in all namespaces"
            raise error_of(error.answer, f"list {resource.plural} {where}", self.server) from error
        return [{"apiVersion": api_version, "kind": kind, **each} for each in found.get("items") or []]

    def delete(self, resource: Resource, ref: Ref, uid: str) -> None:
        """Delete that very object, and then, in the background, what belongs to it; nothing if it is gone already.

        Errors: Unreachable, NotAllowed.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            self._json("DELETE", resource.url(ref.namespace, ref.name), {}, body, "application/json")
        except RefusedAnswer as error:
            if error.answer.status not in {404, 409}:  # gone, or another object of that name has come
                raise error_of(error.answer, f"delete {ref}", self.server) from error

    def log(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines of a container's log. Errors: RefusedAnswer, Unreachable."""
        query = {"container": container, "tailLines": str(lines), "previous": str(previous).lower()}
        return self._request("GET", f"{_pod(namespace, pod)}/log", query).decode(errors="replace")

    def follow(self, namespace: str, pod: str, container: str, *, lines: int) -> Iterator[str]:
        """A container's log from `lines` back, line by line, until the container ends.

        Errors: RefusedAnswer, Unreachable.
        """
        query = {"container": container, "tailLines": str(lines), "follow": "true"}
        with self._answer("GET", f"{_pod(namespace, pod)}/log", query, read_seconds=None) as response:
            unfinished = b""
            for piece in response.stream(2**16, decode_content=True):
                *whole, unfinished = (unfinished + piece).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
            if unfinished:
                yield unfinished.decode(errors="replace")

    def through_pod(self, namespace: str, pod: str, port: int, path: str) -> Any:
        """What a Pod answers to a GET, through the API server's proxy. Errors: RefusedAnswer, Unreachable."""
        return self._json("GET", f"{_pod(namespace, f'{pod}:{port}')}/proxy/{path}")

    def text_through_pod(self, namespace: str, pod: str, port: int, path: str) -> str:
        """The same, as text. Errors: RefusedAnswer, Unreachable."""
        return self._request("GET", f"{_pod(namespace, f'{pod}:{port}')}/proxy/{path}", {}).decode(errors="replace")

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = APPLY,
    ) -> Any:
        text = self._request(method, path, query or {}, body, content_type)
        try:
            return json.loads(text)
        except ValueError as error:
            shown = text[:100].decode(errors="replace")
            raise Unreachable(
                f"{self.server}{path} answered with something that is no JSON ({shown!r}); is that address an API "
                "server's?"
            ) from error

    def _request(
        self, method: str, path: str, query: Mapping[str, str], body: Any = None, content_type: str = APPLY
    ) -> bytes:
        with self._answer(method, path, query, body=body, content_type=content_type) as response:
            return bytes(response.data)

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: Any = None,
        content_type: str = APPLY,
        read_seconds: float | None = ANSWER_SECONDS,
    ) -> Iterator[urllib3.HTTPResponse]:
        headers = {"Accept": "application/json, */*"}
        if body is not None:
            headers["Content-Type"] = content_type
        request = self._client.param_serialize(
            method,
            f"{path}?{urlencode(query)}" if query else path,
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._client.call_api(*request, _request_timeout=(CONNECT_SECONDS, read_seconds)).response
        except (urllib3.exceptions.HTTPError, OSError, client.ApiException) as error:
            raise self._unreachable(error) from error
        try:
            if response.headers.get("Date"):
                self.server_time = parsedate_to_datetime(response.headers["Date"])
            if not 200 <= response.status < 300:
                raise RefusedAnswer(_answer_of(response.status, response.data))
            yield response
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        finally:
            response.release_conn()

    def _unreachable(self, error: Exception) -> DeploymentsError:
        reason = getattr(error, "reason", None) or error
        return Unreachable(
            f"{self.server} does not answer: {reason}; look whether the cluster is up and whether the context is the "
            f"right one (`kubectl --context {self.context} version`)"
        )


def _answer_of(status: int, data: bytes) -> Answer:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    return Answer(status, body if isinstance(body, dict) else {"message": data[:500].decode(errors="replace")})


def _pod(namespace: str, pod: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod, safe=':')}"
