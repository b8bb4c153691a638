"""`forkcast demo`: the whole way, as commands that anyone can type."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

OVERLAY: Final = "kustomize/overlays/ab-test"
CHAMPION: Final = "models/champion"
CHALLENGER: Final = "models/challenger"
DETECTOR: Final = "models/detector"


def demo(
    rate: Annotated[int, typer.Option(min=1, help="Records per second.")] = 5000,
    duration: Annotated[int, typer.Option(min=1, help="Seconds of traffic.")] = 30,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The gateway's port.")] = 8003,
    retrain: Annotated[bool, typer.Option(help="Make data and models anew, also if they are there.")] = False,
) -> None:
    """Make data, train two models, fit the outlier detector, run the A/B overlay, send it traffic, show what came back.

    Every step is a forkcast command, printed before it runs. Data and models that are there already are kept. What was
    started is stopped at the end, also after an error or Ctrl-C.
    """
    if not Path(OVERLAY).is_dir():
        raise typer.BadParameter(f"{OVERLAY} is not here; run the demo in the project's folder")
    began = time.monotonic()
    gateway = f"127.0.0.1:{port}"
    if retrain or not Path("data/test_truth.csv").exists():
        _run("data", "--out", "data", "--train-rows", "200000", "--test-rows", "50000", "--seed", "1")
    made_by = {
        CHAMPION: ("train", "--features", "classic"),
        CHALLENGER: ("train", "--features", "funnel"),
        DETECTOR: ("fit-detector",),
    }
    for folder, command in made_by.items():
        if retrain or not Path(folder, "manifest.json").exists():
            _run(*command, "--data", "data/train_data.csv", "--out", folder)
        else:
            typer.echo(f"\n{folder} is there already; `forkcast demo --retrain` makes it anew")
    _run("evaluate", CHAMPION, CHALLENGER)
    _run("up", OVERLAY, "--detach", "--port", str(port))
    try:
        _run("parity", CHAMPION, CHALLENGER, "--rows", "200", "--gateway", gateway)
        _run("simulate", "demo", "--rate", str(rate), "--duration", str(duration), "--gateway", gateway)
        _run("status")
    finally:
        _run("down")
    typer.echo(f"\nThe demo took {time.monotonic() - began:.0f} s. Next: forkcast up {OVERLAY}")


def _run(*arguments: str) -> None:
    """One forkcast command, shown as it would be typed; its failure ends the demo with its exit code."""
    typer.secho(f"\n$ forkcast {' '.join(arguments)}", bold=True)
    done = subprocess.run([sys.executable, "-m", "deployments.cli.main", *arguments], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def register(app: typer.Typer) -> None:
    app.command()(demo)
