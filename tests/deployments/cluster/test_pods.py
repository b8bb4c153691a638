"""Why a Pod is not ready, in the states that a kubelet reports."""

import pytest
from objects_of_a_cluster import a_pod

from deployments.cluster.pods import troubles


def warning(reason, message, at="2026-01-01T00:00:00Z", name="p"):
    involved = {"kind": "Pod", "name": name}
    return {"type": "Warning", "reason": reason, "message": message, "involvedObject": involved, "lastTimestamp": at}


def of_container(container, events=()):
    """The trouble of container `m`, the engine's left out."""
    pod = a_pod("p", "owner", ready=False, container=container)
    (found,) = (each for each in troubles(pod, events) if each.container == "m")
    return found


def waiting(reason, message=None, **more):
    return {"state": {"waiting": {"reason": reason, **({"message": message} if message else {})}}, **more}


def test_a_ready_pod_has_none():
    assert troubles(a_pod("p", "owner")) == []


@pytest.mark.parametrize(
    ("container", "what", "is_hopeless"),
    [
        (waiting("ErrImagePull", "not found"), "its image model:1 is not there (ErrImagePull: not found)", False),
        (waiting("ImagePullBackOff"), "its image model:1 is not there (ImagePullBackOff)", True),
        (waiting("InvalidImageName"), "its image model:1 is not there (InvalidImageName)", True),
        (
            waiting("CreateContainerConfigError", 'secret "s" not found'),
            'it cannot be created (CreateContainerConfigError: secret "s" not found)',
            True,
        ),
        (
            waiting(
                "CrashLoopBackOff",
                restartCount=3,
                lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            ),
            "it ends again and again, the last time with exit code 137, OOMKilled (it needed more memory than its",
            True,
        ),
        (waiting("CrashLoopBackOff", restartCount=1), "it ends again and again, after 1 restart", False),
        (waiting("ContainerCreating"), "it is being created", False),
        (
            {"state": {"terminated": {"exitCode": 2, "reason": "Error", "message": "no model\n"}}},
            "it ended with exit code 2, Error: no model; it is started again",
            False,
        ),
        ({"restartCount": 2}, "it runs after 2 restarts and is not ready", False),
    ],
)
def test_the_state_of_a_container_is_told(container, what, is_hopeless):
    found = of_container(container)
    assert found.what.startswith(what)
    assert found.is_hopeless == is_hopeless


def test_a_failing_probe_is_told_in_the_kubelets_words_the_newest_ones():
    events = [
        warning("Unhealthy", "Readiness probe failed: HTTP 503", "2026-01-01T00:00:02Z"),
        warning("Unhealthy", "Readiness probe failed: connection refused", "2026-01-01T00:00:01Z"),
        warning("Unhealthy", "of another", "2026-01-01T00:00:03Z", name="q"),
    ]
    assert of_container({}, events).what == "it runs and is not ready: Readiness probe failed: HTTP 503"


def test_an_init_container_that_has_not_ended_is_told_and_one_that_has_is_not():
    pod = a_pod("p", "owner", ready=False)
    pod["status"]["containerStatuses"] = []
    done = {"name": "done", "ready": True, "state": {"terminated": {"exitCode": 0}}}
    fetching = {"name": "fetch", "ready": False, "state": {"running": {}}}
    pod["status"]["initContainerStatuses"] = [done, fetching]
    (found,) = troubles(pod)
    assert (found.container, found.what) == ("fetch", "it fetches what the others need (init container)")


def test_a_volume_that_cannot_be_mounted_is_told_from_the_events():
    pod = a_pod("p", "owner", ready=False)
    for each in pod["status"]["containerStatuses"]:
        each["state"] = {"waiting": {"reason": "ContainerCreating"}}
    events = [warning("FailedMount", 'persistentvolumeclaim "models" not found')]
    assert str(troubles(pod, events)[-1]) == 'p: FailedMount: persistentvolumeclaim "models" not found'


def test_an_evicted_pod_says_so():
    pod = a_pod("p", "owner", ready=False)
    pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    assert [str(each) for each in troubles(pod)] == ["p: Evicted: low on memory"]
