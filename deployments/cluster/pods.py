"""Why a Pod is not ready, from what the cluster says: its conditions, its containers' states, its events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deployments.cluster.wanted import ENGINE

IMAGE_REASONS: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
)
CONFIGURATION_REASONS: Final = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
CRASH_LOOP: Final = "CrashLoopBackOff"
PULLING_FOR_THE_FIRST_TIME: Final = "ErrImagePull"  # the kubelet tries again, and says ImagePullBackOff from then on
CONFLICT: Final = "the object has been modified"
"""Of two writers one tries again: nobody has to know."""
RESTARTS_THAT_ARE_A_LOOP: Final = 3
"""A model may not find its store on the first start, and be well on the second."""


@dataclass(frozen=True)
class Trouble:
    """What keeps one Pod, or one container of it, from being ready."""

    pod: str
    container: str | None
    """None: the Pod as a whole."""
    what: str
    field: str = ""
    """What of the container's YAML it is about, such as `image`; empty for the whole of it."""
    is_hopeless: bool = False
    """Waiting does not mend it; somebody has to change something."""
    has_crashed: bool = False
    """So the last lines of its log say why."""

    def __str__(self) -> str:
        return f"{self.pod}: {self.what}" if self.container is None else f"{self.pod}/{self.container}: {self.what}"


def troubles(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> list[Trouble]:
    """All that keeps a Pod from being ready; empty if it is. `events` are those of its namespace, in any order."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if is_ready(pod):
        return []
    warnings = _warnings(name, events)
    if status.get("phase") == "Failed":
        told = ": ".join(filter(None, (status.get("reason"), status.get("message")))) or "it failed"
        return [Trouble(name, None, told)]
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        what = f"no node takes it: {scheduled.get('message') or scheduled.get('reason') or 'no reason is given'}"
        return [Trouble(name, None, what, "resources")]
    found = list(_of_containers(pod, warnings))
    if not found or all(trouble.what == _STARTING for trouble in found):
        found += [Trouble(name, None, each) for each in warnings[-1:]]
    return found or [Trouble(name, None, f"it is {status.get('phase') or 'Pending'}")]


def is_ready(pod: Mapping[str, Any]) -> bool:
    return _condition(pod, "Ready").get("status") == "True" and "deletionTimestamp" not in pod["metadata"]


def ready_containers(pod: Mapping[str, Any]) -> tuple[int, int]:
    """How many are ready, and how many there are."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(bool(each.get("ready")) for each in statuses), len(pod["spec"]["containers"])


_STARTING: Final = "it is being created"


def _of_containers(pod: Mapping[str, Any], warnings: Sequence[str]) -> Iterator[Trouble]:
    name, status = pod["metadata"]["name"], pod["status"]
    for each in status.get("initContainerStatuses") or []:
        done = ((each.get("state") or {}).get("terminated") or {}).get("exitCode") == 0
        if not done and not each.get("ready"):
            yield _of_container(name, each, warnings, is_init=True)
    for each in status.get("containerStatuses") or []:
        if not each.get("ready"):
            yield _of_container(name, each, warnings, is_init=False)


def _of_container(pod: str, status: Mapping[str, Any], warnings: Sequence[str], *, is_init: bool) -> Trouble:
    container, restarts = status["name"], int(status.get("restartCount") or 0)
    state = status.get("state") or {}
    waiting, terminated = state.get("waiting"), state.get("terminated")
    if waiting is not None:
        return _waiting(pod, status, waiting)
    if terminated is not None:
        what = f"it ended with {_exit(terminated)}; it is started again"
        return Trouble(pod, container, what, has_crashed=True)
    if is_init:
        return Trouble(pod, container, "it fetches what the others need (init container)")
    unhealthy = next((each for each in reversed(warnings) if each.startswith("Unhealthy")), "")
    after = f" after {restarts} restarts" if restarts else ""
    what = f"it runs{after} and is not ready" + (f": {unhealthy.partition(': ')[2]}" if unhealthy else "")
    return Trouble(pod, container, what, "" if container == ENGINE else "readinessProbe", has_crashed=restarts > 0)


def _waiting(pod: str, status: Mapping[str, Any], waiting: Mapping[str, Any]) -> Trouble:
    container, restarts = status["name"], int(status.get("restartCount") or 0)
    reason = waiting.get("reason") or ""
    told = f"{reason}: {waiting['message']}" if waiting.get("message") else reason
    if reason in IMAGE_REASONS:
        image = f"its image {status.get('image')} is not there"
        return Trouble(pod, container, f"{image} ({told})", "image", reason != PULLING_FOR_THE_FIRST_TIME)
    if reason in CONFIGURATION_REASONS:
        return Trouble(pod, container, f"it cannot be created ({told})", is_hopeless=True)
    if reason == CRASH_LOOP:
        what = f"it ends again and again, {_ending(status)}after {restarts} restart{'s' * (restarts != 1)} ({reason})"
        return Trouble(pod, container, what, "", restarts >= RESTARTS_THAT_ARE_A_LOOP, has_crashed=True)
    return Trouble(pod, container, f"{_STARTING} ({told})" if _says_more(reason) else _STARTING)


def _says_more(reason: str) -> bool:
    """Whether a waiting container's reason says more than that it is about to start."""
    return reason not in {"", "ContainerCreating", "PodInitializing"}


def _ending(status: Mapping[str, Any]) -> str:
    last = (status.get("lastState") or {}).get("terminated")
    return f"the last time with {_exit(last)}, " if last else ""


def _exit(terminated: Mapping[str, Any]) -> str:
    code, reason = terminated.get("exitCode"), terminated.get("reason")
    meaning = " (it needed more memory than its limit)" if reason == "OOMKilled" else ""
    said = f": {str(terminated['message']).strip()}" if terminated.get("message") else ""
    return f"exit code {code}, {reason}{meaning}{said}" if reason else f"exit code {code}{said}"


def _condition(pod: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = (each for each in (pod.get("status") or {}).get("conditions") or [] if each["type"] == kind)
    return next(found, {})


def _warnings(name: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The Pod's warnings, the newest last."""
    return warnings_of("Pod", name, events)


def warnings_of(kind: str, name: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The warnings about one object, each once, the newest last."""
    own = [
        each
        for each in events
        if each.get("type") == "Warning"
        and CONFLICT not in str(each.get("message"))
        and (each.get("involvedObject") or {}).get("kind") == kind
        and (each.get("involvedObject") or {}).get("name") == name
    ]
    own.sort(key=lambda each: each.get("lastTimestamp") or each.get("eventTime") or "")
    return list(dict.fromkeys(f"{each.get('reason')}: {str(each.get('message', '')).strip()}" for each in own))
