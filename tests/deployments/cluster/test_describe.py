"""What status tells of the objects that are there."""

import json

from objects_of_a_cluster import TEXT, a_pod, a_served_deployment
from rich.console import Console

from deployments.cluster.describe import described, ready_engines, versions_of
from deployments.cluster.inventory import SERVING, Inventory
from deployments.cluster.manifests import SET_LABEL, Ref
from deployments.cluster.terminal import show

INVENTORY = Inventory(SERVING, "ns", "overlays/x", "2026-01-01T00:00:00+00:00", (Ref("v1", "Service", "s", "ns"),))


def told(objects, versions=None):
    return described([INVENTORY], objects, versions or {})["deployments"][0]


def test_a_served_deployment_is_told_with_its_shares_arms_and_children():
    objects = a_served_deployment()
    objects["SeldonDeployment"][0]["metadata"]["labels"] = {SET_LABEL: SERVING}
    found = told(objects, {("sd", "b", "m"): "2.0"})
    assert (found["state"], found["applied_by_forkcast"]) == ("Available", True)
    a, b = found["predictors"]
    assert (a["traffic_percent"], a["gateway_percent"], a["replicas_ready"], a["replicas_wanted"]) == (90, 90, 1, 1)
    assert a["arms"] == [
        {"node": "m", "type": "MODEL", "image": "model:1", "model_uri": None, "model_version": "unknown"}
    ]
    assert b["arms"][0]["model_version"] == "2.0"
    assert {each["kind"] for each in found["created"]} == {"Deployment", "Service", "VirtualService"}
    assert found["gateway"]["kind"] == "istio"
    assert found["gateway"]["path"] == "/seldon/ns/sd/api/v1.0/predictions"


def test_the_gateway_is_told_apart_from_the_document_while_it_lags():
    objects = a_served_deployment()
    objects["VirtualService"][0]["spec"]["http"][0]["route"][0]["weight"] = 50
    assert [each["gateway_percent"] for each in told(objects)["predictors"]] == [50, 10]


def test_a_destination_alone_gets_everything_and_a_mirror_without_a_percent_gets_a_copy_of_everything():
    text = TEXT.replace("traffic: 90", "traffic: 100").replace("      traffic: 10\n", "      shadow: true\n")
    objects = a_served_deployment(TEXT)
    import yaml

    objects["SeldonDeployment"][0]["spec"] = yaml.safe_load(text)["spec"]
    route = objects["VirtualService"][0]["spec"]["http"][0]
    route["mirror"] = route["route"].pop(1)["destination"]
    del route["route"][0]["weight"]
    a, b = told(objects)["predictors"]
    assert (a["gateway_percent"], a["shadow"]) == (100, False)
    assert (b["gateway_percent"], b["shadow"]) == (100, True)


def test_without_a_gateways_objects_its_share_is_not_known():
    objects = a_served_deployment()
    objects["VirtualService"].clear()
    found = told(objects)
    assert [each["gateway_percent"] for each in found["predictors"]] == [None, None]
    assert found["gateway"]["kind"] == "none"


def test_a_model_on_a_claim_is_told_by_the_claim():
    mounted = """\
              - name: m
                image: model:2
                volumeMounts: [{name: models, mountPath: /mnt/models, subPath: champion}]
            volumes: [{name: models, persistentVolumeClaim: {claimName: models}}]
"""
    text = TEXT[: TEXT.rindex("              - name: m")] + mounted
    parameter = "parameters: [{name: model_uri, type: STRING, value: /mnt/models}]"
    text = text.replace("{name: m, type: MODEL}", f"{{name: m, type: MODEL, {parameter}}}")
    a, b = told(a_served_deployment(text))["predictors"]
    assert b["arms"][0]["model_uri"] == "pvc://models/champion"
    assert a["arms"][0]["model_uri"] == "/mnt/models"


def test_only_ready_pods_with_an_orchestrator_are_asked_for_versions():
    objects = a_served_deployment()
    objects["Pod"][0] = a_pod("sd-a", "ReplicaSet-sd-a-0-m-1", ready=False)
    assert list(ready_engines(objects)) == [("sd", "b", "sd-b-0-m-1-x", 8000)]


FUSED = """\
                env:
                  - name: GRAPH_SERVER_PREDICTOR
                    value: |
                      graph: {name: d, type: TRANSFORMER, children: [{name: m, type: MODEL}]}
                      componentSpecs:
                        - spec:
                            containers:
                              - {name: d, env: [{name: MODEL_NAME, value: a.D}]}
                              - {name: m, env: [{name: MODEL_NAME, value: a.M}]}
"""


def test_a_graph_in_one_container_is_told_by_its_nodes_and_asked_where_it_listens():
    text = TEXT.replace("name: b\n", 'name: b\n      annotations: {seldon.io/no-engine: "true"}\n') + FUSED
    objects = a_served_deployment(text)
    ports = [{"name": "metrics", "containerPort": 6000}, {"name": "http", "containerPort": 8000}]
    container = {"name": "m", "env": [{"name": "GRAPH_SERVER_PREDICTOR", "value": "x"}], "ports": ports}
    objects["Pod"][1]["spec"]["containers"] = [container]
    _, b = told(objects, {("sd", "b", "d"): "3"})["predictors"]
    arms = [(each["node"], each["type"], each["image"], each["model_version"]) for each in b["arms"]]
    assert arms == [("d", "TRANSFORMER", "model:2", "3"), ("m", "MODEL", "model:2", "unknown")]
    assert ("sd", "b", "sd-b-0-m-1-x", 8000) in list(ready_engines(objects))


def test_versions_are_read_from_what_an_orchestrator_answers_and_nonsense_is_no_version():
    assert versions_of({"models": {"m": {"versions": ["1", "2"]}, "n": {"versions": []}, "o": {}}}) == {"m": "1, 2"}
    assert versions_of([]) == versions_of({"models": 1}) == versions_of("x") == {}


def test_a_deployment_under_unknown_rules_is_still_told_as_far_as_it_can_be():
    objects = a_served_deployment()
    objects["SeldonDeployment"][0]["spec"]["predictors"][0]["graph"] = "of another kind"
    found = told(objects)
    assert (found["state"], found["predictors"]) == ("Available", [])
    assert found["created"]


def test_the_same_is_shown_in_a_terminal_and_square_brackets_are_text():
    objects = a_served_deployment()
    objects["SeldonDeployment"][0]["status"]["description"] = "[red]not markup[/]"
    where = {"context": "c", "server": "https://api", "namespace": "ns", "not_allowed_to_list": ["VirtualService"]}
    found = {**where, **described([INVENTORY], objects, {})}
    console = Console(record=True, width=200)
    with console.capture() as shown:
        show(json.loads(json.dumps(found)), console)
    text = shown.get()
    for expected in ("overlays/x", "[red]not markup[/]", "90 %", "model:2", "istio-system/gw", "VirtualService"):
        assert expected in text
