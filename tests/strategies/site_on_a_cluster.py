"""A cluster as a site of the strategies: Seldon's operator and executor, a gateway, and our image for components.

FORKCAST_TEST_KUBECONFIG names the kubeconfig of a throw-away cluster, FORKCAST_TEST_GATEWAY its gateway as host:port,
FORKCAST_TEST_MODELS_VOLUME the folder that its claim `models` in the namespace `seldon` is. The image
forkcast/model-server must be known to its nodes. All that is in that namespace is ours.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import psutil
from prometheus_client.parser import text_string_to_metric_families
from promises import KUSTOMIZE, ROOT

from deployments.render import kubectl_program

KUBECONFIG = os.environ.get("FORKCAST_TEST_KUBECONFIG")
GATEWAY = os.environ.get("FORKCAST_TEST_GATEWAY")
MODELS_VOLUME = os.environ.get("FORKCAST_TEST_MODELS_VOLUME")
NAMESPACE = "seldon"
ENGINE = "seldon-container-engine"
SERVED = "seldon_api_executor_server_requests_seconds_count"


class Cluster:
    gateway = GATEWAY
    url = f"http://{GATEWAY}/seldon/{NAMESPACE}/xgboost/api/v1.0/predictions"

    def kubectl(self, *arguments):
        command = [kubectl_program(), "--kubeconfig", KUBECONFIG, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def forkcast(self, verb, *arguments, code=0):
        command = [sys.executable, "-m", "deployments.cli.main", verb, *map(str, arguments)]
        target = ["--target", "cluster", "--kubeconfig", KUBECONFIG]
        done = subprocess.run([*command, *target], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def bring(self, overlay):
        """The name of an overlay, or a folder. By kubectl first; then by forkcast, which waits until it is served."""
        folder = KUSTOMIZE / "overlays" / overlay
        self.kubectl("apply", "-k", folder)
        self.forkcast("apply", folder, "--force-conflicts")

    def objects(self, kind, **labels):
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return json.loads(self.kubectl("get", kind, "-n", NAMESPACE, "-l", selector, "-o", "json"))["items"]

    def pods(self, predictor):
        """The Pods of a predictor that are there to stay."""
        found = self.objects("pods", **{"seldon-app": f"xgboost-{predictor}"})
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def seen_by(self, predictor):
        samples = [each for pod in self.pods(predictor) for each in self.samples(pod, 8000)]
        return sum(s.value for s in samples if s.name == SERVED and s.labels["service"] == "predictions")

    def samples(self, pod, port):
        """What one of a Pod's ports tells Prometheus."""
        text = self.page(pod, port, "prometheus")
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def page(self, pod, port, path=""):
        name = pod["metadata"]["name"]
        with self._proxy() as address:
            page = f"{address}/api/v1/namespaces/{NAMESPACE}/pods/{name}:{port}/proxy/{path}"
            with urllib.request.urlopen(page, timeout=30) as answer:
                return answer.read().decode()

    @contextmanager
    def _proxy(self):
        """`kubectl proxy`, through which Pods are reached from anywhere."""
        command = [kubectl_program(), "--kubeconfig", KUBECONFIG, "proxy", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield "http://" + re.search(r"serve on (\S+)", process.stdout.readline())[1]
            finally:
                process.terminate()

    def gateway_weights(self):
        """What the operator has told Istio of REST, in the order of the predictors."""
        found = json.loads(self.kubectl("get", "virtualservice", "xgboost", "-n", NAMESPACE, "-o", "json"))
        return [each.get("weight", 0) for each in found["spec"]["http"][0]["route"]]

    def replica_sets(self):
        """Those of the predictors, by name, with how many Pods each should have."""
        found = self.objects("replicasets", **{"seldon-deployment-id": "xgboost"})
        return {each["metadata"]["name"]: each["spec"]["replicas"] for each in found}


def processes_of_container(pod, name):
    """The processes of a Pod's component, or of its executor, where Pods are processes of this machine."""
    found = []
    for process in psutil.process_iter():
        try:
            environ = process.environ()
        except (psutil.Error, OSError):
            continue
        whose = ENGINE if "ENGINE_PREDICTOR" in environ else environ.get("PREDICTIVE_UNIT_ID")
        if environ.get("HOSTNAME") == pod and whose == name:
            found.append(process)
    return found
