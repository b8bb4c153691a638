"""What a cluster's status looks like in a terminal; `status --json` has the rest."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STATES: Final = {"Available": "green", "Creating": "yellow", "Failed": "red"}


def show(status: dict[str, Any], console: Console) -> None:
    def say(text: str | Text) -> None:
        console.print(text, markup=False, soft_wrap=True)

    say(f"namespace {status['namespace']} of {status['server']} (context {status['context']})")
    for each in status["applied"]:
        say(f"{each['set']}: {each['overlay']}, applied at {each['applied_at']}, {len(each['objects'])} objects")
    for deployment in status["deployments"]:
        say("")
        state = deployment["state"]
        by = "" if deployment["applied_by_forkcast"] else ", not applied by forkcast"
        say(
            Text(f"{deployment['name']}: ")
            + Text(state, style=_STATES.get(state, ""))
            + Text(f"{by} {deployment['description']}".rstrip())
        )
        for condition in deployment["conditions"]:
            if condition["status"] != "True":
                say(f"  {condition['type']} is {condition['status']}: {condition['reason']}")
        console.print(_predictors(deployment["predictors"]))
        for predictor in deployment["predictors"]:
            for trouble in predictor["troubles"]:
                say(f"  {trouble}")
        say("")
        console.print(_arms(deployment["predictors"]))
        say("")
        console.print(_created(deployment["created"]))
        say("")
        gateway = deployment["gateway"]
        hosts = f" for {', '.join(gateway['hosts'])}" if gateway["hosts"] else ""
        say(f"gateway: {gateway['kind']} {', '.join(gateway['gateways'])}{hosts}, path {gateway['path']}")
        say(f"  from here: {gateway['hint']}")
    if status["not_allowed_to_list"]:
        say(f"not shown, for you may not list them here: {', '.join(status['not_allowed_to_list'])}")


def _predictors(predictors: list[dict[str, Any]]) -> Table:
    found = Table(box=None, pad_edge=False)
    for heading in ("PREDICTOR", "TRAFFIC", "GATEWAY", "READY"):
        found.add_column(heading, justify="left" if heading == "PREDICTOR" else "right")
    for each in predictors:
        copied = " copied" if each["shadow"] else ""
        told = each["gateway_percent"]
        found.add_row(
            Text(each["predictor"]),
            f"{each['traffic_percent']} %{copied}",
            "-" if told is None else f"{told} %{copied}",
            f"{each['replicas_ready']}/{each['replicas_wanted']}",
        )
    return found


def _arms(predictors: list[dict[str, Any]]) -> Table:
    found = Table("PREDICTOR", "NODE", "TYPE", "VERSION", "IMAGE", "MODEL", box=None, pad_edge=False)
    for each in predictors:
        for arm in each["arms"]:
            cells = [each["predictor"], arm["node"], arm["type"], arm["model_version"], arm["image"], arm["model_uri"]]
            found.add_row(*(Text(cell or "-") for cell in cells))
    return found


def _created(created: list[dict[str, Any]]) -> Table:
    found = Table("CREATED BY SELDON", "NAME", "", box=None, pad_edge=False)
    for each in created:
        found.add_row(Text(each["kind"]), Text(each["name"]), Text(each["detail"]))
    return found
