"""`forkcast apply`, `status`, `logs` and `down` with `--target cluster`: an overlay on Kubernetes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from deployments.cluster.logs import Source
    from deployments.cluster.target import Target

DEFAULT_TIMEOUT_SECONDS: Final = 300.0
SHOWN_AT_ONCE: Final = 3


class Access:
    """Which cluster and which namespace the options name."""

    def __init__(self, kubeconfig: Path | None, context: str | None, namespace: str | None) -> None:
        self.kubeconfig, self.context, self.namespace = kubeconfig, context, namespace

    @contextmanager
    def target(self, console: Console) -> Iterator[Target]:
        from deployments.cluster.connection import Connection
        from deployments.cluster.target import Target

        with Connection(self.kubeconfig, self.context) as connection:
            yield Target(connection, self.namespace, lambda text: console.print(text, markup=False, soft_wrap=True))


def apply(overlay: Path, access: Access, *, force_conflicts: bool, timeout_seconds: float | None) -> None:
    from deployments.render import render

    rendered = render(overlay)
    console = _console()
    with access.target(console) as target, _Waiting(console) as waiting:
        target.apply(
            rendered.text,
            rendered.source,
            str(overlay),
            waiting.on_waiting,
            timeout_seconds=timeout_seconds or DEFAULT_TIMEOUT_SECONDS,
            force_conflicts=force_conflicts,
        )
    console.print(f"[green]{overlay} is served[/]; see `forkcast status --target cluster`", soft_wrap=True)


def status(access: Access, *, as_json: bool) -> None:
    console = _console()
    with access.target(console) as target:
        found = target.status()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from deployments.cluster.terminal import show

    show(found, console)


def logs(access: Access, asked: str | None, *, follow: bool, lines: int) -> None:
    from deployments.local.terminal import Terminal

    console = _console()
    terminal = Terminal(console)
    with access.target(console) as target:
        sources = target.log_sources(asked)
        if follow:
            _follow(target, sources, lines, terminal.line)
            return
        for source in sources:
            for line in target.last_lines(source, lines):
                terminal.line(source.prefix, line)


def down(access: Access, *, volumes_too: bool, timeout_seconds: float | None) -> None:
    console = _console()
    with access.target(console) as target, _Waiting(console) as waiting:
        target.down(
            waiting.on_waiting,
            timeout_seconds=timeout_seconds or DEFAULT_TIMEOUT_SECONDS,
            volumes_too=volumes_too,
        )


def _follow(target: Target, sources: Sequence[Source], lines: int, show: object) -> None:
    """Every log at once, until all containers have ended or Ctrl-C."""
    from deployments.errors import DeploymentsError

    def read(source: Source) -> None:
        try:
            for line in target.follow(source, lines):
                show(source.prefix, line)  # type: ignore[operator]
        except DeploymentsError as error:
            show(source.prefix, f"(no more of this log: {error})")  # type: ignore[operator]

    threads = [threading.Thread(target=read, args=(source,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        return


class _Waiting:
    """Says what is waited for: one line that changes in a terminal, a line for each change elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("applying") if console.is_terminal else None
        self._told: list[str] = []

    def __enter__(self) -> _Waiting:
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
