"""`forkcast apply`, `status`, `logs` and `down` with `--target cluster`: an overlay on Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import typer

from deployments.cli.at_once import at_once

if TYPE_CHECKING:
    from rich.console import Console

    from deployments.cluster.logs import Source
    from deployments.cluster.view import View

DEFAULT_TIMEOUT_SECONDS: Final = 300.0
SHOWN_AT_ONCE: Final = 3


class Access:
    """Which cluster and which namespace the options name."""

    def __init__(self, kubeconfig: Path | None, context: str | None, namespace: str | None) -> None:
        self.kubeconfig, self.context, self.namespace = kubeconfig, context, namespace

    @contextmanager
    def view(self, console: Console) -> Iterator[View]:
        from deployments.cluster.connection import Connection
        from deployments.cluster.view import View

        with Connection(self.kubeconfig, self.context) as connection:
            yield View(connection, self.namespace, lambda text: console.print(text, markup=False, soft_wrap=True))


def apply(overlay: Path, access: Access, *, force_conflicts: bool, timeout_seconds: float | None) -> None:
    from deployments.cluster import applying
    from deployments.render import render

    rendered = render(overlay)
    console = _console()
    with access.view(console) as view, _Waiting(console) as waiting:
        is_served = applying.apply(
            view,
            rendered.text,
            rendered.source,
            str(overlay),
            waiting.on_waiting,
            timeout_seconds=timeout_seconds or DEFAULT_TIMEOUT_SECONDS,
            force_conflicts=force_conflicts,
        )
    done = "served" if is_served else "applied"
    console.print(f"[green]{overlay} is {done}[/]; see `forkcast status --target cluster`", soft_wrap=True)


def status(access: Access, *, as_json: bool) -> None:
    from deployments.cluster import looking

    console = _console()
    with access.view(console) as view:
        found = looking.status(view)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from deployments.cluster.terminal import show

    show(found, console)


def logs(access: Access, asked: str | None, *, follow: bool, lines: int) -> None:
    from deployments.cluster import looking
    from deployments.local.terminal import Terminal

    console = _console()
    terminal = Terminal(console)
    with access.view(console) as view:
        sources = looking.log_sources(view, asked)
        if follow:
            _follow(view, sources, lines, terminal.line)
            return
        for source in sources:
            for line in looking.last_lines(view, source, lines):
                terminal.line(source.prefix, line)


def down(access: Access, *, volumes_too: bool, timeout_seconds: float | None) -> None:
    from deployments.cluster import removing

    console = _console()
    with access.view(console) as view, _Waiting(console) as waiting:
        removing.down(
            view,
            waiting.on_waiting,
            timeout_seconds=timeout_seconds or DEFAULT_TIMEOUT_SECONDS,
            volumes_too=volumes_too,
        )


def _follow(view: View, sources: Sequence[Source], lines: int, show: Callable[[str, str], None]) -> None:
    """Every log at once, until all containers have ended or Ctrl-C."""
    from deployments.cluster import looking
    from deployments.errors import DeploymentsError

    def read(source: Source) -> None:
        try:
            for line in looking.follow(view, source, lines):
                show(source.prefix, line)
        except DeploymentsError as error:
            show(source.prefix, f"(no more of this log: {error})")

    at_once(partial(read, source) for source in sources)


class _Waiting:
    """Says what is waited for: one line that changes in a terminal, a line for each change elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("applying") if console.is_terminal else None
        self._told: list[str] = []

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def on_waiting(self, waiting: Sequence[str]) -> None:
        from rich.text import Text

        told = list(waiting[:SHOWN_AT_ONCE])
        if len(waiting) > SHOWN_AT_ONCE:
            told.append(f"and {len(waiting) - SHOWN_AT_ONCE} more")
        if self._status is not None:
            self._status.update(Text("\n  ".join(["waiting for", *told]) if told else "settling"))
        elif told != self._told and told:
            self._console.print(f"waiting for {'; '.join(told)}", markup=False, soft_wrap=True)
        self._told = told


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)
