"""The launcher of the stock wrapper."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.component


def test_a_wrapper_whose_grpc_port_is_taken_ends_and_says_why():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as rest,
        socket.create_server(("127.0.0.1", 0)) as metrics,
    ):
        ports = [str(server.getsockname()[1]) for server in (rest, taken, metrics)]
        rest.close()
        metrics.close()
        done = subprocess.run(
            [sys.executable, "-m", "deployments.local.stock_wrapper", "echo_model.Doubler"]
            + [
                word
                for pair in zip(("--http-port", "--grpc-port", "--metrics-port"), ports, strict=True)
                for word in pair
            ],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert "Address already in use" in done.stderr
