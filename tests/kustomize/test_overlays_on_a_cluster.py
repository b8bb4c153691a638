"""A real API server with Seldon's webhook takes what we take, and refuses the rest in the very words of our rules.

FORKCAST_TEST_KUBECONFIG names the kubeconfig of a throw-away cluster with Seldon Core's operator.
"""

import json
import os
import secrets
import subprocess
from pathlib import Path

import pytest
import yaml

from deployments.render import kubectl_program, render
from deployments.seldon import InvalidDeployment, load_documents, verdicts, webhook_message

KUSTOMIZE = Path(__file__).parents[2] / "kustomize"
KUBECONFIG = os.environ.get("FORKCAST_TEST_KUBECONFIG")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.component,
    pytest.mark.skipif(
        KUBECONFIG is None, reason="FORKCAST_TEST_KUBECONFIG names no kubeconfig of a cluster for tests"
    ),
]


def kubectl(*arguments, stdin=None):
    return subprocess.run(
        [kubectl_program(), "--kubeconfig", KUBECONFIG, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def succeeded(*arguments, stdin=None):
    finished = kubectl(*arguments, stdin=stdin)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture
def namespace():
    """One of our own, so that what somebody else has in `seldon` stays."""
    name = f"forkcast-test-{secrets.token_hex(4)}"
    succeeded("create", "namespace", name)
    yield name
    succeeded("delete", "namespace", name, "--wait=false")


@pytest.fixture
def overlay(tmp_path, namespace):
    """The A/B overlay as it stands, put into the namespace of the test."""
    ab_test = os.path.relpath(KUSTOMIZE / "overlays" / "ab-test", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"namespace: {namespace}\nresources: [{ab_test}]\n")
    return tmp_path


def test_the_overlay_is_taken_in_a_dry_run_in_a_real_one_and_again(overlay, namespace):
    assert "created (server dry run)" in succeeded("apply", "-k", str(overlay), "--dry-run=server")
    assert "created" in succeeded("apply", "-k", str(overlay))
    get = ("-n", namespace, "get", "seldondeployment", "xgboost", "-o", "json")
    first = json.loads(succeeded(*get))
    # kubectl says `configured`, for the API server has filled in the protocol of each port; nothing changes by it.
    succeeded("apply", "-k", str(overlay))
    stored = json.loads(succeeded(*get))
    assert stored["metadata"]["generation"] == first["metadata"]["generation"] == 1
    (deployment,) = load_documents(json.dumps(stored), "the cluster")
    (ours,) = load_documents(render(overlay).text, "the overlay")
    assert [p.name for p in deployment.spec.predictors] == ["champion", "challenger"]
    assert deployment.spec.predictors[0].graph == ours.spec.predictors[0].graph
    assert "deleted" in succeeded("delete", "-k", str(overlay))


def test_the_operator_creates_one_pod_for_each_predictor(overlay, namespace):
    succeeded("apply", "-k", str(overlay))
    for predictor in ("champion", "challenger"):
        name = f"deployment/xgboost-{predictor}-0-classifier-outlier-detector"
        succeeded("-n", namespace, "wait", "--for=create", name, "--timeout=60s")
        created = json.loads(succeeded("-n", namespace, "get", name, "-o", "json"))
        pod = created["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsUser"] == 8888
        names = [container["name"] for container in pod["containers"]]
        assert names == ["classifier", "outlier-detector", "seldon-container-engine"]


def test_a_split_of_50_to_40_is_refused_in_the_words_of_our_rules(overlay, namespace):
    (document,) = yaml.safe_load_all(render(overlay).text)
    document["spec"]["predictors"][1]["traffic"] = 40
    text = json.dumps(document)
    with pytest.raises(InvalidDeployment) as caught:
        load_documents(text, "broken")
    words = webhook_message(None, list(caught.value.findings))
    # At this verbosity kubectl shows the API server's answer itself, which it otherwise words anew.
    refused = kubectl("create", "-v=8", "-f", "-", stdin=text)
    assert refused.returncode != 0
    assert json.dumps(f'admission webhook "v1.vseldondeployment.kb.io" denied the request: {words}') in refused.stderr
    assert "NotFound" in kubectl("-n", namespace, "get", "seldondeployment", "xgboost").stderr


def changed(overlay, place, value):
    """The A/B deployment with another value at a place, and our verdict on it."""
    (document,) = yaml.safe_load_all(render(overlay).text)
    *above, last = place
    node = document
    for step in above:
        node = node[step]
    node[last] = value
    (verdict,) = verdicts(json.dumps(document), "changed")
    return json.dumps(document), verdict


CONTAINER = ("spec", "predictors", 0, "componentSpecs", 0, "spec", "containers", 0)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "annotations", "seldon.io/rest-timeout"), 5000),
        (("spec", "predictors", 0, "graph", "name"), None),
        ((*CONTAINER, "env", 0, "value"), True),
        ((*CONTAINER, "ports"), {}),
        (("metadata", "name"), "Xgboost_1"),
        (("metadata", "labels"), {"a": "c d"}),
        (("metadata", "annotations"), {"a b": "c d"}),
    ],
)
def test_what_the_schema_refuses_is_refused_in_the_api_servers_words(overlay, place, value):
    text, verdict = changed(overlay, place, value)
    assert verdict.refused_by == "schema"
    refused = kubectl("create", "-v=8", "--validate=false", "-f", "-", stdin=text)
    assert refused.returncode != 0
    assert json.dumps(verdict.message) in refused.stderr


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "annotations", "seldon.io/rest-timeout"), "5s"),
        (("spec", "predictors", 0, "name"), "Champion"),
        ((*CONTAINER, "image"), ""),
    ],
)
def test_what_we_say_the_operator_fails_on_is_taken_and_fails(overlay, namespace, place, value):
    text, verdict = changed(overlay, place, value)
    assert verdict.refused_by == "operator"
    assert "created" in succeeded("create", "-f", "-", stdin=text)
    failed = "--for=jsonpath={.status.state}=Failed"
    succeeded("-n", namespace, "wait", failed, "sdep/xgboost", "--timeout=60s")


def test_what_the_overlays_stand_on_is_taken_even_where_the_namespace_exists(namespace, tmp_path):
    base = os.path.relpath(KUSTOMIZE / "namespace", tmp_path)
    rename = f'[{{"op": "replace", "path": "/metadata/name", "value": "{namespace}"}}]'
    (tmp_path / "kustomization.yaml").write_text(
        f"namespace: {namespace}\nresources: [{base}]\n"
        f"patches: [{{target: {{kind: Namespace}}, options: {{allowNameChange: true}}, patch: '{rename}'}}]\n"
    )
    assert "persistentvolumeclaim/models created" in succeeded("apply", "-k", str(tmp_path))
