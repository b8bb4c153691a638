"""`forkcast top`: what each predictor does, live in a terminal, from the metrics that it tells."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli import cluster
from deployments.cli.local import DEFAULT_STATE, State
from deployments.cli.targets import Context, Kubeconfig, Namespace, Target, Where, cluster_options, require_only

if TYPE_CHECKING:
    from deployments.monitoring.desired_state import Share

type Look = Callable[[], tuple[Sequence[Share], Mapping[str, str]]]
"""What the manifest says, and the page of each program that answers."""


def register(app: typer.Typer) -> None:
    app.command()(top)


def top(
    *,
    interval: Annotated[float, typer.Option(metavar="SECONDS", help="Between two looks.", min=0.5)] = 2.0,
    count: Annotated[
        int | None, typer.Option("--count", "-n", help="So many tables, and no more; else until Ctrl-C.", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each table.")] = False,
    target: Target = Where.LOCAL,
    state: State = DEFAULT_STATE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
) -> None:
    """Live: each predictor's share, rates, errors, latency, outliers and rewards, and what the rewards say so far.

    Shares and rates are of the last interval, rewards of all time since the programs started. What is said of them
    holds however often one looks (confidence sequences at 95 %), and only while the share is as the weight says.

    Example: forkcast top --target cluster --interval 5
    """
    require_only(
        target, local={"--state": state != DEFAULT_STATE}, cluster=cluster_options(context, kubeconfig, namespace)
    )
    if target is Where.CLUSTER:
        from rich.console import Console

        from deployments.cluster import scraping

        with cluster.Access(kubeconfig, context, namespace).view(Console(stderr=True)) as view:
            _run(lambda: (scraping.shares(view), scraping.pages(view)), interval, count, as_json=as_json)
        return
    from deployments.local import client
    from deployments.local.state import StateFolder

    folder = StateFolder(state)
    _run(lambda: client.shares_and_pages(folder), interval, count, as_json=as_json)


def _run(look: Look, interval_seconds: float, count: int | None, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from deployments.top.readings import read
    from deployments.top.screen import Looks, as_data, rows_of, table

    console = Console(highlight=False)
    _, pages = look()
    before, looked_at = read(pages), time.monotonic()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        shown = 0
        while count is None or shown < count:
            time.sleep(interval_seconds)
            shares, pages = look()
            now, seconds = read(pages, before), time.monotonic() - looked_at
            rows = rows_of(shares, Looks(before, now, seconds))
            before, looked_at, shown = now, looked_at + seconds, shown + 1
            if as_json:
                print(json.dumps(as_data(rows)), flush=True)  # noqa: T201
            elif console.is_terminal:
                live.update(table(rows), refresh=True)
            else:
                console.print(table(rows))
