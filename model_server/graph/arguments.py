"""The arguments of the command line: those of Seldon's wrapper, those of Seldon's executor, and our own limits."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from model_server.graph import logs
from model_server.graph.annotations import DEFAULT_PATH
from model_server.graph.settings import Limits, Settings

DESCRIPTION: Final = """\
Serve a Seldon component, or a whole Seldon inference graph, in one program.

  python -m model_server.graph model_server.install_model.InstallModel
      a Python class, in place of `seldon-core-microservice`: the same arguments, variables, ports and paths
  python -m model_server.graph --file deployment.yaml --predictor champion --http_port 8000 --grpc_port 5001
      a predictor of a SeldonDeployment, in place of Seldon's executor (whose variable ENGINE_PREDICTOR does as well)
  GRAPH_SERVER_PREDICTOR='{"graph": ..., "componentSpecs": ...}' python -m model_server.graph
      a predictor in the place of one component's container, without an executor (annotation seldon.io/no-engine);
      YAML or JSON; its name, labels and image are the container's, its namespace is in GRAPH_SERVER_NAMESPACE

Nodes of a graph without an endpoint run in this process, by the MODEL_NAME of their container or as XGBOOST_SERVER;
all others are called over REST or gRPC, as the executor calls them."""
EPILOG: Final = """\
exit codes: 0 ended as told; 1 cannot serve (a model is missing, a port is taken); 2 wrong arguments or graph.
Every difference from Seldon is told in docs/compatibility.md."""


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """Defaults come from the variables that Seldon has for them. Errors of numbers in variables: argparse's."""
    made = argparse.ArgumentParser(
        prog="python -m model_server.graph",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "interface_name", nargs="?", metavar="CLASS", help="what to serve: module.Class, or Module (MODEL_NAME)"
    )
    _add_of_both(made, environ)
    _add_of_the_wrapper(made, environ)
    _add_of_the_executor(made)
    _add_limits(made)
    return made


def _add_of_both(made: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    group = made.add_argument_group("of both")
    # Inside a pod the kubelet and the gateway come from outside; anywhere else, nobody does unless asked.
    host = environ.get("GRAPH_SERVER_HOST") or ("0.0.0.0" if "KUBERNETES_SERVICE_HOST" in environ else "127.0.0.1")  # noqa: S104
    group.add_argument(
        "--host", default=host, help="address to listen on (GRAPH_SERVER_HOST; else 127.0.0.1, and 0.0.0.0 in a pod)"
    )
    group.add_argument(
        "--http-port", "--http_port", "-http_port", dest="http_port", type=_port,
        default=environ.get("PREDICTIVE_UNIT_HTTP_SERVICE_PORT"), help="REST; 9000 for a class, 8080 for a graph",
    )  # fmt: skip
    group.add_argument(
        "--grpc-port", "--grpc_port", "-grpc_port", dest="grpc_port", type=_port,
        default=environ.get("PREDICTIVE_UNIT_GRPC_SERVICE_PORT"), help="gRPC; 5000",
    )  # fmt: skip
    group.add_argument(
        "--workers", type=_positive, default=environ.get("GUNICORN_WORKERS", "1"), help="processes (GUNICORN_WORKERS)"
    )
    group.add_argument(
        "--threads", type=_positive, default=environ.get("GUNICORN_THREADS", "1"),
        help="that may be inside one component at a time, in each worker (GUNICORN_THREADS)",
    )  # fmt: skip
    group.add_argument("--log-level", default="INFO", choices=logs.LEVELS, help="INFO (SELDON_LOG_LEVEL goes before)")
    group.add_argument(
        "--annotations", type=Path, default=DEFAULT_PATH, metavar="FILE", help=f"the pod's annotations, {DEFAULT_PATH}"
    )
    group.add_argument("--volumes", type=Path, metavar="FOLDER", help="where a modelUri pvc://CLAIM/... is looked for")


def _add_of_the_wrapper(made: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    group = made.add_argument_group("of a class, as seldon-core-microservice has them")
    group.add_argument(
        "--parameters", default=environ.get("PREDICTIVE_UNIT_PARAMETERS", "[]"), metavar="JSON",
        help='for its constructor: [{"name": "n", "value": "1", "type": "INT"}] (PREDICTIVE_UNIT_PARAMETERS)',
    )  # fmt: skip
    group.add_argument(
        "--metrics-port", type=_port, default=environ.get("PREDICTIVE_UNIT_METRICS_SERVICE_PORT", "6000"),
        help="6000 (PREDICTIVE_UNIT_METRICS_SERVICE_PORT)",
    )  # fmt: skip
    group.add_argument(
        "--grpc-workers", type=int, default=environ.get("GRPC_WORKERS", "1"), help="0: no gRPC (GRPC_WORKERS)"
    )
    single = environ.get("FLASK_SINGLE_THREADED", "0")
    group.add_argument("--single-threaded", type=int, default=single, help="1: one thread (FLASK_SINGLE_THREADED)")
    group.add_argument("--debug", nargs="?", type=_truth, const=True, default=_truth(environ.get("SELDON_DEBUG", "")))
    ignored = ("--service-type", "--persistence", "--tracing", "--max-requests", "--max-requests-jitter", "--keepalive")
    for name in (*ignored, "--pidfile", "--access-log", "--grpc-threads"):
        group.add_argument(name, nargs="?", help=argparse.SUPPRESS)  # taken, and without a meaning here


def _add_of_the_executor(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("of a graph, as Seldon's executor has them")

    def add(name: str, **how: Any) -> None:
        group.add_argument(f"--{name}", f"-{name}", dest=name, **how)

    add("sdep", default="", help="name of the SeldonDeployment")
    add("namespace", default="", help="its namespace")
    add("predictor", default="", help="which of its predictors")
    add("file", type=Path, help="a SeldonDeployment as YAML; without it ENGINE_PREDICTOR is served")
    add("prometheus_path", default="/metrics", help="where metrics are told")
    add("full_health_checks", nargs="?", type=_truth, const=True, default=False, help="/ready asks every component")
    add("protocol", default="seldon", choices=["seldon"], help=argparse.SUPPRESS)
    add("transport", default="rest", choices=["rest", "grpc"], help=argparse.SUPPRESS)
    add("server_type", default="rpc", choices=["rpc"], help=argparse.SUPPRESS)
    add("log_work_buffer_size", type=_positive, default=10_000, help="events of the request log that may wait")
    add("log_write_timeout_ms", type=int, default=2_000, help=argparse.SUPPRESS)  # no request waits for the log here


def _add_limits(made: argparse.ArgumentParser) -> None:
    limits = Limits()
    group = made.add_argument_group("limits, our own")
    group.add_argument("--max-body-bytes", type=_positive, default=limits.max_body_bytes, help="of REST; beyond: 413")
    group.add_argument("--max-rows", type=_positive, default=limits.max_rows, help="of a request; beyond: 413")
    group.add_argument(
        "--max-requests-waiting", type=_positive, default=limits.max_requests_waiting,
        help="in a worker; beyond: 429 with Retry-After",
    )  # fmt: skip
    group.add_argument(
        "--max-batch-rows", type=_positive, default=limits.max_batch_rows, help="of one call of a row-wise component"
    )
    group.add_argument(
        "--component-timeout-seconds", type=float, default=Settings.rest_timeout_seconds, metavar="SECONDS",
        help="of a call, where seldon.io/rest-timeout or grpc-timeout says nothing; 0 waits for ever",
    )  # fmt: skip
    group.add_argument(
        "--grace-seconds", type=float, default=Settings.grace_seconds, help="for requests under way, after SIGTERM"
    )
    group.add_argument(
        "--lame-duck-seconds", type=float, default=Settings.lame_duck_seconds,
        help="that requests are still taken after SIGTERM, while /ready says 503",
    )  # fmt: skip


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port; 1 to 65535 is accepted")
    return port


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too small; 1 and more is accepted")
    return number


def _truth(text: str) -> bool:
    return text.lower() in {"1", "true", "t", "yes", "on"}
