"""`forkcast data`: training and test files from a population whose true install probability is known."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer

from deployments.errors import CallersFault, OursToMend

TRAIN_FILE: Final = "train_data.csv"
TEST_FILE: Final = "test_data.csv"
TRUTH_FILE: Final = "test_truth.csv"
MAX_ROWS: Final = 10_000_000
"""Of one file: drawing takes about 600 bytes of memory a row."""


class NotOurFolder(CallersFault):
    """The folder holds data that this command did not write, and that it would overwrite."""


class CannotWriteFolder(OursToMend):
    """The folder cannot be made or written."""


def register(app: typer.Typer) -> None:
    app.command("data")(data)


def data(
    out: Annotated[Path, typer.Option(help="Folder for the three files; made if it is not there.")] = Path("data"),
    train_rows: Annotated[
        int, typer.Option(min=1, max=MAX_ROWS, help="Impressions with their label, for training.")
    ] = 200_000,
    test_rows: Annotated[
        int, typer.Option(min=1, max=MAX_ROWS, help="Later impressions, without their label.")
    ] = 50_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files, byte for byte.")] = 1,
) -> None:
    """Write training and test data whose true install probability is known.

    train_data.csv has 17 columns with the label `install`, test_data.csv the same 16 without it, from a later time.
    test_truth.csv (id;install;probability) is what training never reads: models are judged by it, and simulated users
    install by it. docs/population.md describes the population.

    Example: forkcast data --out data --train-rows 200000 --test-rows 50000 --seed 1
    """
    import numpy as np
    from rich.console import Console

    from model_server.impressions.csv_files import Truth, write_impressions, write_truth
    from traffic_sim.population import Population

    _refuse_foreign(out)
    console = Console(stderr=True)
    started = time.perf_counter()
    with (
        _no_lost_interrupt() as refuse_if_interrupted,
        console.status(f"Drawing {train_rows + test_rows:,} impressions ...") as status,
    ):
        rng = np.random.default_rng([seed, 1])  # apart from the stream that the population itself is drawn from
        scored = Population(seed).sample(train_rows + test_rows, rng)
        installs = scored.draw_installs(rng)
        train, test = slice(0, train_rows), slice(train_rows, None)
        tested = scored.impressions.take(test)
        status.update(f"Writing to {out} ...")
        try:
            out.mkdir(parents=True, exist_ok=True)
            # Written beside and moved at the end: an interrupted run leaves the folder as it was.
            with tempfile.TemporaryDirectory(dir=out, prefix=".forkcast-data-") as folder:
                new = Path(folder)
                write_impressions(new / TRAIN_FILE, scored.impressions.take(train), installs[train])
                write_impressions(new / TEST_FILE, tested)
                write_truth(new / TRUTH_FILE, Truth(tested.id, installs[test], scored.probability[test]))
                refuse_if_interrupted()
                for name in (TRUTH_FILE, TRAIN_FILE, TEST_FILE):
                    (new / name).replace(out / name)
        except OSError as error:
            raise CannotWriteFolder(f"{out}: cannot be written: {error.strerror}; choose another --out") from error
    seconds = time.perf_counter() - started
    for name, rows, what in (
        (TRAIN_FILE, train, f"{installs[train].mean():.2%} install"),
        (TEST_FILE, test, "from then on; labels kept back"),
        (TRUTH_FILE, test, f"{installs[test].mean():.2%} install, {scored.probability[test].mean():.2%} expected"),
    ):
        typer.echo(f"{out / name}: {len(installs[rows]):,} rows, {what}")
    typer.echo(f"{len(installs):,} rows in {seconds:.1f} s, {len(installs) / seconds:,.0f} rows/s (seed {seed})")


@contextlib.contextmanager
def _no_lost_interrupt() -> Iterator[Callable[[], None]]:
    """Ctrl-C raises as ever; what is yielded raises it again, should whatever ran just then have swallowed it."""
    seen = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen = True
        signal.default_int_handler(number, frame)

    def refuse_if_interrupted() -> None:
        if seen:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield refuse_if_interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _refuse_foreign(out: Path) -> None:
    """Data without its truth beside it is somebody's own: it cannot be drawn again."""
    if out.exists() and not out.is_dir():
        raise NotOurFolder(f"{out} is a file; --out is expected to name a folder")
    if (out / TRUTH_FILE).exists():
        return
    for name in (TRAIN_FILE, TEST_FILE):
        if (out / name).exists():
            raise NotOurFolder(
                f"{out / name} is there but no {TRUTH_FILE}, so this command did not write it but would overwrite it; "
                "choose another --out, or move it away"
            )
