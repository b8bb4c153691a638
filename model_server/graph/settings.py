"""How a graph server runs: decided once from arguments and environment (`command`), then passed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_server.graph.predictor import Predictor


@dataclass(frozen=True)
class Limits:
    """What one client may cost the others. Beyond: 413, 429 or 503, and counted."""

    max_body_bytes: int = 16 * 1024 * 1024
    """Of a REST request. 10,000 impressions are 2 MB."""
    max_grpc_message_bytes: int = 16 * 1024 * 1024
    """Of a gRPC request; `seldon.io/grpc-max-message-size`. The executor has no limit, the wrapper 4 MiB."""
    max_rows: int = 100_000
    """Of one request."""
    max_requests_waiting: int = 1_024
    """In one worker, those being answered included: beyond, a client hears at once that it must come back later."""
    max_batch_rows: int = 1_024
    """Of one call of a row-wise component: a few milliseconds' work, so nobody waits long for others' rows."""


@dataclass(frozen=True)
class Settings:
    """Either `class_name` or `predictor` says what is served."""

    class_name: str | None = None
    """Of a single component, served as Seldon's wrapper would."""
    parameters: tuple[Mapping[str, str], ...] = ()
    """Of that component: name, value, type."""
    predictor: Predictor | None = None
    """A whole graph, served as Seldon's executor would."""
    is_a_container: bool = False
    """Whether the graph is in the place of one component's container, and so is asked for its health like one."""

    deployment: str = ""
    namespace: str = ""
    host: str = "127.0.0.1"
    http_port: int = 9000
    grpc_port: int | None = 5000
    """None: no gRPC."""
    metrics_port: int | None = None
    """None: metrics are told on the HTTP port alone."""
    metrics_path: str = "/metrics"
    workers: int = 1
    threads: int = 1
    """That may be inside one component at a time, in each worker. User classes are rarely safe for more than one."""
    rest_timeout_seconds: float | None = 60.0
    """For each call of a component; None waits for ever."""
    grpc_timeout_seconds: float | None = 60.0
    limits: Limits = field(default_factory=Limits)
    full_health_checks: bool = False
    log_queue_length: int = 10_000
    log_default_url: str = "http://default-broker"
    includes_metrics_in_answers: bool = True
    is_traced: bool = False
    """Whether there is an OTLP endpoint to which spans go; nothing of OpenTelemetry is imported otherwise."""
    passes_payloads_through: bool = False
    """PAYLOAD_PASSTHROUGH: `predict_raw` gets bytes and answers with bytes."""
    volumes: Path | None = None
    """Where pvc:// is looked for."""
    cors_origins: str = "*"
    cors_headers: str = "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token"
    grace_seconds: float = 15.0
    """How long requests under way may take once the server was told to end: as long as the executor allows."""
    lame_duck_seconds: float = 0.5
    """How long it still takes requests, though not ready any more, for whoever has not noticed yet."""
