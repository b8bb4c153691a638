"""Verbs about the outlier detector: fit one, and judge it by outliers that are known to be such."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.errors import CallersFault

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from model_server.impressions import Impressions
    from model_server.training.detection import Detection, Share


class TooManyOutliers(CallersFault):
    """The rates leave no normal row."""


def fit_detector(
    out: Annotated[Path, typer.Option(help="Folder of the detector's bundle; replaced as a whole.")] = Path(
        "models/detector"
    ),
    data: Annotated[Path, typer.Option(help="CSV of impressions; an `install` column is ignored.")] = Path(
        "data/train_data.csv"
    ),
    false_alarm_rate: Annotated[
        float, typer.Option(min=1e-6, max=0.5, help="Share of normal rows that may be marked as outliers.")
    ] = 0.01,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed and data give the same forest.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for fitting.")] = os.cpu_count() or 1,
) -> None:
    """Fit the outlier detector and write its bundle: forest.tl, view.json, manifest.json.

    All rows are taken for normal traffic. The oldest 80 % are fitted, the next 10 % set the threshold, the newest 10 %
    say how often it is a false alarm.

    Example: forkcast fit-detector --data data/train_data.csv --out models/detector --false-alarm-rate 0.01
    """
    from model_server.impressions.csv_files import read_impressions
    from model_server.outliers.detector_bundle import require_replaceable
    from model_server.training.fit_detector import fit_detector as fit

    console = _console()
    began = time.monotonic()
    require_replaceable(out)
    with console.status("reading") as status:
        file = read_impressions(data)
        fitted = fit(
            file.impressions,
            folder=out,
            data={"file": data.name, "sha256": file.sha256},
            false_alarm_rate=false_alarm_rate,
            seed=seed,
            threads=threads,
            tell=status.update,
        )
    table = _table("", "rows", "")
    table.add_row("fitted on", f"{fitted.n_rows['train']:,}", "the oldest")
    table.add_row(
        "threshold", f"{fitted.n_rows['validation']:,}", f"{fitted.threshold:.4f}, for {false_alarm_rate:.2%}"
    )
    table.add_row("false alarms", f"{fitted.n_rows['held_out']:,}", f"{_told(fitted.false_alarms)}, the newest")
    console.print(
        f"{out}: outlier detector, version {fitted.version}, fitted in {time.monotonic() - began:.1f} s", soft_wrap=True
    )
    console.print(table)


def evaluate_detector(  # noqa: PLR0917  (typer needs them positional)
    detector: Annotated[Path, typer.Argument(help="Folder of the detector's bundle.")] = Path("models/detector"),
    rows: Annotated[int, typer.Option(min=100, max=1_000_000, help="Rows to judge it by, outliers included.")] = 50_000,
    funnel_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of impossible funnels among them.")] = 0.01,
    device_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of far devices.")] = 0.01,
    time_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of time jumps.")] = 0.01,
    data: Annotated[
        Path | None,
        typer.Option(help="CSV whose rows, drawn anew, are the normal ones. Without it, rows of the population."),
    ] = None,
    seed_population: Annotated[int, typer.Option(min=0, help="The seed that `forkcast data` had.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Which rows are drawn, and what outliers are made of them.")] = 1,
) -> None:
    """Judge the detector by normal rows and by outliers of three kinds, at known rates.

    impossible-funnel: more views than starts, clicks than views, or installs than clicks. far-device: a device or
    software version of the other platform, or an emulator in no country. time-jump: a clock years away, a last start
    after now, or one years ago. The normal rows are from the last sixth of the population's time, after what is fitted.
    Recall is the share of a kind that is marked; precision the share of the kind among what is marked of it and of
    normal rows, which depends on the rates. Intervals are Wilson's, 95 %.

    Example: forkcast evaluate-detector models/detector --rows 50000
    """
    import numpy as np

    from model_server.outliers import detector_bundle
    from model_server.training.detection import detections
    from traffic_sim.outliers import KINDS, inject

    rates = dict(zip(KINDS, (funnel_rate, device_rate, time_rate), strict=True))
    if sum(rates.values()) >= 1:
        raise TooManyOutliers(
            f"the rates sum to {sum(rates.values()):g}; less than 1 is expected: some rows are normal"
        )
    bundle = detector_bundle.load(detector)
    console = _console()
    with console.status(f"drawing and scoring {rows:,} rows"):
        injected = inject(_normal_rows(rows, data, seed_population, seed), rates, np.random.default_rng([seed, 2]))
        marked = bundle.scores(injected.impressions) > bundle.threshold
    of_kinds, of_all, false_alarms = detections(marked, injected.kind, len(KINDS))
    table = _table("kind", "rows", "found", "recall, 95 % interval", "precision, 95 % interval")
    for name, detection in zip(KINDS, of_kinds, strict=True):
        _add(table, name, detection)
    _add(table, "all outliers", of_all)
    console.print(
        f"{detector}: version {bundle.version}, threshold {bundle.threshold:.4f}; {rows:,} rows, "
        f"{', '.join(f'{rate:.2%} {name}' for name, rate in rates.items())}",
        soft_wrap=True,
        highlight=False,
    )
    console.print(table)
    stated = bundle.manifest["false_alarm_rate"]["stated"]
    console.print(
        f"false alarms: {false_alarms.n:,} of {false_alarms.total:,} normal rows, {_told(false_alarms)}; "
        f"{stated:.2%} were asked for",
        soft_wrap=True,
        highlight=False,
    )


def _normal_rows(n: int, data: Path | None, seed_population: int, seed: int) -> Impressions:
    import numpy as np

    rng = np.random.default_rng([seed, 1])
    if data is None:
        from traffic_sim.population import Population
        from traffic_sim.worlds import RANKED_START

        return Population(seed_population).sample(n, rng, start=RANKED_START).impressions
    from model_server.impressions.csv_files import read_impressions

    impressions = read_impressions(data).impressions
    return impressions.take(rng.integers(len(impressions), size=n))


def _console() -> Console:
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=140)  # a log or a file has no edge to wrap at


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 else "right")
    return table


def _add(table: Table, name: str, detection: Detection) -> None:
    recall, precision = detection.recall, detection.precision
    table.add_row(name, f"{recall.total:,}", f"{recall.n:,}", _told(recall), _told(precision))


def _told(share: Share) -> str:
    if not share.total:
        return "none to judge by"
    return f"{share.share:.2%} ({share.low:.2%} to {share.high:.2%})"


def register(app: typer.Typer) -> None:
    app.command("fit-detector")(fit_detector)
    app.command("evaluate-detector")(evaluate_detector)
