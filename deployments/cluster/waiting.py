"""Waits until what was applied is what serves, and explains why where it does not become that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from deployments.cluster.connection import RefusedAnswer
from deployments.cluster.errors import NotAvailable, Unreachable
from deployments.cluster.manifests import Manifest
from deployments.cluster.readiness import Objects, Problem, Rollout, ending, rollout, workload_rollout
from deployments.cluster.view import View
from deployments.seldon import SeldonDeployment

type OnWaiting = Callable[[Sequence[str]], None]
"""Is told what is waited for, at each look."""

POLL_SECONDS: Final = 1.0
SETTLING_SECONDS: Final = 3.0
"""After a change, time for the operator to look; for what it takes away leaves nothing to compare with."""
PATIENCE_SECONDS: Final = 10.0
"""How long a hopeless problem may last; the operator's own conflicts pass in less."""
LOG_LINES: Final = 12


@dataclass(frozen=True)
class Awaited:
    """One object that is waited for."""

    manifest: Manifest
    deployment: SeldonDeployment | None
    """Typed, if it is one."""


def wait(
    view: View,
    awaited: Sequence[Awaited],
    on_waiting: OnWaiting,
    *,
    timeout_seconds: float,
    has_changed: bool,
    has_served: bool,
    until_ended: bool,
    started: datetime,
) -> None:
    """Returns once all is available.

    `has_served` says that something was available before; `until_ended`, that Pods which are on their way out are
    waited for as well, for something that they may use goes next; `started` is when this began, by the cluster's clock.
    Errors: NotAvailable, NotAllowed.
    """
    began = time.monotonic()
    hopeless_since: dict[str, float] = {}
    rollouts: list[Rollout] = []
    while True:
        try:
            rollouts = _rollouts(view, awaited, started, until_ended=until_ended)
            waiting = [each for every in rollouts for each in every.waiting]
        except Unreachable as error:  # an API server may be away for a moment; what it was told stands
            waiting = [error.message]
        spent = time.monotonic() - began
        if not waiting and (not has_changed or spent >= SETTLING_SECONDS):
            return
        on_waiting(waiting)
        hopeless_since = lasting([each for every in rollouts for each in every.problems], hopeless_since, spent)
        if any(spent - since >= PATIENCE_SECONDS for since in hopeless_since.values()):
            how = "cannot become available as it stands"
        elif spent >= timeout_seconds:
            how = f"is not available after {timeout_seconds:.0f} s"
        else:
            time.sleep(POLL_SECONDS)
            continue
        raise NotAvailable("\n".join([*_explained(view, awaited, rollouts, waiting, how), _outlook(has_served)]))


def _rollouts(view: View, awaited: Sequence[Awaited], started: datetime, *, until_ended: bool) -> list[Rollout]:
    seen: dict[str, Objects] = {}
    found = []
    for each in awaited:
        namespace = each.manifest.ref.namespace
        if namespace not in seen:
            seen[namespace] = view.objects(namespace, since=started)
        if each.deployment is None:
            found.append(workload_rollout(each.manifest, seen[namespace]))
        else:
            told = rollout(each.manifest, each.deployment, seen[namespace])
            if told.is_done and until_ended:
                told = Rollout(ending(each.deployment, seen[namespace]))
            found.append(told)
    return found


def lasting(problems: Sequence[Problem], since: Mapping[str, float], now: float) -> dict[str, float]:
    """Since when each problem has been hopeless, `since` being what the last look found.

    A container that ends again and again runs for a moment in between: that does not begin it anew.
    """
    hopeless = {_key(each) for each in problems if each.is_hopeless}
    there = {_key(each) for each in problems}
    return {key: since.get(key, now) for key in there if key in hopeless or key in since}


def _key(problem: Problem) -> str:
    """A problem as the same from one look to the next, whatever its container does just then."""
    if problem.trouble is None:
        return problem.where
    return f"{problem.trouble.pod}/{problem.trouble.container}"


def _explained(
    view: View, awaited: Sequence[Awaited], rollouts: Sequence[Rollout], waiting: Sequence[str], how: str
) -> list[str]:
    pairs = list(zip(awaited, rollouts, strict=False))  # none, where the API server never answered
    unfinished = [each.manifest.ref for each, every in pairs if not every.is_done] or [
        each.manifest.ref for each in awaited
    ]
    lines = [f"{', '.join(map(str, unfinished))} {how}"]
    for each, every in pairs:
        for problem in sorted(dict.fromkeys(every.problems), key=lambda problem: not problem.is_hopeless):
            lines.append(f"  {problem}")
            lines += [f"      {line}" for line in _last_words(view, each.manifest.ref.namespace, problem)]
    said = {f"Pod {problem.trouble}" for every in rollouts for problem in every.problems}
    rest = [each for each in waiting if each not in said]
    return [*lines, "  it waits for:", *(f"    {each}" for each in rest)] if rest else lines


def _outlook(has_served: bool) -> str:
    meanwhile = "; what served before goes on serving" if has_served else ""
    return (
        f"it stays applied and Kubernetes goes on trying{meanwhile}. Mend the overlay and apply it again, go back with "
        "`forkcast apply` of another one, or take all away with `forkcast down --target cluster`"
    )


def _last_words(view: View, namespace: str, problem: Problem) -> list[str]:
    trouble = problem.trouble
    if trouble is None or trouble.container is None or not trouble.has_crashed:
        return []
    unread = ""
    for previous in (True, False):
        try:
            text = view.cluster.log(namespace, trouble.pod, trouble.container, lines=LOG_LINES, previous=previous)
        except (RefusedAnswer, Unreachable) as error:
            unread = str(error)
            continue
        if text.strip():
            return ["the last lines of its log:", *(f"  {line}" for line in text.rstrip().splitlines()[-LOG_LINES:])]
    return [f"(its log cannot be read: {unread})"] if unread else ["(its log is empty)"]
