"""On a real API server with Seldon's real operator, graph servers take the place of its wrapper and of its executor.

FORKCAST_TEST_KUBECONFIG names the kubeconfig of a throw-away cluster, FORKCAST_TEST_GRAPH_SERVER_IMAGE an image there
whose entry point is `python -m model_server.graph` and which has cluster_models.py on its path. Where the operator's
executor image is the graph server too, as with .ci/run's cluster, the whole Pod is ours.
"""

import json
import os
import re
import secrets
import subprocess
import urllib.request
from contextlib import contextmanager

import pytest
import yaml

from deployments.render import kubectl_program

KUBECONFIG = os.environ.get("FORKCAST_TEST_KUBECONFIG")
IMAGE = os.environ.get("FORKCAST_TEST_GRAPH_SERVER_IMAGE")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.component,
    pytest.mark.skipif(
        KUBECONFIG is None or IMAGE is None,
        reason="FORKCAST_TEST_KUBECONFIG and FORKCAST_TEST_GRAPH_SERVER_IMAGE name no cluster and image for tests",
    ),
]
READY_SECONDS = 150


def kubectl(*arguments, stdin=None):
    command = [kubectl_program(), "--kubeconfig", KUBECONFIG, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=READY_SECONDS + 30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def proxy():
    """The address of a `kubectl proxy`, through which Pods are reached from anywhere."""
    command = [kubectl_program(), "--kubeconfig", KUBECONFIG, "proxy", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield "http://" + re.search(r"serve on (\S+)", process.stdout.readline())[1]
        finally:
            process.terminate()


def container(name, class_name):
    probe = {"tcpSocket": {"port": "http"}, "periodSeconds": 1}
    env = [{"name": "MODEL_NAME", "value": f"cluster_models.{class_name}"}]
    return {"name": name, "image": f"{IMAGE}:1", "env": env, "readinessProbe": probe}


def deployment(namespace):
    containers = [container("double", "Double"), container("plus-one", "PlusOne")]
    graph = {"name": "double", "type": "TRANSFORMER", "children": [{"name": "plus-one", "type": "MODEL"}]}
    predictor = {
        "name": "p",
        "annotations": {"version": "v3", "note": "a=b"},
        "graph": graph,
        "componentSpecs": [{"spec": {"containers": containers}}],
        "svcOrchSpec": {"env": [{"name": "SELDON_ENABLE_ROUTING_INJECTION", "value": "true"}]},
    }
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": "sd", "namespace": namespace},
        "spec": {"annotations": {"seldon.io/rest-timeout": "5000"}, "predictors": [predictor]},
    }


def answer_of(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"} if data else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def test_the_operator_starts_graph_servers_with_its_own_arguments_and_they_answer_as_seldon_does():
    namespace = f"forkcast-test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", namespace)
    try:
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(deployment(namespace)))
        condition = "--for=jsonpath={.status.state}=Available"
        kubectl("wait", "-n", namespace, condition, "sdep/sd", f"--timeout={READY_SECONDS}s")
        pod = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"][0]["metadata"]["name"]
        with proxy() as address:
            door = f"{address}/api/v1/namespaces/{namespace}/pods/{pod}:8000/proxy"
            told = json.loads(answer_of(f"{door}/api/v1.0/predictions", {"data": {"ndarray": [[1, 2]]}}))
            assert told["data"]["ndarray"] == [[3, 5]]
            assert told["meta"] == {
                "tags": {"doubled": 1},
                "requestPath": {"double": f"{IMAGE}:1", "plus-one": f"{IMAGE}:1"},
                "routing": {"double": -1, "plus-one": -1},
            }
            metrics = answer_of(f"{door}/prometheus").decode()
        assert re.search(r'executor_server_requests_seconds_count\{code="200",deployment_name="sd".* 1\.0', metrics)
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")
