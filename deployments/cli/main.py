"""The `forkcast` command itself: its verbs, and the one place where an error becomes one line and an exit code."""

from __future__ import annotations

import sys

import typer

from deployments.cli import data, demo, detector, local, models, monitoring, parity, simulate, top, validate
from deployments.errors import DeploymentsError
from model_server.errors import ModelServerError
from traffic_sim.errors import TrafficSimError

app = typer.Typer(
    name="forkcast",
    help="Serve an install-probability model on Seldon Core v1, split live traffic between its versions, and learn "
    "which is better: on a cluster, or on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verbs in (demo, data, models, detector, validate, local, top, parity, simulate, monitoring):
    verbs.register(app)


def main() -> None:
    """Run the command. Exit codes: 0 done, 1 ours or the machine's fault or a promise not kept, 2 the caller's."""
    try:
        app()
    except (ModelServerError, TrafficSimError, DeploymentsError) as error:
        print(f"forkcast: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
