"""Seldon's own wrapper, `seldon-core-microservice`, with the manners it lacks on a machine that is not a pod.

    python -m deployments.local.stock_wrapper model_server.install_model.InstallModel

A pod has an address of its own, so the wrapper binds 0.0.0.0; here that would open a model to the network, so its
REST, gRPC and metrics servers bind 127.0.0.1. A pod dies as a whole; here the wrapper's children end with it, and it
ends with a child that fails. A pod's annotations lie at one place; here in the file that FORKCAST_ANNOTATIONS names.
All else is the wrapper's: arguments, environment, paths, answers.
"""

from __future__ import annotations

import ctypes
import functools
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import flask
from seldon_core import gunicorn_utils, microservice

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1
END_SECONDS = 10.0


def main() -> None:
    microservice.ANNOTATIONS_FILE = os.environ.get("FORKCAST_ANNOTATIONS", microservice.ANNOTATIONS_FILE)
    _bind_to_loopback()
    _tie_children_to_their_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # until gunicorn, in the same process, has its own
    code = 1
    try:
        microservice.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 -- told, then the end
        traceback.print_exc()
    finally:
        # gunicorn has ended; nobody told the gRPC server to stop, and the interpreter would wait for it.
        for child in multiprocessing.active_children():
            child.terminate()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _bind_to_loopback() -> None:
    load_config = gunicorn_utils.StandaloneApplication.load_config
    run_grpc_server = microservice._run_grpc_server  # noqa: SLF001 -- the one place that takes the address
    run_flask = flask.Flask.run

    @functools.wraps(load_config)
    def load_loopback_config(self: Any) -> None:
        self.options["bind"] = _on_loopback(self.options["bind"])
        self.options["control_socket_disable"] = True  # it would lie in the user's home, one for all wrappers
        load_config(self)

    @functools.wraps(run_grpc_server)
    def run_loopback_grpc_server(
        user_object: Any, seldon_metrics: Any, args: Any, annotations: dict[str, str], bind_address: str
    ) -> None:
        _die_with_parent()
        run_grpc_server(user_object, seldon_metrics, args, annotations, _on_loopback(bind_address))

    @functools.wraps(run_flask)
    def run_loopback_flask(self: flask.Flask, host: str | None = None, *args: Any, **options: Any) -> None:
        del host  # SELDON_DEBUG's server
        run_flask(self, LOOPBACK, *args, **options)

    gunicorn_utils.StandaloneApplication.load_config = load_loopback_config
    microservice._run_grpc_server = run_loopback_grpc_server  # noqa: SLF001
    flask.Flask.run = run_loopback_flask  # type: ignore[method-assign]


def _on_loopback(address: str) -> str:
    return f"{LOOPBACK}:{address.rpartition(':')[2]}"


def _tie_children_to_their_parent() -> None:
    for factory in ("_make_grpc_server", "_make_rest_metrics_server"):
        setattr(microservice, factory, _tied(getattr(microservice, factory)))


def _tied(make_server: Callable[..., Callable[[], None]]) -> Callable[..., Callable[[], None]]:
    @functools.wraps(make_server)
    def make_tied_server(*args: Any, **options: Any) -> Callable[[], None]:
        server = make_server(*args, **options)

        def tied_server() -> None:
            _die_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                server()
            except Exception:  # noqa: BLE001 -- told, then the end
                # The rest of the wrapper would go on without it, and nobody would know why it is not ready.
                traceback.print_exc()
                parent = multiprocessing.parent_process()
                if parent is not None and parent.pid is not None:
                    _end(parent.pid)

        return tied_server

    return make_tied_server


def _end(parent_pid: int) -> None:
    """Ask the parent to end, and see to it: gunicorn, as it starts, loses a signal now and then."""
    deadline = time.monotonic() + END_SECONDS
    number = signal.SIGTERM
    while os.getppid() == parent_pid:
        os.kill(parent_pid, number)
        time.sleep(1)
        if time.monotonic() > deadline:
            number = signal.SIGKILL


def _die_with_parent() -> None:
    """Have the kernel (Linux only) end this process when the one that forked it ends, however that ends."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:  # it had ended already
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
