"""A rollout is done when everything that serves is what the document says; until then it says what it waits for."""

import copy

import pytest
from objects_of_a_cluster import TEXT, a_pod, a_served_deployment, line_of, manifest_of

from deployments.cluster.readiness import ending, rollout, workload_rollout
from deployments.cluster.waiting import lasting

CONTAINER = "spec.predictors[0].componentSpecs[0].spec.containers[0]"


def seen(change=lambda objects: None, text=TEXT):
    """How far the rollout of `text` is in a cluster that serves TEXT, changed."""
    objects = a_served_deployment()
    change(objects)
    return rollout(*manifest_of(text), objects)


def test_what_is_served_as_written_is_done():
    assert seen().is_done
    assert seen().problems == ()


def first(kind):
    def of(objects):
        return objects[kind][0]

    return of


@pytest.mark.parametrize(
    ("change", "waiting"),
    [
        (lambda o: o["SeldonDeployment"].clear(), "SeldonDeployment sd to be stored"),
        (lambda o: o["SeldonDeployment"][0].pop("status"), "Seldon's operator to look at SeldonDeployment sd"),
        (
            lambda o: o["SeldonDeployment"][0].update(
                status={
                    "state": "Creating",
                    "conditions": [
                        {"type": "DeploymentsReady", "status": "False", "message": "no minimum availability"},
                        {"type": "Ready", "status": "False", "message": "no minimum availability"},
                    ],
                }
            ),
            "SeldonDeployment sd to be Available; it is Creating (DeploymentsReady: no minimum availability)",
        ),
        (lambda o: o["Deployment"].pop(0), "Deployment sd-a-0-m to be created by Seldon's operator"),
        (
            lambda o: o["Deployment"][0]["metadata"].update(generation=2),
            "Deployment sd-a-0-m to be looked at by Kubernetes",
        ),
        (
            lambda o: o["Deployment"][0]["status"].update(updatedReplicas=0),
            "Deployment sd-a-0-m: 0 of 1 new Pods started",
        ),
        (
            lambda o: o["Deployment"][0]["status"].update(replicas=2),
            "Deployment sd-a-0-m: 1 old Pods to end",
        ),
        (
            lambda o: o["Deployment"][0]["status"].update(
                availableReplicas=0,
                conditions=[
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}
                ],
            ),
            "Deployment sd-a-0-m: 0 of 1 Pods ready (ProgressDeadlineExceeded: late)",
        ),
        (
            lambda o: o["VirtualService"][0]["spec"]["http"][0]["route"][1].update(weight=90),
            "VirtualService sd to split a 90, b 10",
        ),
        (
            lambda o: o["Deployment"][0]["spec"]["template"]["spec"]["containers"][0].update(image="model:0"),
            f"Seldon's operator to take {CONTAINER}.image into Deployment sd-a-0-m",
        ),
    ],
)
def test_what_is_missing_is_named(change, waiting):
    told = seen(change)
    assert waiting in told.waiting


def test_an_available_of_the_old_state_does_not_count_for_the_new_one():
    told = seen(text=TEXT.replace("model:2", "model:3"))
    assert not told.is_done
    assert "containers[0].image into Deployment sd-b-0-m" in told.waiting[0]


def test_a_predictor_that_is_no_longer_in_the_document_is_waited_for_until_it_is_gone():
    without_b = TEXT[: TEXT.index("    - name: b")].replace("traffic: 90", "traffic: 100")
    assert "Deployment sd-b-0-m to be removed" in seen(text=without_b).waiting


def test_what_belongs_to_another_deployment_counts_for_nothing():
    def add(objects):
        other = copy.deepcopy(objects["Deployment"][0])
        other["metadata"] |= {"name": "sd-z-0-m", "ownerReferences": [{"uid": "another", "controller": True}]}
        objects["Deployment"].append(other)

    assert seen(add).is_done


def test_only_pods_of_the_newest_replica_set_are_waited_for():
    def roll(objects):
        objects["Deployment"][0]["status"].update(updatedReplicas=1, replicas=2, availableReplicas=1)
        newer = copy.deepcopy(objects["ReplicaSet"][0])
        newer["metadata"] |= {"name": "sd-a-0-m-2", "uid": "newer"}
        newer["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "10"}
        objects["ReplicaSet"][0]["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "9"}
        objects["ReplicaSet"].append(newer)
        objects["Pod"][0] = a_pod("old", "ReplicaSet-sd-a-0-m-1", ready=False)
        objects["Pod"].append(a_pod("new", "newer", ready=False))

    told = " ".join(seen(roll).waiting)
    assert "Pod new/m" in told
    assert "Pod old" not in told


def crash(objects, container="m", **status):
    objects["Deployment"][0]["status"].update(availableReplicas=0)
    state = {"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    objects["Pod"][0] = a_pod("p", "ReplicaSet-sd-a-0-m-1", ready=False, container={**state, **status})


def test_a_crashing_container_is_a_hopeless_problem_at_its_line():
    told = seen(crash)
    (problem,) = (each for each in told.problems if each.is_hopeless)
    assert problem.where == f"overlay:{line_of('- name: m')}"
    assert problem.trouble.has_crashed


def test_an_image_that_is_not_there_is_a_problem_at_the_line_of_the_image():
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    told = seen(lambda objects: crash(objects, restartCount=0, state={"waiting": waiting}))
    (problem,) = (each for each in told.problems if each.is_hopeless)
    assert problem.where == f"overlay:{line_of('image: model:1')}"
    assert "its image model:1 is not there (ImagePullBackOff: Back-off pulling image)" in problem.what


def test_a_failing_probe_is_a_problem_at_the_line_of_the_probe_and_may_pass():
    told = seen(lambda objects: crash(objects, restartCount=0, state={"running": {}}))
    problem = next(each for each in told.problems if "/m: " in each.what)
    assert problem.where == f"overlay:{line_of('readinessProbe')}"
    assert not problem.is_hopeless


def test_the_orchestrators_own_trouble_is_told_at_its_predictors_component():
    told = seen(lambda objects: crash(objects, ready=True, restartCount=0, state={"running": {}}))
    problem = next(each for each in told.problems if "seldon-container-engine" in each.what)
    assert problem.where == f"overlay:{line_of('- spec:')}"


def test_a_pod_that_no_node_takes_is_a_problem_at_the_resources():
    def unschedulable(objects):
        crash(objects)
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: cpu"}
        objects["Pod"][0]["status"] = {"phase": "Pending", "conditions": [condition]}

    (problem,) = seen(unschedulable).problems
    assert str(problem) == f"overlay:{line_of('resources')}: p: no node takes it: 0/3 nodes: cpu"


def test_a_failing_operator_is_a_hopeless_problem_with_its_words():
    status = {"state": "Failed", "description": "strconv.Atoi: parsing"}
    told = seen(lambda objects: objects["SeldonDeployment"][0].update(status=status))
    (problem,) = told.problems
    assert problem.is_hopeless
    assert str(problem) == "overlay:1: Seldon's operator fails on it: strconv.Atoi: parsing"


def test_no_replicas_never_become_available_which_is_said_at_once():
    text = TEXT.replace("    - name: b\n", "    - name: b\n      replicas: 0\n")
    told = seen(text=text)
    assert any(each.is_hopeless and "no replicas" in each.what for each in told.problems)


def test_what_keeps_a_pod_from_being_created_is_told_from_the_events():
    def quota(objects):
        objects["Deployment"][0]["status"].update(updatedReplicas=0, availableReplicas=0)
        involved = {"kind": "ReplicaSet", "name": "sd-a-0-m-1"}
        event = {"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota", "involvedObject": involved}
        objects["Event"].append(event)

    assert any("ReplicaSet sd-a-0-m-1: FailedCreate: exceeded quota" in each.what for each in seen(quota).problems)


def test_a_workload_beside_the_deployment_is_waited_for_too():
    objects = a_served_deployment()
    manifest, _ = manifest_of()
    store = copy.deepcopy(objects["Deployment"][0])
    manifest = manifest.__class__(
        manifest.ref.__class__("apps/v1", "Deployment", "sd-a-0-m", "ns"), store, manifest.document
    )
    assert workload_rollout(manifest, objects).is_done
    objects["Deployment"][0]["status"]["availableReplicas"] = 0
    assert workload_rollout(manifest, objects).waiting == ("Deployment sd-a-0-m: 0 of 1 Pods ready",)
    objects["Deployment"].clear()
    assert workload_rollout(manifest, objects).waiting == ("Deployment sd-a-0-m to be stored",)


def test_pods_of_the_deployment_that_are_on_their_way_out_are_told_and_others_are_not():
    objects = a_served_deployment()
    _, deployment = manifest_of()
    labels = {"seldon-deployment-id": "sd"}
    for name, more in (
        ("old", {"labels": labels, "deletionTimestamp": "2026-01-01T00:00:00Z"}),
        ("new", {"labels": labels}),
        ("foreign", {"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    ):
        pod = a_pod(name, "gone")
        pod["metadata"] |= more
        objects["Pod"].append(pod)
    assert ending(deployment, objects) == ("Pod old to end",)


def test_a_hopeless_problem_lasts_while_the_container_runs_for_a_moment_and_ends_when_it_is_gone():
    crashed = seen(crash).problems
    running = seen(lambda objects: crash(objects, state={"running": {}})).problems
    since = lasting(crashed, {}, 1.0)
    assert set(lasting(running, since, 5.0).values()) == {1.0}
    assert lasting((), since, 6.0) == {}
    assert lasting(running, {}, 5.0) == {}
