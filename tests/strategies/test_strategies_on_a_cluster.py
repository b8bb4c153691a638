"""Each overlay on a cluster with Seldon's operator and executor behind a gateway, and its promise.

See `site_on_a_cluster` for the cluster that these take. Each overlay is applied by `kubectl apply -k` and then by
`forkcast apply --target cluster`. A new Pod waits 20 s for the executor's own probe, so the tests go on from what the
one before has left.
"""

import json
import signal

import numpy as np
import promises
import pytest
from seldon_core.seldon_client import SeldonClient
from site_on_a_cluster import ENGINE, GATEWAY, KUBECONFIG, MODELS_VOLUME, NAMESPACE, processes_of_container
from steady_load import Load

from model_server.install_model import InstallModel

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.component,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.skipif(
        not (KUBECONFIG and GATEWAY and MODELS_VOLUME),
        reason="FORKCAST_TEST_KUBECONFIG, FORKCAST_TEST_GATEWAY and FORKCAST_TEST_MODELS_VOLUME name no cluster",
    ),
]
RATE_PER_SECOND = 50


def client():
    return SeldonClient(
        gateway="istio",
        gateway_endpoint=GATEWAY,
        deployment_name="xgboost",
        namespace=NAMESPACE,
        client_return_type="dict",
    )


def assert_same_numbers(models, arms=("champion", "challenger")):
    """Through the gateway, over REST and gRPC, each arm gives what its class gives in this process, bit for bit.

    All of `arms` answer: at even shares, 60 draws miss one with odds of 4e-18.
    """
    names, rows = list(promises.NAMES), promises.ROWS
    expected = {arm: InstallModel(str(models / arm)).predict(rows, names) for arm in ("champion", "challenger")}
    missing = {(transport, arm) for transport in ("rest", "grpc") for arm in arms}
    for _ in range(60):
        for transport in ("rest", "grpc"):
            data = np.array(rows, dtype=object)
            told = client().predict(data=data, names=names, payload_type="ndarray", transport=transport)
            assert told.success, told.msg
            tags = told.response["meta"]["tags"]
            arm = tags.get("arm") or tags["predictor"]
            numbers = np.array(told.response["data"]["ndarray"], dtype=np.float32)
            assert numbers.tolist() == expected[arm].tolist()
            assert len(tags["is_outlier"]) == len(rows)
            missing.discard((transport, arm))
        if not missing:
            return
    raise AssertionError(f"nobody answered of {missing}")


def test_an_ab_test_splits_evenly_and_answers_with_the_same_numbers(cluster, models, tmp_path):
    promises.an_ab_test_splits_evenly(cluster, tmp_path)
    assert_same_numbers(models)


def test_a_canary_gets_a_tenth_and_a_change_of_weights_makes_no_new_pod(cluster, models, tmp_path):
    cluster.bring("ab-test")
    before = cluster.replica_sets()
    promises.a_canary_gets_a_tenth(cluster, tmp_path)
    assert cluster.replica_sets() == before
    assert_same_numbers(models, arms=["champion"])


def test_blue_green_switches_between_two_requests_and_back_without_a_new_replica_set(cluster, models, tmp_path):
    cluster.bring("blue-green")
    before = cluster.replica_sets()
    ask = promises.OneAfterTheOther(cluster.url)
    with Load(cluster.url, RATE_PER_SECOND, body=promises.BODY) as load:
        assert {ask() for _ in range(20)} == {"champion"}
        cluster.bring(promises.green_in(tmp_path))
        assert {ask() for _ in range(20)} == {"challenger"}
        cluster.bring("blue-green")
        assert {ask() for _ in range(20)} == {"champion"}
    assert load.failures == {}
    assert cluster.replica_sets() == before
    assert_same_numbers(models, arms=["champion"])


def test_a_shadow_sees_every_request_once_and_no_client_sees_it(cluster, models, tmp_path):
    promises.a_shadow_sees_every_request_once_and_no_client_sees_it(cluster, tmp_path)
    assert_same_numbers(models, arms=["champion"])


def test_users_stay_with_their_arm(cluster, models):
    promises.users_stay_with_their_arm(cluster, n_users=1_000)
    assert_same_numbers(models)


def test_a_bandit_learns_by_feedback_and_its_replicas_learn_together(cluster, models, tmp_path):
    promises.a_bandit_learns_by_feedback_through_the_gateway(cluster, tmp_path)
    assert len(cluster.pods("arms")) == 2
    assert_same_numbers(models, arms=["challenger"])  # which now answers nearly everything


def two_of_each_in(folder, restarted="never"):
    """The A/B overlay with two replicas of each predictor, and what Istio tries again.

    `kubectl rollout restart` of a Deployment of Seldon's is undone by its operator; another annotation is not.
    """
    top = promises.above(folder)
    components = [f"{top}/components/disruption-budget", f"{top}/components/istio"]
    patch = [{"op": "add", "path": "/spec/predictors/0/annotations/restarted", "value": restarted}]
    patched = {"target": {"kind": "SeldonDeployment"}, "patch": json.dumps(patch)}
    text = {"resources": [f"{top}/overlays/ab-test"], "components": components, "patches": [patched]}
    (folder / "kustomization.yaml").write_text(json.dumps(text))
    return folder


def ready_pods(cluster, predictor):
    """The names of those that are ready and there to stay."""
    return {
        pod["metadata"]["name"]
        for pod in cluster.pods(predictor)
        if {"type": "Ready", "status": "True"}.items()
        <= next((c for c in pod["status"].get("conditions", []) if c["type"] == "Ready"), {}).items()
    }


def test_a_restart_a_killed_container_and_new_weights_lose_no_request(cluster, tmp_path):
    cluster.bring(two_of_each_in(tmp_path))
    old = ready_pods(cluster, "champion")
    assert len(old) == len(ready_pods(cluster, "challenger")) == 2
    with Load(cluster.url, RATE_PER_SECOND, largest=10**6, body=promises.BODY) as load:
        promises.eventually(lambda: len(load.answers) > 100)
        cluster.bring(two_of_each_in(tmp_path, restarted="once"))
        promises.eventually(lambda: not old & ready_pods(cluster, "champion"), 60, "the end of the old Pods")
        assert len(ready_pods(cluster, "champion")) == 2
        assert load.failures == {}, "a rolling restart"

        pod = min(ready_pods(cluster, "champion"))
        engine = processes_of_container(pod, ENGINE)
        assert engine, "its Pods are no processes of this machine, so none of their containers can be killed from here"
        for process in engine:
            process.send_signal(signal.SIGKILL)
        n_until_killed = len(load.answers)
        promises.eventually(lambda: len(load.answers) > n_until_killed + 500, what="500 answers after the kill")
        assert load.failures == {}, "a killed executor"

        cluster.kubectl("patch", "sdep", "xgboost", "-n", NAMESPACE, "--type=json", "-p", weights(90, 10))
        promises.eventually(lambda: cluster.gateway_weights() == [90, 10], what="the new weights")
        n_until_moved = len(load.answers)
        promises.eventually(lambda: len(load.answers) > n_until_moved + 200)
    assert load.failures == {}, "a change of weights"


def weights(*percent):
    return json.dumps(
        [{"op": "replace", "path": f"/spec/predictors/{i}/traffic", "value": p} for i, p in enumerate(percent)]
    )
