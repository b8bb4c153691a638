"""The doors, opened once: the stock wrapper alone, and the gateway of `forkcast up`."""

from __future__ import annotations

import grpc
import pytest
from doors import Door, answers, deployed, start_wrapper, stop_group, wait_until


@pytest.fixture(scope="session")
def wrapper(models, tmp_path_factory):
    """The stock `seldon-core-microservice` around the classic model, and the address of its metrics."""
    log = tmp_path_factory.mktemp("wrapper") / "log"
    process, http_port, grpc_port, metrics_port = start_wrapper(models / "champion", log)
    try:
        wait_until(f"the wrapper answers ({log})", lambda: answers(f"http://127.0.0.1:{http_port}/health/status"))
        grpc_target = f"127.0.0.1:{grpc_port}"
        with grpc.insecure_channel(grpc_target) as channel:
            grpc.channel_ready_future(channel).result(timeout=60)
        yield Door(f"http://127.0.0.1:{http_port}", grpc_target, metrics_url=f"http://127.0.0.1:{metrics_port}/metrics")
    finally:
        stop_group(process)


@pytest.fixture(scope="session")
def gateway(models, tmp_path_factory):
    """The A/B overlay, champion and challenger, behind Envoy."""
    with deployed("overlays/ab-test", models, tmp_path_factory.mktemp("gateway") / "state") as door:
        yield door


@pytest.fixture(scope="session", params=["wrapper", "gateway"])
def door(request):
    return request.getfixturevalue(request.param)
