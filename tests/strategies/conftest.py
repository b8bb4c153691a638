import socket
from contextlib import closing

import pytest
from site_here import Here


@pytest.fixture(scope="module")
def here(models, detector, tmp_path_factory):
    """The canary overlay on this machine, over small models; a test brings what it is about."""
    assert detector.parent == models
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    site = Here(tmp_path_factory.mktemp("here"), port)
    try:
        site.up("canary", models.parent)
        yield site
    finally:
        site.down()
