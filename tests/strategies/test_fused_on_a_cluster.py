"""An overlay as it is, and with `components/fused` above it: the same answers, metrics and events from one container.

Both are asked through the gateway, first Seldon's executor over its components, then the graph server by itself; see
`site_on_a_cluster` for the cluster that this takes.
"""

import json
from collections import Counter
from pathlib import Path

import event_collector
import grpc
import promises
import pytest
import requests
from google.protobuf import json_format
from site_on_a_cluster import GATEWAY, KUBECONFIG, MODELS_VOLUME, NAMESPACE
from steady_load import Load

from model_server.graph.protos import ours

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.component,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (KUBECONFIG and GATEWAY and MODELS_VOLUME),
        reason="FORKCAST_TEST_KUBECONFIG, FORKCAST_TEST_GATEWAY and FORKCAST_TEST_MODELS_VOLUME name no cluster",
    ),
]
ARMS = ("champion", "challenger")
N_ASKED = 40
"""At even shares an arm is missed by all of them with odds of 2e-12."""
EVENTS_OF_A_PREDICTION = 4
"""Seldon's executor tells the root's logger twice in each direction, if the root has children."""
SAID = {
    *("ce-type", "ce-source", "ce-specversion", "ce-protocol", "ce-modelid", "ce-inferenceservicename"),
    *("ce-namespace", "ce-endpoint", "content-type"),
}
"""Of the headers of an event, all that are the same for all requests of a predictor."""
DOOR = 8000
"""Where Seldon's executor takes requests and tells its metrics; a fused predictor does too."""
BAD = {"data": {"names": ["id"], "ndarray": [["x"]]}}


@pytest.fixture(scope="module")
def collector(cluster, tmp_path_factory):
    """Where `components/request-logging` posts events to."""
    labels = {"app": "collector"}
    container = {
        "name": "collector",
        "image": "forkcast/model-server:0.1.0",
        "command": ["python3", "-c", Path(event_collector.__file__).read_text()],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    }
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    file = tmp_path_factory.mktemp("collector") / "collector.json"
    documents = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"matchLabels": labels}, "template": pod}},
        {"apiVersion": "v1", "kind": "Service", "spec": {"selector": labels, "ports": [{"port": 8080}]}},
    ]
    named = [{**each, "metadata": {"name": "collector", "namespace": NAMESPACE}} for each in documents]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": named}))
    cluster.kubectl("apply", "-f", file)
    cluster.kubectl("rollout", "status", "deployment/collector", "-n", NAMESPACE, "--timeout=60s")
    yield
    cluster.kubectl("delete", "-f", file, "--cascade=foreground")


@pytest.fixture(scope="module")
def sides(cluster, collector, tmp_path_factory):
    """What is seen of the A/B overlay with Seldon's executor, and then of the same one fused; the change under load."""
    del collector
    with_executor = above_ab_test(tmp_path_factory.mktemp("executor"), "request-logging")
    fused = above_ab_test(tmp_path_factory.mktemp("fused"), "fused", "request-logging")
    cluster.bring(with_executor)
    first = Side(cluster, "executor")
    with Load(cluster.url, 50, largest=10**6, body=promises.BODY) as load:
        cluster.bring(fused)
        n_until_brought = len(load.answers)
        promises.eventually(lambda: len(load.answers) > n_until_brought + 100, what="100 answers more")
    return first, Side(cluster, "fused"), load


def above_ab_test(folder, *components):
    top = promises.above(folder)
    paths = [f"{top}/components/{each}" for each in components]
    text = {"resources": [f"{top}/overlays/ab-test"], "components": paths}
    (folder / "kustomization.yaml").write_text(json.dumps(text))
    return folder


class Side:
    """What a deployment does, as seen from outside: by arm, all that it says to the same request."""

    def __init__(self, cluster, name):
        self.name = name
        self.answers = {f"{name}-{i}": asked(cluster.url, f"{name}-{i}", promises.BODY) for i in range(N_ASKED)}
        self.refusals = [asked(cluster.url, f"{name}-bad-{i}", BAD) for i in range(N_ASKED)]
        self.over_grpc = [asked_over_grpc() for _ in range(N_ASKED)]
        one = next(body for _, body in self.answers.values() if arm_of(body) == "champion")
        told = {"request": promises.BODY, "response": one, "reward": 1.0}
        feedback = cluster.url.replace("predictions", "feedback")
        self.feedback = [asked(feedback, f"{name}-fed-{i}", told) for i in range(N_ASKED)]
        self.events = events_of(cluster, name)
        pods = {arm: only(cluster.pods(arm)) for arm in ARMS}
        self.containers = {arm: {each["name"] for each in pod["spec"]["containers"]} for arm, pod in pods.items()}
        self.series = {arm: series_of(cluster, pod) for arm, pod in pods.items()}
        self.status = json.loads(cluster.forkcast("status", "--json"))

    def by_arm(self):
        found = {}
        for puid, (code, body) in self.answers.items():
            found.setdefault(arm_of(body), set()).add((code, json.dumps(body, sort_keys=True)))
            assert (puid, code) == (puid, 200)
        return found

    def events_by_arm(self):
        """Of each arm how a prediction is told, and how feedback is."""
        found = {}
        for puid, told in self.events.items():
            (arm,) = {headers["ce-endpoint"] for headers, _ in told}
            kind = "feedback" if "-fed-" in puid else "prediction"
            plain = [frozenset(pair for pair in h.items() if pair[0] in SAID) for h, _ in told]
            bodies = [json.dumps(json.loads(body), sort_keys=True) for _, body in told]
            found.setdefault((arm, kind), set()).add(frozenset(Counter(zip(plain, bodies, strict=True)).items()))
        return found


def asked(url, puid, message):
    """What a predictor says. A gateway that knows none for a moment is asked again: `Load` counts what that loses."""

    def once():
        answer = requests.post(url, json=message, headers={"Seldon-Puid": puid}, timeout=30)
        is_the_gateways = answer.status_code == 503 and "Seldon-Puid" not in answer.headers
        return None if is_the_gateways else (answer,)  # by itself, an answer of 400 counts as nothing

    (answer,) = promises.eventually(once, 10, "an answer of a predictor")
    assert answer.headers["Seldon-Puid"] == puid
    return answer.status_code, answer.json()


def asked_over_grpc():
    request = json_format.ParseDict(promises.BODY, ours().SeldonMessage()).SerializeToString()
    with grpc.insecure_channel(GATEWAY) as channel:
        predict = channel.unary_unary("/seldon.protos.Seldon/Predict")
        told = predict(request, metadata=(("seldon", "xgboost"), ("namespace", NAMESPACE)), timeout=30)
    return json_format.MessageToDict(ours().SeldonMessage.FromString(told))


def only(pods):
    (pod,) = pods
    return pod


def arm_of(answer):
    return answer["meta"]["tags"]["predictor"]


def events_of(cluster, name):
    """Those of the predictions and the feedback of a side, by the id of the request; all of them, by and by."""
    (pod,) = cluster.objects("pods", app="collector")

    def told():
        found = {}
        for headers, body in json.loads(cluster.page(pod, 8080)):
            puid = headers["ce-requestid"]
            if puid.startswith(f"{name}-") and "-bad-" not in puid:
                found.setdefault(puid, []).append((headers, body))
        n_wanted = N_ASKED * (EVENTS_OF_A_PREDICTION + 1)
        return found if sum(map(len, found.values())) >= n_wanted else None

    return promises.eventually(told, 20, f"the events of {name}")


def series_of(cluster, pod):
    """Names and labels of what a Pod counts, by the port that tells it."""
    containers = pod["spec"]["containers"]
    ports = {port["containerPort"] for each in containers for port in each["ports"] if port["name"] == "metrics"}
    return {
        port: {(sample.name, frozenset(sample.labels.items())) for sample in cluster.samples(pod, port)}
        for port in {*ports, DOOR}
    }


def of_executor(series):
    return {each for each in series if each[0].startswith("seldon_api_executor_") and each[0].endswith("_count")}


def of_components(series):
    """What classes count themselves; not what a graph server counts of any class."""
    return {each for each in series if not each[0].startswith(("seldon_api_executor_", "graph_server_"))}


def test_each_arm_answers_the_same_over_rest_and_grpc_and_refuses_the_same(sides):
    executor, fused, _ = sides
    assert executor.by_arm() == fused.by_arm()
    assert {arm: len(answers) for arm, answers in fused.by_arm().items()} == dict.fromkeys(ARMS, 1)
    assert distinct(executor.over_grpc) == distinct(fused.over_grpc)
    assert len(distinct(fused.over_grpc)) == len(ARMS)
    assert {code for code, _ in fused.refusals} == {400}
    assert distinct(executor.refusals) == distinct(fused.refusals)
    assert {code for code, _ in fused.feedback} == {200}
    assert distinct(executor.feedback) == distinct(fused.feedback)


def distinct(trees):
    return {json.dumps(tree, sort_keys=True) for tree in trees}


def test_the_collector_is_told_the_same(sides):
    executor, fused, _ = sides
    assert executor.events_by_arm() == fused.events_by_arm()
    assert set(fused.events_by_arm()) == {(arm, kind) for arm in ARMS for kind in ("prediction", "feedback")}


def test_metrics_have_the_same_names_and_labels(sides):
    executor, fused, _ = sides
    for arm in ARMS:
        by_executor, by_components = executor.series[arm].pop(DOOR), set.union(*executor.series[arm].values())
        (scraped, at_the_door) = (fused.series[arm][port] for port in (6000, DOOR))
        assert scraped == at_the_door
        assert of_executor(by_executor) == of_executor(scraped)
        assert of_components(by_components) == of_components(scraped)


def test_one_container_is_left_and_the_change_lost_no_request(sides):
    executor, fused, load = sides
    for arm in ARMS:
        assert executor.containers[arm] == {"classifier", "outlier-detector", "seldon-container-engine"}
        assert fused.containers[arm] == {"classifier"}
    assert load.failures == {}


def test_status_tells_the_same_nodes_models_and_versions(sides):
    executor, fused, _ = sides
    arms = [[each["arms"] for each in side.status["deployments"][0]["predictors"]] for side in (executor, fused)]
    assert arms[0] == arms[1]
    assert "unknown" not in {arm["model_version"] for each in arms[1] for arm in each}
