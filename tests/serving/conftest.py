"""The doors, opened once: a component alone in Seldon's wrapper or in ours, and the gateway of `forkcast up`."""

from __future__ import annotations

import pytest
from doors import GRAPH_SERVER, STOCK_WRAPPER, component_served, deployed


@pytest.fixture(scope="session")
def wrapper(models, tmp_path_factory):
    """The stock `seldon-core-microservice` around the classic model, and the address of its metrics."""
    with component_served(STOCK_WRAPPER, models / "champion", tmp_path_factory.mktemp("wrapper") / "log") as door:
        yield door


@pytest.fixture(scope="session")
def graph_server(models, tmp_path_factory):
    """The graph server in the wrapper's place."""
    with component_served(GRAPH_SERVER, models / "champion", tmp_path_factory.mktemp("server") / "log") as door:
        yield door


@pytest.fixture(scope="session")
def gateway(models, detector, tmp_path_factory):
    """The A/B overlay, champion and challenger, each behind the outlier detector, behind Envoy."""
    assert detector.parent == models
    with deployed("overlays/ab-test", models, tmp_path_factory.mktemp("gateway") / "state") as door:
        yield door


@pytest.fixture(scope="session", params=["wrapper", "graph_server"])
def component(request):
    """A component without a gateway or a graph."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session", params=["wrapper", "graph_server", "gateway"])
def door(request):
    return request.getfixturevalue(request.param)
