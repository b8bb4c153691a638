"""A life of overlays on a real API server with Seldon's real operator: applied, changed, refused, broken, removed.

The tests stand in the order of that life and share one namespace, since Seldon's executor waits 20 s before each Pod of
it counts as ready. FORKCAST_TEST_KUBECONFIG names the kubeconfig of a throw-away cluster,
FORKCAST_TEST_GRAPH_SERVER_IMAGE an image there whose entry point is `python -m model_server.graph` and which has
tests/kustomize/cluster_models.py on its path.
"""

import json
import secrets

import pytest
import yaml
from cluster_under_test import (
    IMAGE,
    KUBECONFIG,
    forkcast,
    kubectl,
    names,
    objects,
    predictor,
    seldon_deployment,
    succeeded,
    write_overlay,
)

from deployments.render import render

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.component,
    pytest.mark.skipif(
        KUBECONFIG is None or IMAGE is None,
        reason="FORKCAST_TEST_KUBECONFIG and FORKCAST_TEST_GRAPH_SERVER_IMAGE name no cluster and image for tests",
    ),
]

STORE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "store"},
    "spec": {
        "selector": {"matchLabels": {"app": "store"}},
        "template": {
            "metadata": {"labels": {"app": "store"}},
            "spec": {"containers": [{"name": "valkey", "image": f"{IMAGE}:1", "args": ["cluster_models.PlusOne"]}]},
        },
    },
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "kept"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
}


def two_predictors(first, second):
    return seldon_deployment(predictor("a", first, image=f"{IMAGE}:1"), predictor("b", second, image=f"{IMAGE}:1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("overlays")


@pytest.fixture(scope="module")
def namespace(folder):
    """With two predictors in it, a store and a claim, all applied by us, and a ConfigMap that is somebody else's."""
    name = f"forkcast-test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    kubectl("-n", name, "create", "configmap", "foreign", "--from-literal=a=b")
    try:
        overlay = write_overlay(folder, "first", two_predictors(50, 50), STORE, CLAIM)
        succeeded(forkcast("apply", overlay, "--namespace", name))
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def status(namespace):
    return lambda: json.loads(succeeded(forkcast("status", "--json", "--namespace", namespace)))


def has_istio(namespace):
    return "virtualservices.networking.istio.io" in kubectl("get", "crd", "-o", "name") and bool(
        names(namespace, "virtualservice")
    )


def test_status_tells_shares_replicas_versions_and_what_the_operator_created(namespace, status):
    told = status()
    (deployment,) = told["deployments"]
    assert (deployment["state"], deployment["applied_by_forkcast"]) == ("Available", True)
    for each in deployment["predictors"]:
        assert (each["traffic_percent"], each["replicas_ready"], each["replicas_wanted"]) == (50, 1, 1)
        (arm,) = each["arms"]
        assert (arm["node"], arm["image"], arm["model_version"]) == ("plus-one", f"{IMAGE}:1", "1")
        assert each["troubles"] == []
        if has_istio(namespace):
            assert each["gateway_percent"] == 50
    created = {(each["kind"], each["name"]) for each in deployment["created"]}
    assert {("Deployment", "sd-a-0-plus-one"), ("Service", "sd-b")} <= created
    (applied,) = told["applied"]
    assert set(applied["objects"]) == {"SeldonDeployment/sd", "Deployment/store", "PersistentVolumeClaim/kept"}
    assert "sd" in succeeded(forkcast("status", "--namespace", namespace))


def test_a_change_of_traffic_reaches_the_gateway_and_starts_no_pod(namespace, folder, status):
    before = names(namespace, "replicaset")
    overlay = write_overlay(folder, "shifted", two_predictors(90, 10), STORE, CLAIM)
    said = succeeded(forkcast("apply", overlay, "--namespace", namespace))
    assert "SeldonDeployment sd changed" in said
    assert "Deployment store unchanged" in said
    assert names(namespace, "replicaset") == before
    shares = {each["predictor"]: each for each in status()["deployments"][0]["predictors"]}
    assert (shares["a"]["traffic_percent"], shares["b"]["traffic_percent"]) == (90, 10)
    if has_istio(namespace):
        assert (shares["a"]["gateway_percent"], shares["b"]["gateway_percent"]) == (90, 10)


def kubeconfig_of(account, namespace, folder):
    """A kubeconfig for a service account of the namespace."""
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify"))
    config["users"][0]["user"] = {"token": kubectl("-n", namespace, "create", "token", account).strip()}
    file = folder / f"{account}.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def test_the_rights_that_the_documentation_names_are_enough_and_one_that_is_missing_is_named(namespace, folder):
    rights = [
        "--verb=get,list,create,patch,delete",
        "--resource=seldondeployments.machinelearning.seldon.io,deployments.apps,configmaps,persistentvolumeclaims",
    ]
    kubectl("-n", namespace, "create", "role", "writer", *rights)
    kubectl("-n", namespace, "create", "role", "reader", "--verb=list", "--resource=replicasets.apps,pods")
    kubectl("-n", namespace, "create", "serviceaccount", "allowed")
    kubectl("-n", namespace, "create", "serviceaccount", "not-quite")
    for role, account in (("writer", "allowed"), ("reader", "allowed"), ("writer", "not-quite")):
        subject = f"--serviceaccount={namespace}:{account}"
        kubectl("-n", namespace, "create", "rolebinding", f"{role}-{account}", f"--role={role}", subject)
    overlay = folder / "shifted"
    allowed = kubeconfig_of("allowed", namespace, folder)
    assert "SeldonDeployment sd unchanged" in succeeded(
        forkcast("apply", overlay, "--namespace", namespace, kubeconfig=allowed)
    )
    told = json.loads(succeeded(forkcast("status", "--json", "--namespace", namespace, kubeconfig=allowed)))
    assert {"Event", "Service"} <= set(told["not_allowed_to_list"])
    assert told["deployments"][0]["predictors"][0]["arms"][0]["model_version"] == "unknown"
    not_quite = kubeconfig_of("not-quite", namespace, folder)
    refused = forkcast("apply", overlay, "--namespace", namespace, kubeconfig=not_quite)
    assert refused.returncode == 1
    assert f"kubectl auth can-i list replicasets.apps -n {namespace}" in refused.stderr


def test_an_overlay_against_seldons_rules_is_refused_with_its_line_and_changes_nothing(namespace, folder):
    overlay = write_overlay(folder, "uneven", two_predictors(50, 40), STORE, CLAIM)
    lines = render(overlay).text.splitlines()
    generation = objects(namespace, "sdep")[0]["metadata"]["generation"]
    refused = forkcast("apply", overlay, "--namespace", namespace)
    assert refused.returncode == 2
    line = int(refused.stderr.partition("(as rendered):")[2].partition(":")[0])
    assert lines[line - 1].strip() == "traffic: 50"
    assert "Traffic must sum to 100 for multiple predictors" in refused.stderr
    assert objects(namespace, "sdep")[0]["metadata"]["generation"] == generation


def test_what_only_the_api_server_refuses_is_told_with_its_line_before_anything_is_changed(namespace, folder):
    broken = yaml.safe_load(yaml.safe_dump(STORE))
    broken["spec"]["template"]["metadata"]["labels"] = {"app": "another"}
    overlay = write_overlay(folder, "mislabelled", two_predictors(60, 40), broken, CLAIM)
    lines = render(overlay).text.splitlines()
    refused = forkcast("apply", overlay, "--namespace", namespace)
    assert refused.returncode == 2
    line = int(refused.stderr.partition("(as rendered):")[2].partition(":")[0])
    assert lines[line - 1].strip() == "labels:"
    assert "Deployment store: refused by the API server: spec.template.metadata.labels" in refused.stderr
    assert "nothing was changed" in refused.stderr
    predictors = objects(namespace, "sdep")[0]["spec"]["predictors"]
    assert [each["traffic"] for each in predictors] == [90, 10]


def test_fields_of_another_manager_are_named_with_it_and_taken_over_only_when_told_to(namespace, folder):
    theirs = {**two_predictors(70, 30), "metadata": {"name": "sd", "namespace": namespace}}
    kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=someone", "-f", "-", stdin=json.dumps(theirs)
    )
    overlay = write_overlay(folder, "contested", two_predictors(80, 20), STORE, CLAIM)
    refused = forkcast("apply", overlay, "--namespace", namespace)
    assert refused.returncode == 2
    assert 'SeldonDeployment sd: spec.predictors is managed by "someone"' in refused.stderr
    assert "--force-conflicts" in refused.stderr
    assert "nothing was changed" in refused.stderr
    succeeded(forkcast("apply", overlay, "--namespace", namespace, "--force-conflicts"))
    assert [each["traffic"] for each in objects(namespace, "sdep")[0]["spec"]["predictors"]] == [80, 20]


def test_a_pod_that_never_becomes_ready_is_explained_while_the_old_one_goes_on(namespace, folder, status):
    bad = seldon_deployment(
        predictor("a", 80, image=f"{IMAGE}:1"), predictor("b", 20, image=f"{IMAGE}:1", class_name="NoSuchClass")
    )
    overlay = write_overlay(folder, "broken", bad, STORE, CLAIM)
    lines = render(overlay).text.splitlines()
    failed = forkcast("apply", overlay, "--namespace", namespace, "--timeout", "60")
    assert failed.returncode == 1
    assert "SeldonDeployment sd cannot become available as it stands" in failed.stderr
    assert "what served before goes on serving" in failed.stderr
    told = next(line for line in failed.stderr.splitlines() if "CrashLoopBackOff" in line)
    assert "sd-b-0-plus-one" in told
    assert "/plus-one: it ends again and again" in told
    line = int(told.partition("(as rendered):")[2].partition(":")[0])
    container = next(n for n, text in enumerate(lines, 1) if "NoSuchClass" in text)
    assert line <= container <= line + 8  # the container's first line, and its env within it
    b = next(each for each in status()["deployments"][0]["predictors"] if each["predictor"] == "b")
    assert b["replicas_ready"] == 1
    assert any("/plus-one: it " in each for each in b["troubles"])


def test_another_overlay_prunes_what_an_earlier_apply_made_and_nothing_else(namespace, folder):
    mended = predictor("b", 20, image=f"{IMAGE}:1", MENDED="yes")
    overlay = write_overlay(folder, "alone", seldon_deployment(predictor("a", 80, image=f"{IMAGE}:1"), mended))
    said = succeeded(forkcast("apply", overlay, "--namespace", namespace))
    assert "Deployment store is no longer in the overlay: deleted" in said
    assert "store" not in names(namespace, "deployment")
    assert names(namespace, "persistentvolumeclaim") == {"kept"}
    assert "foreign" in names(namespace, "configmap")


def test_the_api_server_knows_the_way_to_a_log(namespace):
    """Only the way: a cluster for tests may have no kubelet to ask; what is done with a log is in test_command.py."""
    done = forkcast("logs", "a/plus-one", "--namespace", namespace, "-n", "3")
    assert done.returncode == 0 or "could not read the log of sd-a-0-plus-one-" in done.stderr
    assert "pods/log" in kubectl("get", "--raw", "/api/v1")
    unknown = forkcast("logs", "c", "--namespace", namespace)
    assert unknown.returncode == 2
    assert "there is no c; there are: a/plus-one, a/seldon-container-engine, b/plus-one" in unknown.stderr


def test_down_leaves_no_trace_but_claims_and_what_is_somebody_elses(namespace):
    said = succeeded(forkcast("down", "--namespace", namespace))
    assert "what stays: PersistentVolumeClaim kept, Namespace" in said
    assert names(namespace, "sdep,deployment,replicaset,pod,service") == set()
    assert "foreign" in names(namespace, "configmap")
    assert names(namespace, "persistentvolumeclaim") == {"kept"}
    again = succeeded(forkcast("down", "--namespace", namespace, "--volumes-too"))
    assert "PersistentVolumeClaim kept deleted" in again
    gone = forkcast("down", "--namespace", namespace)
    assert gone.returncode == 2
    assert "nothing was applied in namespace" in gone.stderr
    assert not [name for name in names(namespace, "configmap") if name.startswith("forkcast")]
