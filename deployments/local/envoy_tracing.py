"""OpenTelemetry's variables -> what Envoy is told of spans. Pure.

The graph servers read the same variables themselves. Sources: OpenTelemetry's specification of environment variables;
Envoy's `config.trace.v3.OpenTelemetryConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

type Document = dict[str, Any]

TRACES_PATH: Final = "/v1/traces"
SERVICE: Final = "forkcast-gateway"
"""Whatever OTEL_SERVICE_NAME says: that names what is served."""
CLUSTER: Final = "opentelemetry-collector"
OPERATION: Final = "%REQ(:METHOD)% %ROUTE_NAME%"
"""The name of a span, as Envoy's format: POST seldon/xgboost REST."""
EXPORT_SECONDS: Final = 5.0

_TYPE = "type.googleapis.com/envoy."
_TRACER = _TYPE + "config.trace.v3.OpenTelemetryConfig"
_REQUEST_ID = _TYPE + "extensions.request_id.uuid.v3.UuidRequestIdConfig"


@dataclass(frozen=True)
class Collector:
    """Where Envoy's spans go, over HTTP without TLS."""

    host: str
    port: int
    path: str = TRACES_PATH
    headers: tuple[tuple[str, str], ...] = ()
    sampled_percent: float = 100.0
    """Of requests whose client has not decided, by a `traceparent`."""

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def collector_of(environ: Mapping[str, str]) -> tuple[Collector | None, str | None]:
    """The collector that the variables name, if any; and why there is none where they do name one."""
    name, url = _endpoint(environ)
    if not url or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None, None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), None, None
    if parts.scheme != "http" or not host:
        return None, f"{name} is {url}; it sends them to http://HOST:PORT alone, such as a collector on this machine"
    headers = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    path = parts.path or "/"
    return Collector(host, port or 80, path, tuple(_headers(headers)), _sampled_percent(environ)), None


def tracing(collector: Collector) -> Document:
    """Fields of an HTTP connection manager: a span of each request, the parent of the graph server's."""
    service = {
        "http_uri": {
            "uri": f"http://{collector.authority}{collector.path}",
            "cluster": CLUSTER,
            "timeout": f"{EXPORT_SECONDS:.3f}s",
        },
        "request_headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in collector.headers
        ],
    }
    config = {"@type": _TRACER, "http_service": service, "service_name": SERVICE}
    return {
        "tracing": {
            "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": config},
            "random_sampling": {"value": collector.sampled_percent},
            "operation": OPERATION,
            "custom_tags": [{"tag": "seldon.puid", "request_header": {"name": "seldon-puid"}}],
        },
        # Envoy would write into a caller's own x-request-id whether it is traced, and with it into the seldon-puid.
        "request_id_extension": {"typed_config": {"@type": _REQUEST_ID, "pack_trace_reason": False}},
    }


def collector_cluster(collector: Collector) -> Document:
    """Where the spans are sent. It may come and go: what it misses is lost."""
    address = {"socket_address": {"address": collector.host, "port_value": collector.port}}
    return {
        "name": CLUSTER,
        "type": "STRICT_DNS",
        "connect_timeout": "1.000s",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _endpoint(environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable that says it, and the URL for traces: the one for traces is taken as it is."""
    name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    url = environ.get(name, "").strip()
    if url:
        return name, url
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    url = environ.get(name, "").strip()
    return name, f"{url.rstrip('/')}{TRACES_PATH}" if url else ""


def _headers(text: str) -> list[tuple[str, str]]:
    """From `name=value,name=value`, where values may be percent-encoded. What is none is left out, as by the SDK."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return [(key.strip().lower(), unquote(value.strip())) for key, equals, value in pairs if equals and key.strip()]


def _sampled_percent(environ: Mapping[str, str]) -> float:
    """As the SDK has it: OTEL_TRACES_SAMPLER_ARG is a share of 1, and of a sampler by ratio alone."""
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower().removeprefix("parentbased_")
    if sampler == "always_off":
        return 0.0
    if sampler != "traceidratio":
        return 100.0
    try:
        share = float(environ.get("OTEL_TRACES_SAMPLER_ARG", "1"))
    except ValueError:
        return 100.0
    return 100.0 * share if 0.0 <= share <= 1.0 else 100.0
