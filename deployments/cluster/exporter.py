"""Tells Prometheus what share each predictor of a cluster should have: `python -m deployments.cluster.exporter`.

Neither Seldon nor Kubernetes does. It lists SeldonDeployments when it is asked, and may do nothing else.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from deployments.cluster import scraping
from deployments.cluster.connection import Connection
from deployments.errors import DeploymentsError
from deployments.monitoring.desired_state import Share, exposition

logger = logging.getLogger(__name__)

PORT = 9101
CLIENT_SECONDS = 5
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def app(shares: Callable[[], Iterable[Share]]) -> Callable[..., list[bytes]]:
    """The WSGI application: /metrics, and /healthz for probes, which asks nobody."""
    asking = threading.Lock()  # one connection, one question at a time

    def answer(environ: dict[str, str], start: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
        status, content_type, body = "200 OK", "text/plain", b"ok\n"
        if environ["PATH_INFO"] == "/metrics":
            try:
                with asking:
                    body, content_type = exposition(shares()), CONTENT_TYPE
            except DeploymentsError as error:  # Prometheus then sees that it is down, and asks again
                logger.error("%s", error)  # noqa: TRY400 -- whose fault it is, it says
                status, body = "503 Service Unavailable", f"{error}\n".encode()
        elif environ["PATH_INFO"] != "/healthz":
            status, body = "404 Not Found", b"/metrics and /healthz are here\n"
        start(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    return answer


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_SECONDS
    """Of one that connects and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's own name
        pass


class _Server(ThreadingMixIn, WSGIServer):
    """Whoever connects and says nothing keeps nobody waiting."""

    daemon_threads = True


def server(shares: Callable[[], Iterable[Share]], host: str, port: int) -> WSGIServer:
    """Bound, and not serving yet. Errors: OSError."""
    return make_server(host, port, app(shares), _Server, _Handler)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.cluster.exporter", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="in a Pod 0.0.0.0; the default is %(default)s")
    parser.add_argument("--port", type=int, default=PORT, help="the default is %(default)s")
    parser.add_argument("--kubeconfig", type=Path, help="in a Pod its own account is used")
    parser.add_argument("--context")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with Connection(asked.kubeconfig, asked.context) as connection:
            listening = server(lambda: scraping.shares_everywhere(connection), asked.host, asked.port)
            # The first process of a container has no default for it; and only another thread can end `serve_forever`.
            signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=listening.shutdown).start())
            logger.info("http://%s:%d/metrics tells of %s", asked.host, listening.server_port, connection.server)
            listening.serve_forever()
    except (DeploymentsError, OSError) as error:
        logger.error("%s", error)  # noqa: TRY400
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
