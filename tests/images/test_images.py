"""The images of the overlays' containers and of the exporter, built as their Containerfiles say, and run.

FORKCAST_TEST_IMAGES=1 says that there is buildah, and that it may be used, as root. The base is laid out from this
machine, so that no registry of images is asked; packages come from wherever pip of this machine has them.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from base_of_this_machine import lay_out

ROOT = Path(__file__).parents[2]
TAG = "localhost/forkcast/model-server:test"
EXPORTER = "localhost/forkcast/exporter:test"
pytestmark = [
    pytest.mark.component,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        "FORKCAST_TEST_IMAGES" not in os.environ, reason="FORKCAST_TEST_IMAGES is not set: needs buildah, and root"
    ),
]
START_SECONDS = 60
SERVED = {
    "champion": "model_server.install_model.InstallModel",
    "challenger": "model_server.install_model.InstallModel",
    "detector": "model_server.outliers.outlier_detector.OutlierDetector",
}
PIP_SETTINGS = [path for path in ("/etc/pip.conf", "/etc/ssl") if Path(path).exists()]


class Images:
    """buildah with a store of its own."""

    def __init__(self, folder):
        self.prefix = ["buildah", "--root", f"{folder}/store", "--runroot", f"{folder}/run"]

    def command(self, verb, *arguments):
        return [*self.prefix, verb, *arguments]

    def __call__(self, verb, *arguments):
        environ = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(
            self.command(verb, *arguments), cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout.strip()

    def build(self, file, tag):
        mounts = [part for path in PIP_SETTINGS for part in ("--volume", f"{path}:{path}:ro")]
        self("bud", "--pull-never", "--build-arg", "BASE=localhost/base", *mounts, "-f", file, "-t", tag, ".")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    lay_out(folder / "base")
    run = Images(folder)
    base = run("from", "scratch")
    run("copy", "--quiet", base, str(folder / "base"), "/")
    run("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", base)
    run("commit", "--quiet", base, "localhost/base")
    run("rm", base)
    shutil.rmtree(folder / "base")
    run.build("images/model-server/Containerfile", TAG)
    yield run
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def container(images):
    return images("from", "--pull-never", TAG)


def test_what_trains_and_what_is_not_free_to_use_is_not_in_it(images, container):
    absent = ["seldon_core", "alibi_detect", "pandas", "sklearn", "model_server.training", "deployments", "traffic_sim"]
    look = f"import importlib.util as u, json;print(json.dumps([n for n in {absent} if u.find_spec(n) is not None]))"
    assert json.loads(images("run", container, "--", "python", "-c", look)) == []


def test_it_runs_without_root_and_starts_the_graph_server(images, container):
    config = json.loads(images("inspect", "--type", "image", TAG))["OCIv1"]["config"]
    assert config["User"] == "8888:8888"
    assert config["Entrypoint"] == ["python", "-m", "model_server.graph"]
    identity = "import os; print(os.getuid(), os.getgid())"
    assert images("run", container, "--", "python", "-c", identity) == "8888 8888"


def test_the_exporters_image_has_what_it_imports_and_nothing_that_serves_or_trains(images):
    images.build("images/exporter/Containerfile", EXPORTER)
    container = images("from", "--pull-never", EXPORTER)
    config = json.loads(images("inspect", "--type", "image", EXPORTER))["OCIv1"]["config"]
    assert (config["User"], config["Entrypoint"]) == ("8888:8888", ["python", "-m", "deployments.cluster.exporter"])
    assert "--kubeconfig" in images("run", container, "--", *config["Entrypoint"], "--help")
    absent = ["seldon_core", "xgboost", "numpy", "traffic_sim", "model_server.graph"]
    look = f"import importlib.util as u, json;print(json.dumps([n for n in {absent} if u.find_spec(n) is not None]))"
    assert json.loads(images("run", container, "--", "python", "-c", look)) == []


@pytest.fixture
def readable_models(models, detector):
    """A copy that user 8888 can read: pytest's own folders are the owner's alone."""
    assert detector.parent == models
    folder = Path(tempfile.mkdtemp(prefix="forkcast-models-"))
    folder.chmod(0o755)
    shutil.copytree(models, folder, dirs_exist_ok=True)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(("model", "class_name"), SERVED.items(), ids=list(SERVED))
def test_it_serves_what_the_overlays_name_from_a_volume_it_cannot_write(
    images, container, readable_models, model, class_name
):
    with served(images, container, readable_models / model, class_name) as url:
        assert asked(f"{url}/health/status")["data"]


def unused_ports(count):
    with ExitStack() as held:
        probes = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def asked(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def until_answered(url, process):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it answered"
        with suppress(OSError):
            return asked(url)
        time.sleep(0.1)
    raise AssertionError(f"no answer within {START_SECONDS} s")


@contextmanager
def served(images, name, model, class_name):
    http, grpc, metrics = unused_ports(3)
    told = {
        "MODEL_NAME": class_name,
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": http,
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": grpc,
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": metrics,
        "PREDICTIVE_UNIT_PARAMETERS": json.dumps([{"name": "model_uri", "value": "/mnt/models", "type": "STRING"}]),
    }
    env = [part for key, value in told.items() for part in ("--env", f"{key}={value}")]
    volume = ("--volume", f"{model}:/mnt/models:ro")
    command = images.command("run", *env, *volume, name, "--", "python", "-m", "model_server.graph")
    environ = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    with subprocess.Popen(command, env=environ, start_new_session=True) as process:
        try:
            url = f"http://127.0.0.1:{http}"
            until_answered(f"{url}/health/status", process)
            yield url
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
