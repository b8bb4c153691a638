"""Where spans go: in batches to an OTLP endpoint, off the request path, by OpenTelemetry's SDK and its variables.

An endpoint that is away, slow or wrong costs spans and a line in the log a minute; never a request, nor a worker.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from model_server.graph.settings import Settings
from model_server.graph.tracing import Tracing

logger = logging.getLogger(__name__)

SPARING_SECONDS: Final = 60.0
"""Between two lines that say the same of spans that could not be told."""
FLUSH_SECONDS: Final = 1.0
"""What a worker that ends waits for its last spans; `supervisor.LAST_SECONDS` holds it and the request log's grace."""
PROTOCOL: Final = "http/protobuf"


class Exporting:
    """The way of a worker's spans to their endpoint. Made after the fork: it has a thread."""

    def __init__(self, settings: Settings, where: dict[str, str]) -> None:
        """`where`: deployment, predictor, unit. Errors: those of a variable that OpenTelemetry cannot read."""
        _speak_sparingly()
        protocol = os.environ.get(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL) or os.environ.get(OTEL_EXPORTER_OTLP_PROTOCOL)
        if protocol not in {None, "", PROTOCOL}:
            logger.warning("spans are told by %s, not by %s as OTEL_EXPORTER_OTLP_PROTOCOL has it", PROTOCOL, protocol)
        provider = TracerProvider(resource=_resource(settings, where), shutdown_on_exit=False)
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        self.tracing = Tracing(self._processor.on_end, provider.sampler, provider.resource)

    def close(self, timeout_seconds: float = FLUSH_SECONDS) -> None:
        """Tell what has not been told, for so long."""
        closing = threading.Thread(target=self._processor.shutdown, daemon=True)  # it would wait for half a minute
        closing.start()
        closing.join(timeout_seconds)
        if closing.is_alive():
            logger.warning("spans are left untold: their endpoint did not take them within %g s", timeout_seconds)


def opened(settings: Settings, where: dict[str, str]) -> Exporting | None:
    """None where a variable of OpenTelemetry's is wrong, which the log says: no span is worth a server."""
    try:
        return Exporting(settings, where)
    except Exception:
        logger.exception("nothing is traced: OpenTelemetry cannot be set up from the variables OTEL_*")
        return None


def _resource(settings: Settings, where: dict[str, str]) -> Resource:
    """Who tells: by OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES, else by what is served."""
    told = Resource.create({"process.pid": os.getpid()})
    if not str(told.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return told
    named = "-".join(filter(None, where.values())) or settings.class_name or "graph-server"
    return told.merge(Resource({SERVICE_NAME: named}))


def _speak_sparingly() -> None:
    theirs = logging.getLogger("opentelemetry")
    theirs.handlers[:] = [_Sparing()]
    theirs.propagate = False


class _Sparing(logging.Handler):
    """Hands on to the log what it has not said for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        what, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._said.get(what, -SPARING_SECONDS) >= SPARING_SECONDS:
            self._said[what] = now
            logging.getLogger().handle(record)
