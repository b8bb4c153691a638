"""Objects as an API server tells them after Seldon's operator has done its work, in the shapes that real ones have.

`a_served_deployment()` is a SeldonDeployment `sd` of two predictors, rolled out behind Istio; tests change what they
are about.
"""

import base64
import copy
import json

import yaml

from deployments.cluster.manifests import manifests, placed
from deployments.seldon import load_documents

TEXT = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata:
  name: sd
spec:
  predictors:
    - name: a
      traffic: 90
      graph: {name: m, type: MODEL}
      componentSpecs:
        - spec:
            containers:
              - name: m
                image: model:1
                readinessProbe: {tcpSocket: {port: http}}
                resources: {limits: {cpu: "1"}}
    - name: b
      traffic: 10
      graph: {name: m, type: MODEL}
      componentSpecs:
        - spec:
            containers:
              - name: m
                image: model:2
"""
SOURCE = "overlay"


def manifest_of(text=TEXT):
    """The SeldonDeployment as an object to apply in namespace `ns`, and typed."""
    (manifest,) = placed(manifests(text, SOURCE), lambda *_: True, asked=None, default="ns")
    (deployment,) = load_documents(text, SOURCE)
    metadata = deployment.metadata.model_copy(update={"namespace": "ns"})
    return manifest, deployment.model_copy(update={"metadata": metadata})


def line_of(text, whole=TEXT):
    """The line of the first line with this text, from 1."""
    return next(n for n, line in enumerate(whole.splitlines(), 1) if text in line)


def meta(kind, name, owner=None, **more):
    owners = [{"uid": owner, "controller": True}] if owner else []
    return {
        "name": name,
        "namespace": "ns",
        "uid": f"{kind}-{name}",
        "ownerReferences": owners,
        "generation": 1,
        **more,
    }


def a_pod(name, owner, *, ready=True, container=None):
    """`container` is what the status says of the container `m` where it is not ready."""
    status = {"name": "m", "ready": ready, "restartCount": 0, "image": "model:1", "state": {"running": {}}}
    engine = {"name": "seldon-container-engine", "ready": ready, "restartCount": 0, "state": {"running": {}}}
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Ready", "status": "True" if ready else "False"},
    ]
    ports = [{"name": "http", "containerPort": 8000}]
    return {
        "metadata": meta("Pod", name, owner),
        "spec": {"containers": [{"name": "m"}, {"name": "seldon-container-engine", "ports": ports}]},
        "status": {
            "phase": "Running",
            "conditions": conditions,
            "containerStatuses": [{**status, **(container or {})}, engine],
        },
    }


def a_served_deployment(text=TEXT):
    content = yaml.safe_load(text)
    found = {kind: [] for kind in ("Deployment", "ReplicaSet", "Pod", "Service", "VirtualService", "Event")}
    routes = []
    for predictor in content["spec"]["predictors"]:
        name = f"sd-{predictor['name']}-0-m"
        described = base64.b64encode(json.dumps({"graph": predictor["graph"]}).encode()).decode()
        env = [{"name": "ENGINE_PREDICTOR", "value": described}]
        engine = {"name": "seldon-container-engine", "image": "engine:1", "env": env}
        containers = [*copy.deepcopy(predictor["componentSpecs"][0]["spec"]["containers"]), engine]
        template = {"metadata": {"annotations": {}}, "spec": {"containers": containers}}
        found["Deployment"].append(
            {
                "kind": "Deployment",
                "metadata": meta("Deployment", name, "uid-sd"),
                "spec": {"replicas": 1, "template": template},
                "status": {
                    "observedGeneration": 1,
                    "replicas": 1,
                    "updatedReplicas": 1,
                    "readyReplicas": 1,
                    "availableReplicas": 1,
                    "conditions": [],
                },
            }
        )
        revision = {"deployment.kubernetes.io/revision": "1"}
        found["ReplicaSet"].append(
            {"metadata": meta("ReplicaSet", f"{name}-1", f"Deployment-{name}", annotations=revision), "spec": {}}
        )
        found["Pod"].append(a_pod(f"{name}-1-x", f"ReplicaSet-{name}-1"))
        destination = {"host": f"sd-{predictor['name']}.ns.svc.cluster.local", "subset": predictor["name"]}
        routes.append({"destination": destination, "weight": predictor["traffic"]})
        ports = [{"name": "http", "port": 8000}]
        service = meta("Service", f"sd-{predictor['name']}", "uid-sd")
        found["Service"].append({"metadata": service, "spec": {"ports": ports}})
    found["VirtualService"].append(
        {
            "metadata": meta("VirtualService", "sd", "uid-sd"),
            "spec": {"hosts": ["*"], "gateways": ["istio-system/gw"], "http": [{"route": routes}]},
        }
    )
    status = {"state": "Available", "conditions": [{"type": "Ready", "status": "True"}]}
    live = {**content, "metadata": {**meta("SeldonDeployment", "sd"), "uid": "uid-sd"}, "status": status}
    return {"SeldonDeployment": [live], **found}
