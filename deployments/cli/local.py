"""`forkcast up`, `apply`, `status`, `logs`, `down` and `doctor`: an overlay on this machine.

Those that a cluster has as well take `--target cluster`, and are then `deployments/cli/cluster.py`'s.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli import cluster
from deployments.cli.at_once import at_once
from deployments.cli.targets import (
    Context,
    ForceConflicts,
    Kubeconfig,
    Namespace,
    Target,
    Timeout,
    VolumesToo,
    Where,
    cluster_options,
    require_only,
)

if TYPE_CHECKING:
    from deployments.local.state import StateFolder

Overlay = Annotated[
    Path,
    typer.Argument(
        help="A Kustomize folder, such as kustomize/overlays/ab-test, or a YAML file of SeldonDeployments.",
        show_default=False,
    ),
]
State = Annotated[
    Path,
    typer.Option("--state", metavar="DIR", help="The folder that holds a runtime's state and logs; one runtime each."),
]
DEFAULT_STATE = Path(".forkcast")
Isolated = typer.Option(
    "--isolated/--fused",
    help="Each component of a graph in Seldon's own wrapper, in a process of its own, as in a pod; or all of a "
    "predictor in one process.",
    show_default=False,
)


def register(app: typer.Typer) -> None:
    for command in (up, apply, status, logs, down, doctor):
        app.command()(command)


def up(
    overlay: Overlay,
    *,
    port: Annotated[int, typer.Option(help="The gateway's port, REST and gRPC.", min=1, max=65535)] = 8003,
    host: Annotated[
        str,
        typer.Option(help="The gateway's address. Anything but loopback opens it to the network, without credentials."),
    ] = "127.0.0.1",
    volumes: Annotated[
        Path, typer.Option(metavar="DIR", help="Holds the claims of pvc:// addresses: pvc://models/x is DIR/models/x.")
    ] = Path(),
    isolated: Annotated[bool, Isolated] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once all is ready; stop with `down`.")] = False,
    start_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long a program may take to load its models.", min=1)
    ] = 120.0,
    prometheus: Annotated[
        bool,
        typer.Option(
            envvar="FORKCAST_PROMETHEUS",
            help="Start Prometheus too, if it is installed, on port 9090 or another free one; see `status`.",
        ),
    ] = True,
    state: State = DEFAULT_STATE,
    detached: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run an overlay here: each predictor's whole graph in one process, behind a real Envoy.

    In the foreground, with the logs of all programs, until Ctrl-C; or with --detach.

    Example: forkcast up kustomize/overlays/ab-test --detach
    """
    from rich.console import Console

    from deployments.local.settings import Settings
    from deployments.local.state import StateFolder

    settings = Settings(
        host=host, port=port, volumes=volumes, start_timeout_seconds=start_timeout, prometheus=prometheus
    )
    if detach:
        _detach(sys.argv[1:], StateFolder(state))
        return
    from deployments.local.serve import serve
    from deployments.local.terminal import Terminal

    text, source = _rendered(overlay)
    terminal = Terminal(Console(highlight=False))
    serve(
        text,
        source,
        str(overlay),
        isolated=isolated,
        settings=settings,
        state=StateFolder(state),
        on_line=terminal.line if not detached else lambda _name, _line: None,  # each program has a log of its own
        say=terminal.say,
        on_ready=lambda found: terminal.say(_welcome(found)),
    )


def apply(
    overlay: Overlay,
    *,
    target: Target = Where.LOCAL,
    isolated: Annotated[bool | None, Isolated] = None,
    state: State = DEFAULT_STATE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    force_conflicts: ForceConflicts = False,
    timeout: Timeout = None,
) -> None:
    """Move what runs here, or on a cluster, to another overlay, without a failed request.

    New predictors are up and healthy before they get traffic, old ones answer their last request before they stop;
    a predictor whose traffic alone changed is not restarted. Whether isolated or not stays as it is, unless said.

    On a cluster: applied server-side as the field manager `forkcast`, awaited, and explained where it does not come
    up; what an earlier apply made and the overlay no longer has is deleted, nothing else.

    Example: forkcast apply kustomize/overlays/ab-test --target cluster --context staging
    """
    require_only(
        target,
        local={"--isolated/--fused": isolated is not None, "--state": state != DEFAULT_STATE},
        cluster=cluster_options(context, kubeconfig, namespace)
        | {"--force-conflicts": force_conflicts, "--timeout": timeout is not None},
    )
    if target is Where.CLUSTER:
        access = cluster.Access(kubeconfig, context, namespace)
        cluster.apply(overlay, access, force_conflicts=force_conflicts, timeout_seconds=timeout)
        return
    from rich.console import Console

    from deployments.local import client
    from deployments.local.state import StateFolder

    folder = StateFolder(state)
    folder.running()
    text, source = _rendered(overlay)
    console = Console(highlight=False)
    with console.status("applying"):
        client.apply(folder, str(overlay), text, source, console.print, isolated=isolated)
    console.print(f"[green]{overlay} is served[/]")


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The same as data.")] = False,
    target: Target = Where.LOCAL,
    state: State = DEFAULT_STATE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
) -> None:
    """What runs here: traffic, health, process, ports, models and requests so far of each predictor; its metrics.

    On a cluster: shares, replicas, images and model versions, what Seldon's operator created, and the way in.

    Example: forkcast status --json | jq '.predictors[].requests'
    """
    require_only(
        target, local={"--state": state != DEFAULT_STATE}, cluster=cluster_options(context, kubeconfig, namespace)
    )
    if target is Where.CLUSTER:
        cluster.status(cluster.Access(kubeconfig, context, namespace), as_json=as_json)
        return
    from rich.console import Console

    from deployments.local import client
    from deployments.local.state import StateFolder
    from deployments.local.terminal import places, table

    found = client.status(StateFolder(state))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console(highlight=False)
    envoy = found["envoy"]
    console.print(f"gateway [bold]{found['gateway']}[/], {envoy['condition']} (Envoy, pid {envoy['pid']})")
    how = " (isolated)" if found["isolated"] else ""
    overlay = f"{found['overlay'] or '(starting)'}{how}"
    console.print(f"overlay {overlay}, up for {found['up_seconds']:.0f} s, pid {found['pid']}")
    console.print(table(found))
    console.print()
    console.print(places(found))
    prometheus = found["prometheus"]
    if prometheus["url"]:
        where = f"{prometheus['condition']} (pid {prometheus['pid']})"
        console.print(f"Prometheus [bold]{prometheus['url']}[/], {where}")
    elif prometheus["problem"]:
        console.print(prometheus["problem"], soft_wrap=True)
    for store in found["stores"]:
        console.print(f"store [bold]{store['name']}[/], {store['condition']} (Valkey, pid {store['pid']})")
    for name in found["not_run"]:
        console.print(f"[yellow]not run on this machine: {name}[/]")


def logs(
    program: Annotated[
        str | None,
        typer.Argument(
            help="A predictor, one of its components if it is isolated, or `envoy`; on a cluster PREDICTOR or "
            "PREDICTOR/CONTAINER; all of them when left out.",
            show_default=False,
        ),
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines of the past.", min=0)] = 50,
    target: Target = Where.LOCAL,
    state: State = DEFAULT_STATE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
) -> None:
    """What the programs wrote, also those that have ended; on a cluster, what the containers write.

    Example: forkcast logs challenger --follow
    """
    require_only(
        target, local={"--state": state != DEFAULT_STATE}, cluster=cluster_options(context, kubeconfig, namespace)
    )
    if target is Where.CLUSTER:
        cluster.logs(cluster.Access(kubeconfig, context, namespace), program, follow=follow, lines=lines)
        return
    from rich.console import Console

    from deployments.local.logs import files_of, last_lines
    from deployments.local.logs import follow as lines_of
    from deployments.local.state import StateFolder
    from deployments.local.terminal import Terminal

    terminal = Terminal(Console(highlight=False))
    files = files_of(StateFolder(state).logs, program)
    for name, file in files.items():
        for line in last_lines(file, lines):
            terminal.line(name, line)
    if not follow:
        return

    def show(name: str, file: Path) -> None:
        for line in lines_of(file):
            terminal.line(name, line)

    at_once(partial(show, name, file) for name, file in files.items())


def down(
    *,
    target: Target = Where.LOCAL,
    state: State = DEFAULT_STATE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    volumes_too: VolumesToo = False,
    timeout: Timeout = None,
) -> None:
    """Stop what runs here; after a crash, end what it left behind. On a cluster, delete what `apply` applied.

    On a cluster it waits until all that was made of it is gone, and says what stays: namespaces and, unless asked for,
    PersistentVolumeClaims.

    Example: forkcast down --target cluster
    """
    require_only(
        target,
        local={"--state": state != DEFAULT_STATE},
        cluster=cluster_options(context, kubeconfig, namespace)
        | {"--volumes-too": volumes_too, "--timeout": timeout is not None},
    )
    if target is Where.CLUSTER:
        cluster.down(cluster.Access(kubeconfig, context, namespace), volumes_too=volumes_too, timeout_seconds=timeout)
        return
    from deployments.local import client
    from deployments.local.state import StateFolder

    ended = client.down(StateFolder(state))
    if ended:
        typer.echo(f"ended what an earlier runtime had left: {', '.join(ended)}")
    typer.echo("stopped; nothing of it runs any more")


def doctor(
    port: Annotated[int, typer.Option(help="The port that the gateway would take.", min=1, max=65535)] = 8003,
    overlay: Annotated[
        Path | None, typer.Option(help="Look also whether the models of this overlay are there.", show_default=False)
    ] = None,
    volumes: Annotated[Path, typer.Option(metavar="DIR", help="As for `up`.")] = Path(),
    state: State = DEFAULT_STATE,
) -> None:
    """Look whether `up` would work on this machine, and what to do where it would not.

    Example: forkcast doctor --overlay kustomize/overlays/ab-test
    """
    from rich.console import Console

    from deployments.local.doctor import examine
    from deployments.local.state import StateFolder

    console = Console(highlight=False)
    findings = examine(StateFolder(state), port, volumes, None if overlay is None else lambda: _rendered(overlay))
    for finding in findings:
        mark = "[green]ok   [/]" if finding.is_well else "[red]wrong[/]"
        console.print(f"{mark} {finding.what}" + (f"\n      -> {finding.remedy}" if finding.remedy else ""))
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def _rendered(overlay: Path) -> tuple[str, str]:
    from deployments.checking import rendered

    found = rendered(overlay)
    return found.text, found.source


def _prometheus_line(found: dict[str, Any]) -> str:
    told = found["prometheus"]
    text = f"{told['url']}  what all of it does, and alerts" if told["url"] else told["problem"]
    return f"  {text}\n" if text else ""


def _detach(arguments: list[str], state: StateFolder) -> None:
    from rich.console import Console

    from deployments.local.detached import start_detached

    console = Console(highlight=False)
    attached = [argument for argument in arguments if argument not in {"--detach", "-d"}] + ["--detached"]
    command = [sys.executable, "-m", "deployments.cli.main", *attached]
    with console.status("starting"):
        found = start_detached(command, state, console.print)
    console.print(_welcome(found), soft_wrap=True)


def _welcome(found: dict[str, Any]) -> str:
    deployment = found["deployments"][0]
    name, namespace = deployment["name"], deployment["namespace"]
    state = "" if Path(found["state"]) == DEFAULT_STATE.resolve() else f" --state {found['state']}"
    address = f"http://{found['gateway']}{deployment['path']}/api/v1.0"
    client = f'SeldonClient(deployment_name="{name}", namespace="{namespace}", gateway_endpoint="{found["gateway"]}")'
    return f"""ready: {address}/predictions

  curl -s {address}/metadata
  {client}
{_prometheus_line(found)}
  forkcast status{state}     what runs, and how many requests each predictor has answered
  forkcast down{state}       stop it"""
