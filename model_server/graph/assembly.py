"""From settings and users' objects to components and a walk over them: who answers for which node. Of one worker."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from model_server.graph import duties
from model_server.graph.cloud_events import Source
from model_server.graph.components import Component
from model_server.graph.components.http_client import HttpClient
from model_server.graph.components.in_process import InProcess
from model_server.graph.observing import Observe, Observer, Tell
from model_server.graph.predictor import ROUTING_INJECTION, Node, Predictor
from model_server.graph.request_log import RequestLog
from model_server.graph.settings import Settings
from model_server.graph.telemetry import Telemetry
from model_server.graph.user_objects import identity_of
from model_server.graph.walk import Walk
from model_server.graph.wrapper.calls import Wrapped
from model_server.graph.wrapper.identity import Identity

if TYPE_CHECKING:
    from model_server.graph.tracing import Tracing

LOG_GRACE_SECONDS: Final = 2.0
"""For what is left in the request log when the last request has been answered."""


class Assembly:
    """The components of a worker, open inside the event loop that serves. Used as an async context manager."""

    def __init__(
        self,
        settings: Settings,
        user_objects: Mapping[str, Any],
        telemetry: Telemetry,
        tracing: Tracing | None = None,
    ) -> None:
        """`user_objects`: by the name of the node. `tracing`: where calls are to be told in spans."""
        self._settings = settings
        self._telemetry = telemetry
        self._tracing = tracing
        self._client = HttpClient()
        self._log: RequestLog | None = None
        self.in_process: list[InProcess] = []
        self._observed: list[tuple[str, Observe, Tell]] = []
        self.observer = Observer(self._observed, telemetry.used)
        """Runs while the components are open, and is to be stopped by whoever knows that none of them is stuck."""
        self.components: dict[str, Component] = {}
        predictor = settings.predictor
        if predictor is None:
            ((name, user_object),) = user_objects.items()
            self.components[name] = self._in_process(name, user_object, Identity.from_environ(os.environ))
            return
        for node in predictor.graph.walk():
            if node.name in user_objects:
                identity = identity_of(node, predictor, settings.deployment)
                self.components[node.name] = self._in_process(node.name, user_objects[node.name], identity)
            elif duties.has_component(node):
                self.components[node.name] = self._remote(node)

    def walk(self, predictor: Predictor, chance: Callable[[], float]) -> Walk:
        """Errors: InvalidPredictor."""
        settings = self._settings
        logged = any(node.logger is not None for node in predictor.graph.walk())
        if logged:
            self._log = RequestLog(
                self._client,
                settings.log_default_url,
                Source(settings.deployment, settings.namespace, predictor.name, settings.http_port),
                on_dropped=self._telemetry.event_dropped,
                queue_length=settings.log_queue_length,
            )
            self._log.start()
        return Walk(
            predictor.graph,
            self.components,
            chance=chance,
            injects_routing=bool(
                os.environ.get(ROUTING_INJECTION) or predictor.orchestrator_environment.get(ROUTING_INJECTION)
            ),
            tell=self._log.tell if self._log else lambda *_: None,
            on_unrouted_feedback=self._telemetry.feedback_without_routing,
        )

    async def __aenter__(self) -> Self:
        self.observer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log is not None:
            await self._log.close(LOG_GRACE_SECONDS)
        for component in self.components.values():
            await component.close()
        await self._client.close()

    def _remote(self, node: Node) -> Component:
        from model_server.graph.components.remote import RemoteComponent  # noqa: PLC0415 -- grpcio: 11 MB, 0.1 s

        settings = self._settings
        remote = RemoteComponent(
            node,
            self._client,
            rest_timeout_seconds=settings.rest_timeout_seconds,
            grpc_timeout_seconds=settings.grpc_timeout_seconds,
            on_call=partial(self._telemetry.called, node.name, node.image),
        )
        if self._tracing is None:
            return remote
        from model_server.graph.components.traced import TracedRemote  # noqa: PLC0415 -- it needs OpenTelemetry

        return TracedRemote(remote, node.name, self._tracing)

    def _in_process(self, name: str, user_object: Any, identity: Identity) -> InProcess:
        wrapped = Wrapped(
            user_object,
            identity,
            on_metrics=partial(self._telemetry.told_by, identity),
            on_reward=partial(self._telemetry.rewarded, identity),
            includes_metrics_in_answers=self._settings.includes_metrics_in_answers,
        )
        component = self._made(name, identity.image, wrapped)
        self.in_process.append(component)
        if callable(observe := getattr(type(user_object), "observed_metrics", None)):
            tell = partial(self._telemetry.observed_by, identity)
            self._observed.append((name, partial(observe, user_object), tell))
        return component

    def _made(self, name: str, image: str, wrapped: Wrapped) -> InProcess:
        if self._tracing is None:
            return InProcess(name, image, wrapped, self._telemetry, self._settings)
        from model_server.graph.components.traced import TracedInProcess  # noqa: PLC0415 -- it needs OpenTelemetry

        return TracedInProcess(name, image, wrapped, self._telemetry, self._settings, self._tracing)
