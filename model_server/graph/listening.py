"""The sockets of a server: bound by the parent, not yet listening, handed on to the workers by forking.

Nobody can connect before a worker has loaded its components and listens; what connects later waits for whichever worker
takes it, also while one is replaced.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from model_server.errors import ModelServerError
from model_server.graph.settings import Settings


class PortTaken(ModelServerError):
    """Another program listens there."""


@dataclass(frozen=True)
class Doors:
    http: socket.socket
    metrics: socket.socket | None
    grpc: socket.socket | None
    """Workers bind sockets of their own beside it (SO_REUSEPORT); this one keeps the port while there is no worker."""

    def close(self) -> None:
        for each in (self.http, self.metrics, self.grpc):
            if each is not None:
                each.close()


@contextmanager
def opened(settings: Settings) -> Iterator[Doors]:
    """Errors: PortTaken."""
    with ExitStack() as stack:
        http = stack.enter_context(bound(settings.host, settings.http_port, "HTTP"))
        metrics = grpc = None
        if settings.metrics_port is not None:
            metrics = stack.enter_context(bound(settings.host, settings.metrics_port, "metrics"))
        if settings.grpc_port is not None:
            # First as its only owner: another server that shares the port with its own workers would share with us too.
            bound(settings.host, settings.grpc_port, "gRPC").close()
            grpc = stack.enter_context(bound(settings.host, settings.grpc_port, "gRPC", is_shared=True))
        yield Doors(http, metrics, grpc)


def bound(host: str, port: int, what: str, *, is_shared: bool = False) -> socket.socket:
    """Errors: PortTaken."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise PortTaken(f"the {what} port {port} of {host} cannot be had: {error.strerror}; choose another") from error
    made.setblocking(False)
    return made
