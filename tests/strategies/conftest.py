import shutil
import socket
from contextlib import closing
from pathlib import Path

import promises
import pytest
from site_here import Here
from site_on_a_cluster import MODELS_VOLUME, NAMESPACE, Cluster


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


@pytest.fixture(scope="module")
def cluster(models, detector):
    """With the models on its claim, and nothing of ours left in the end."""
    assert detector.parent == models
    for folder in models.iterdir():
        shutil.copytree(folder, Path(MODELS_VOLUME) / folder.name, dirs_exist_ok=True)
    site = Cluster()
    site.kubectl("apply", "-k", promises.KUSTOMIZE / "namespace")
    yield site
    site.forkcast("down")
    left = site.kubectl(
        "get", "sdep,deployments,replicasets,pods,services,virtualservices", "-n", NAMESPACE, "-o", "name"
    )
    assert left == ""
