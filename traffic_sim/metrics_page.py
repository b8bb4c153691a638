"""Where Prometheus reads the metrics of a run, on this machine only, for as long as the run lasts."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server

from traffic_sim.errors import OursToMend
from traffic_sim.live_metrics import LiveMetrics

HOST: Final = "127.0.0.1"


class MetricsPortTaken(OursToMend):
    """Nothing can be served where the metrics should be."""


@contextlib.contextmanager
def metrics_served(port: int | None) -> Iterator[LiveMetrics | None]:
    """Live metrics that are told at http://127.0.0.1:PORT/metrics meanwhile; None, and no server, without a port.

    Errors: MetricsPortTaken.
    """
    if port is None:
        yield None
        return
    metrics, registry = LiveMetrics(), CollectorRegistry()
    registry.register(metrics)
    try:
        server, thread = start_http_server(port, HOST, registry)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on ({error.strerror})"
        raise MetricsPortTaken(
            f"port {port} of {HOST} {why}, so no metrics can be told there; choose another with --metrics-port, or end "
            f"the program that holds it (`ss -ltnp 'sport = :{port}'` shows which)"
        ) from error
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
