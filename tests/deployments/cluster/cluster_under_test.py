"""What the tests of the cluster target share: a SeldonDeployment that is quick to start, and the forkcast command."""

import json
import os
import subprocess
import sys

import yaml

from deployments.render import kubectl_program

KUBECONFIG = os.environ.get("FORKCAST_TEST_KUBECONFIG")
IMAGE = os.environ.get("FORKCAST_TEST_GRAPH_SERVER_IMAGE")
COMMAND_SECONDS = 150


def forkcast(*arguments, kubeconfig=KUBECONFIG, environment=None, cwd=None):
    """The command as a user runs it; warnings are errors there too."""
    command = [sys.executable, "-W", "error", "-m", "deployments.cli.main", *map(str, arguments), "--target", "cluster"]
    if kubeconfig is not None:
        command += ["--kubeconfig", str(kubeconfig)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})},
        cwd=cwd,
    )


def succeeded(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kubectl(*arguments, stdin=None):
    command = [kubectl_program(), "--kubeconfig", KUBECONFIG, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(namespace, kind, *arguments):
    return json.loads(kubectl("-n", namespace, "get", kind, "-o", "json", *arguments))["items"]


def names(namespace, kind):
    return {each["metadata"]["name"] for each in objects(namespace, kind)}


def predictor(name, traffic, *, class_name="PlusOne", image="graph-server:1", **variables):
    container = {
        "name": "plus-one",
        "image": image,
        "env": [
            {"name": "MODEL_NAME", "value": f"cluster_models.{class_name}"},
            *({"name": key, "value": value} for key, value in variables.items()),
        ],
        "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
    }
    return {
        "name": name,
        "traffic": traffic,
        # Said, because from a second revision on the operator 1.17.1 else writes the Deployment again and again.
        "replicas": 1,
        "graph": {"name": "plus-one", "type": "MODEL"},
        "componentSpecs": [{"spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}],
    }


def seldon_deployment(*predictors, name="sd"):
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": name},
        "spec": {"predictors": list(predictors)},
    }


def write_overlay(folder, name, *documents):
    """A folder as Kustomize has it; the lines that messages name are those of what it renders."""
    overlay = folder / name
    overlay.mkdir()
    (overlay / "all.yaml").write_text(yaml.safe_dump_all(documents))
    (overlay / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    return overlay
