"""`forkcast … --target cluster` where there is no cluster, or one that says no; logs, from a server that has some."""

import json
import signal
import subprocess
import sys
import time

import pytest
from fake_api import FakeApi, kubeconfig, running
from objects_of_a_cluster import SOURCE, TEXT, a_pod, a_served_deployment, line_of, manifest_of

from deployments.cli.main import main
from deployments.cluster.connection import Connection
from deployments.cluster.errors import NotAvailable
from deployments.cluster.view import View
from deployments.cluster.waiting import Awaited, wait


@pytest.fixture
def api():
    return FakeApi()


@pytest.fixture
def config(api, tmp_path):
    with running(api) as address:
        file = tmp_path / "kubeconfig"
        file.write_text(kubeconfig(address))
        yield file


@pytest.fixture
def forkcast(monkeypatch, capsys):
    """The exit code, and what went to the standard output and to the standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["forkcast", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return caught.value.code, captured.out, captured.err

    return run


@pytest.fixture
def overlay(tmp_path):
    file = tmp_path / "overlay.yaml"
    file.write_text(TEXT)
    return file


# the way to the cluster


def test_no_kubeconfig_is_told_with_where_it_was_looked_for(forkcast, monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    code, _, told = forkcast("status", "--target", "cluster")
    assert code == 2
    assert f"there is no kubeconfig at {tmp_path}/.kube/config; name one with --kubeconfig" in told


@pytest.mark.parametrize("text", ["", "- a", "{", "kind: Config\n", "\x00\x01"])
def test_a_file_that_is_no_kubeconfig_is_refused_by_name(forkcast, tmp_path, text):
    file = tmp_path / "odd"
    file.write_text(text)
    code, _, told = forkcast("status", "--target", "cluster", "--kubeconfig", file)
    assert code == 2
    assert f"{file} is no kubeconfig that can be" in told
    assert "Traceback" not in told


def test_an_unknown_context_is_told_with_those_that_there_are(forkcast, config):
    code, _, told = forkcast("status", "--target", "cluster", "--kubeconfig", config, "--context", "there")
    assert code == 2
    assert f"{config} has no context there; it has: here" in told


def test_a_server_that_does_not_answer_is_told_with_its_address(forkcast, tmp_path):
    with running(FakeApi()) as address:
        pass  # and is gone again
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(address))
    code, _, told = forkcast("status", "--target", "cluster", "--kubeconfig", file)
    assert code == 1
    assert f"{address} does not answer" in told
    assert "kubectl --context here version" in told


def test_a_server_that_is_no_api_server_is_told_as_one(forkcast, api, config):
    api.answers["/api/v1"] = (200, "<html>")
    code, _, told = forkcast("status", "--target", "cluster", "--kubeconfig", config)
    assert code == 1
    assert "answered with something that is no JSON" in told


def test_a_user_whom_the_server_does_not_know_is_told_to_log_in(forkcast, api, config):
    api.answers["/api/v1"] = (401, {"kind": "Status", "message": "Unauthorized", "code": 401})
    code, _, told = forkcast("status", "--target", "cluster", "--kubeconfig", config)
    assert code == 1
    assert "does not know who asks (401); log in" in told


def test_a_missing_right_is_told_with_a_way_to_ask_for_it(forkcast, api, config):
    message = 'pods is forbidden: User "jo" cannot list resource "pods" in API group "" in the namespace "ns"'
    api.answers["/api/v1/namespaces/ns/pods"] = (403, {"kind": "Status", "message": message, "code": 403})
    code, _, told = forkcast("status", "--target", "cluster", "--kubeconfig", config)
    assert code == 1
    assert "does not let you list pods in ns" in told
    assert "kubectl auth can-i list pods -n ns" in told


def test_a_cluster_without_seldon_is_told_as_one(forkcast, api, config, overlay):
    api.answers["/apis/machinelearning.seldon.io/v1"] = (404, {"kind": "Status", "code": 404})
    for verb in (["status"], ["apply", overlay], ["logs"]):
        code, _, told = forkcast(*verb, "--target", "cluster", "--kubeconfig", config)
        assert code == 1
        assert "Seldon Core v1 is not installed there" in told


def test_a_kind_that_the_cluster_does_not_know_is_refused_with_its_line(forkcast, api, config, overlay):
    overlay.write_text(f"{TEXT}---\napiVersion: keda.sh/v1\nkind: Nonsense\nmetadata: {{name: a}}\n")
    code, _, told = forkcast("apply", overlay, "--target", "cluster", "--kubeconfig", config)
    assert code == 2
    assert f"{overlay}:{len(TEXT.splitlines()) + 3}: " in told
    assert "knows no kind Nonsense in keda.sh/v1" in told
    assert not [path for method, path, _ in api.requests if method == "PATCH"]


def test_where_nothing_was_applied_status_logs_and_down_say_so_and_where_else_something_was(forkcast, api, config):
    labels = {"forkcast.dev/inventory": "serving"}
    api.answers["/api/v1/configmaps"] = (200, {"items": [{"metadata": {"namespace": "other", "labels": labels}}]})
    for verb in ("status", "logs", "down"):
        code, _, told = forkcast(verb, "--target", "cluster", "--kubeconfig", config)
        assert code == 2
        assert "nothing was applied in namespace ns" in told
        assert "there is something in: other (see --namespace)" in told


def test_an_option_of_the_other_target_is_refused(forkcast, overlay):
    code, _, told = forkcast("apply", overlay, "--context", "here", "--timeout", "3")
    assert code == 2
    assert "--context, --timeout are for --target cluster, and the target is local" in told
    code, _, told = forkcast("down", "--target", "cluster", "--state", "elsewhere")
    assert code == 2
    assert "--state is for --target local, and the target is cluster" in told


# what is there


def test_status_as_json_has_the_versions_that_the_pods_tell_and_shows_what_may_not_be_listed(forkcast, api, config):
    api.serve(a_served_deployment())
    metadata = {"models": {"m": {"versions": ["7"]}}}
    api.answers["/api/v1/namespaces/ns/pods/sd-a-0-m-1-x:8000/proxy/api/v1.0/metadata"] = (200, metadata)
    forbidden = (403, {"kind": "Status", "message": "no", "code": 403})
    api.answers["/apis/networking.istio.io/v1/namespaces/ns/virtualservices"] = forbidden
    code, out, _ = forkcast("status", "--json", "--target", "cluster", "--kubeconfig", config)
    assert code == 0
    told = json.loads(out)
    assert (told["context"], told["namespace"], told["not_allowed_to_list"]) == ("here", "ns", ["VirtualService"])
    a, b = told["deployments"][0]["predictors"]
    assert (a["arms"][0]["model_version"], b["arms"][0]["model_version"]) == ("7", "unknown")
    assert (a["traffic_percent"], a["gateway_percent"]) == (90, None)


# logs: a cluster for tests may have no kubelet to ask for them


def log_path(pod):
    return f"/api/v1/namespaces/ns/pods/{pod}/log"


def test_logs_are_asked_for_by_the_api_servers_path_and_shown_with_who_wrote_them(forkcast, api, config):
    api.serve(a_served_deployment())
    api.answers[log_path("sd-a-0-m-1-x")] = (200, "first\nsecond [bold]\n")
    code, out, _ = forkcast("logs", "a/m", "-n", "7", "--target", "cluster", "--kubeconfig", config)
    assert code == 0
    assert out.splitlines() == ["   a/x/m | first", "   a/x/m | second [bold]"]
    query = {"container": "m", "tailLines": "7", "previous": "false"}
    assert ("GET", log_path("sd-a-0-m-1-x"), query) in api.requests


def test_logs_without_a_name_are_those_of_every_container(forkcast, api, config):
    api.serve(a_served_deployment())
    for pod in ("sd-a-0-m-1-x", "sd-b-0-m-1-x"):
        api.answers[log_path(pod)] = (200, "written\n")
    code, out, _ = forkcast("logs", "--target", "cluster", "--kubeconfig", config)
    assert code == 0
    writers = [line.partition(" |")[0].strip() for line in out.splitlines()]
    assert writers == ["a/x/m", "a/x/seldon-container-engine", "b/x/m", "b/x/seldon-container-engine"]


def test_logs_are_followed_line_by_line_until_the_container_ends(forkcast, api, config):
    api.serve(a_served_deployment())
    api.answers[log_path("sd-b-0-m-1-x")] = (200, ["one\ntw", "o\nthr", "ee"])
    code, out, _ = forkcast("logs", "b/m", "--follow", "--target", "cluster", "--kubeconfig", config)
    assert code == 0
    assert [line.partition("| ")[2] for line in out.splitlines()] == ["one", "two", "three"]
    query = {"container": "m", "tailLines": "50", "follow": "true"}
    assert ("GET", log_path("sd-b-0-m-1-x"), query) in api.requests


def test_a_log_that_may_not_be_read_is_told_with_the_right_that_is_missing(forkcast, api, config):
    api.serve(a_served_deployment())
    message = 'pods "x" is forbidden: User "jo" cannot get resource "pods/log" in API group "" in the namespace "ns"'
    api.answers[log_path("sd-a-0-m-1-x")] = (403, {"kind": "Status", "message": message, "code": 403})
    code, _, told = forkcast("logs", "a/m", "--target", "cluster", "--kubeconfig", config)
    assert code == 1
    assert "does not let you read the log of sd-a-0-m-1-x/m" in told
    assert "kubectl auth can-i get pods/log -n ns" in told


def test_logs_of_an_unknown_name_are_refused_with_the_names_that_there_are(forkcast, api, config):
    api.serve(a_served_deployment())
    code, _, told = forkcast("logs", "a/nothing", "--target", "cluster", "--kubeconfig", config)
    assert code == 2
    assert "there is no a/nothing; there are: a/m, a/seldon-container-engine, b/m" in told


def test_the_last_words_of_a_crashed_container_stand_with_its_line(api, config):
    objects = a_served_deployment()
    objects["Deployment"][0]["status"].update(availableReplicas=0)
    crashed = {"restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    objects["Pod"][0] = a_pod("p", "ReplicaSet-sd-a-0-m-1", ready=False, container=crashed)
    api.serve(objects)
    api.answers[log_path("p")] = (200, "Traceback\nModuleNotFoundError: No module named 'nowhere'\n")
    waited: list[str] = []
    with Connection(config, None) as connection:
        view = View(connection, None, lambda _: None)
        awaited = [Awaited(*manifest_of())]
        options = {
            "timeout_seconds": 0,
            "has_changed": False,
            "has_served": True,
            "until_ended": False,
            "started": connection.server_time,
        }
        with pytest.raises(NotAvailable) as caught:
            wait(view, awaited, waited.extend, **options)
    told = caught.value.message.splitlines()
    at = told.index("        ModuleNotFoundError: No module named 'nowhere'")
    assert told[0] == "SeldonDeployment sd is not available after 0 s"
    assert told[at - 3].startswith(f"  {SOURCE}:{line_of('- name: m')}: p/m: it ends again and again")
    assert told[at - 2] == "      the last lines of its log:"
    assert ("GET", log_path("p"), {"container": "m", "tailLines": "12", "previous": "true"}) in api.requests
    assert "Deployment sd-a-0-m: 0 of 1 Pods ready" in waited
    assert "what served before goes on serving" in told[-1]


# broken off


def test_a_server_that_goes_away_in_between_is_told_with_what_was_applied_and_what_was_not(
    forkcast, api, config, overlay
):
    overlay.write_text(f"{TEXT}---\napiVersion: v1\nkind: Service\nmetadata: {{name: store}}\n")
    path = "/apis/machinelearning.seldon.io/v1/namespaces/ns/seldondeployments/sd"
    api.answers[path] = (503, {"kind": "Status", "message": "etcd is away", "code": 503})
    code, out, told = forkcast("apply", overlay, "--target", "cluster", "--kubeconfig", config)
    assert code == 1
    assert out == "Service store created\n"
    assert "etcd is away" in told
    assert "applied: Service store; not applied: SeldonDeployment sd. The cluster goes on" in told


@pytest.mark.component
def test_ctrl_c_says_what_is_under_way_and_the_inventory_has_it(api, config, overlay):
    """No operator acts on the fake server, so the command waits until it is told to stop."""
    command = [sys.executable, "-u", "-m", "deployments.cli.main", "apply", str(overlay), "--target", "cluster"]
    with subprocess.Popen(
        [*command, "--kubeconfig", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "SeldonDeployment sd created\n"
            deadline = time.monotonic() + 30
            while "waiting for" not in process.stdout.readline():
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "stopped waiting; applied: SeldonDeployment sd. The cluster goes on" in told
    assert "Traceback" not in told
    inventory = api.stored["/api/v1/namespaces/ns/configmaps/forkcast-inventory-serving"]
    (recorded,) = json.loads(inventory["data"]["objects"])
    assert (recorded["kind"], recorded["name"]) == ("SeldonDeployment", "sd")
