"""The command line: the arguments and the environment of Seldon's wrapper and of Seldon's executor -> Settings.

Which of the two it stands in for is seen from what it is given: a class, or a graph (ENGINE_PREDICTOR or --file). With
a graph in GRAPH_SERVER_PREDICTOR it stands in for both: in a component's container it serves as the executor would.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from model_server.errors import ModelServerError
from model_server.graph import fused, logs
from model_server.graph.annotations import read_annotations
from model_server.graph.arguments import parser
from model_server.graph.errors import InvalidPredictor
from model_server.graph.predictor import Predictor, from_engine_predictor, from_yaml
from model_server.graph.settings import Limits, Settings
from model_server.graph.user_objects import make_all

GRPC_MAX_MESSAGE_SIZE: Final = "seldon.io/grpc-max-message-size"
OTLP_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
REST_TIMEOUT: Final = "seldon.io/rest-timeout"
GRPC_TIMEOUT: Final = "seldon.io/grpc-timeout"
WRAPPER_MAX_GRPC_MESSAGE_BYTES: Final = 4 * 1024 * 1024


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """The exit code: 0 ended as told, 1 cannot serve, 2 wrong arguments or description."""
    environ = os.environ if environ is None else environ
    # One thread for a library's arithmetic: a team of them costs small batches more than it gains, workers would have a
    # team each, and one that the parent has started is missed by its forks for ever.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        arguments = parser(environ).parse_args(argv)
        logs.set_up(_log_level(arguments, environ))
        settings = settings_of(arguments, environ)
        if settings.is_traced:
            from model_server.graph import span_export  # noqa: F401, PLC0415 -- 7 MB, before the fork: once for all workers
        from model_server.graph.supervisor import Supervisor  # noqa: PLC0415 -- --help need not wait for it

        return Supervisor(settings, lambda: make_all(settings)).run()
    except ModelServerError as error:
        sys.stderr.write(f"graph server: {error.message}\n")
        return error.exit_code


def settings_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Errors: InvalidPredictor."""
    class_name = arguments.interface_name
    is_said = class_name is not None or arguments.file is not None or "ENGINE_PREDICTOR" in environ
    is_fused = not is_said and bool(environ.get(fused.VARIABLE))
    if not is_said and not is_fused:
        class_name = environ.get("MODEL_NAME")
    annotations = read_annotations(arguments.annotations)
    if is_fused:
        predictor: Predictor | None = fused.predictor_of(environ[fused.VARIABLE], environ, annotations)
    else:
        predictor = None if class_name else _predictor(arguments, environ)
    annotations = {**(predictor.annotations if predictor else {}), **annotations}
    max_message = _whole_number(annotations, GRPC_MAX_MESSAGE_SIZE)
    defaults = Limits()
    limits = Limits(
        max_body_bytes=arguments.max_body_bytes,
        max_grpc_message_bytes=max_message
        or (defaults.max_grpc_message_bytes if predictor else WRAPPER_MAX_GRPC_MESSAGE_BYTES),
        max_rows=arguments.max_rows,
        max_requests_waiting=arguments.max_requests_waiting,
        max_batch_rows=arguments.max_batch_rows,
    )
    common: dict[str, Any] = {
        "host": arguments.host,
        "http_port": arguments.http_port or (8080 if predictor else 9000),
        "workers": arguments.workers,
        "threads": 1 if arguments.single_threaded else arguments.threads,
        "rest_timeout_seconds": _timeout_seconds(annotations, REST_TIMEOUT, arguments.component_timeout_seconds),
        "grpc_timeout_seconds": _timeout_seconds(annotations, GRPC_TIMEOUT, arguments.component_timeout_seconds),
        "limits": limits,
        "includes_metrics_in_answers": environ.get("INCLUDE_METRICS_IN_CLIENT_RESPONSE", "true").lower() == "true",
        "is_traced": _is_traced(environ),
        "passes_payloads_through": _is_true(environ.get("PAYLOAD_PASSTHROUGH")),
        "volumes": arguments.volumes,
        "grace_seconds": arguments.grace_seconds,
        "lame_duck_seconds": arguments.lame_duck_seconds,
    }
    if predictor is None:
        return Settings(
            class_name=class_name,
            parameters=_parameters(arguments.parameters),
            deployment=environ.get("SELDON_DEPLOYMENT_ID", ""),
            grpc_port=(arguments.grpc_port or 5000) if arguments.grpc_workers > 0 else None,
            metrics_port=arguments.metrics_port,
            metrics_path=environ.get("PREDICTIVE_UNIT_METRICS_ENDPOINT", "/metrics"),
            **common,
        )
    whose = _of_a_container(arguments, environ, common["http_port"]) if is_fused else _of_an_executor(arguments)
    return Settings(
        predictor=predictor,
        grpc_port=arguments.grpc_port or 5000,
        full_health_checks=arguments.full_health_checks,
        log_queue_length=arguments.log_work_buffer_size,
        log_default_url=environ.get("REQUEST_LOGGER_DEFAULT_ENDPOINT", "http://default-broker"),
        cors_origins=environ.get("CORS_ALLOWED_ORIGINS", Settings.cors_origins),
        cors_headers=environ.get("CORS_ALLOWED_HEADERS", Settings.cors_headers),
        **whose,
        **common,
    )


def _of_an_executor(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seldon's operator tells it by arguments, and scrapes its metrics where it serves."""
    named = {"deployment": arguments.sdep, "namespace": arguments.namespace}
    return {**named, "metrics_path": arguments.prometheus_path}


def _of_a_container(arguments: argparse.Namespace, environ: Mapping[str, str], http_port: int) -> dict[str, Any]:
    """Seldon's operator tells it by variables, and scrapes its metrics on a port of their own."""
    return {
        "deployment": arguments.sdep or environ.get("SELDON_DEPLOYMENT_ID", ""),
        "namespace": arguments.namespace or environ.get(fused.NAMESPACE_VARIABLE, ""),
        "metrics_path": environ.get("PREDICTIVE_UNIT_METRICS_ENDPOINT", arguments.prometheus_path),
        "metrics_port": None if arguments.metrics_port == http_port else arguments.metrics_port,
        "is_a_container": True,
    }


def _predictor(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Predictor:
    if arguments.file is not None:
        try:
            text = arguments.file.read_text()
        except OSError as error:
            raise InvalidPredictor(f"--file {arguments.file} cannot be read: {error.strerror}") from error
        return from_yaml(text, arguments.predictor or None, str(arguments.file))
    encoded = environ.get("ENGINE_PREDICTOR")
    if not encoded:
        raise InvalidPredictor(
            "nothing to serve: name a Python class (or set MODEL_NAME), or give a graph with --file or the variable "
            f"ENGINE_PREDICTOR or {fused.VARIABLE}; --help shows examples"
        )
    return from_engine_predictor(encoded)


def _parameters(text: str) -> tuple[Mapping[str, str], ...]:
    try:
        parameters = json.loads(text)
    except ValueError as error:
        raise InvalidPredictor(f"--parameters (PREDICTIVE_UNIT_PARAMETERS) is no JSON: {error}") from error
    if not isinstance(parameters, list) or not all(isinstance(each, dict) for each in parameters):
        raise InvalidPredictor('--parameters is a list such as [{"name": "n", "value": "1", "type": "INT"}]')
    return tuple(parameters)


def _whole_number(annotations: Mapping[str, str], name: str) -> int | None:
    text = annotations.get(name)
    if text is None:
        return None
    if not text.strip().isdecimal():
        raise InvalidPredictor(f'annotation {name} is "{text}"; a whole number is accepted')
    return int(text)


def _timeout_seconds(annotations: Mapping[str, str], name: str, otherwise: float) -> float | None:
    milliseconds = _whole_number(annotations, name)
    seconds = otherwise if milliseconds is None else milliseconds / 1000
    return seconds or None


def _log_level(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    level = environ.get("SELDON_LOG_LEVEL", arguments.log_level).upper()
    if level not in logs.LEVELS:
        raise InvalidPredictor(f"SELDON_LOG_LEVEL is {level}; {', '.join(logs.LEVELS)} are accepted")
    return "DEBUG" if arguments.debug else level


def _is_traced(environ: Mapping[str, str]) -> bool:
    """By OpenTelemetry's own variables. Source: its specification of environment variables."""
    is_disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not is_disabled and any(environ.get(name, "").strip() for name in OTLP_ENDPOINTS)


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() in {"1", "true", "t"}
