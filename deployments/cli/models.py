"""Verbs about models: train one, predict with it, compare several."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

METRIC_NAMES = {
    "log_loss": "log loss",
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier",
    "calibration_error": "calibration error",
}


class Features(StrEnum):
    """The feature sets a model can be trained on."""

    CLASSIC = "classic"
    FUNNEL = "funnel"


def train(
    features: Annotated[
        Features, typer.Option(help="classic: the champion's 56 columns. funnel: what an expert would build.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of the model bundle, such as models/champion; replaced as a whole.")
    ],
    data: Annotated[Path, typer.Option(help="CSV with the label column `install`.")] = Path("data/train_data.csv"),
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model, byte for byte.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for training.")] = os.cpu_count() or 1,
) -> None:
    """Train a model and write its bundle: model.ubj, vocabulary.json, drift.json, manifest.json.

    The oldest 80 % of the rows train, the next 10 % decide when to stop, the newest 10 % judge. With these
    live traffic is compared (docs/drift.md).

    Example: forkcast train --features funnel --data data/train_data.csv --out models/challenger
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from model_server.artifact import require_replaceable
    from model_server.impressions import LABEL
    from model_server.impressions.csv_files import read_impressions
    from model_server.training.train import MAX_ROUNDS
    from model_server.training.train import train as train_bundle

    console = Console()
    began = time.monotonic()
    require_replaceable(out)
    file = read_impressions(data)
    if file.installs is None:
        raise typer.BadParameter(f"{data} has no column {LABEL}, so there is nothing to learn", param_hint="--data")
    rate = file.installs.mean()
    console.print(
        f"{data}: {len(file.impressions):,} rows, {rate:.2%} installs, read in {time.monotonic() - began:.1f} s",
        soft_wrap=True,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"training {features.value}", total=MAX_ROUNDS, told="features")

        def tell(n_rounds: int, log_loss: float) -> None:
            progress.update(task, completed=n_rounds, told=f"{n_rounds} trees, validation log loss {log_loss:.5f}")

        trained = train_bundle(
            file.impressions,
            file.installs,
            feature_set=features.value,
            folder=out,
            data={"file": data.name, "sha256": file.sha256},
            seed=seed,
            threads=threads,
            now=datetime.now(UTC),
            tell=tell,
        )
    told = ", ".join(f"{METRIC_NAMES[name]} {value:.5f}" for name, value in trained.metrics.items())
    seconds = time.monotonic() - began
    console.print(
        f"{out}: {features.value}, version {trained.version}, {trained.n_trees} trees in {seconds:.1f} s",
        soft_wrap=True,
    )
    console.print(f"  on the newest tenth, which no decision saw: {told}", soft_wrap=True)


def predict(
    model: Annotated[Path, typer.Option(help="Folder of a model bundle.")],
    data: Annotated[Path, typer.Option(help="CSV of impressions; an `install` column is ignored.")] = Path(
        "data/test_data.csv"
    ),
    out: Annotated[Path, typer.Option(help="Where to write id,prob_install.")] = Path("test_predictions.csv"),
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = os.cpu_count() or 1,
) -> None:
    """Predict a file: one line `id,prob_install` a row, in the file's order.

    The shortest decimal that reads back as the same float32 is written, so the file agrees with the server to the bit.

    Example: forkcast predict --model models/champion --data data/test_data.csv --out test_predictions.csv
    """
    from rich.console import Console

    from model_server import artifact
    from model_server.impressions.csv_files import read_impressions
    from model_server.training.predictions import predict_in_chunks, write_predictions

    began = time.monotonic()
    bundle = artifact.load(model, threads)
    impressions = read_impressions(data).impressions
    probabilities = predict_in_chunks(bundle, impressions)
    write_predictions(out, impressions.id, probabilities)
    Console().print(
        f"{out}: {len(impressions):,} rows by {bundle.name} {bundle.version} ({bundle.features.name}), "
        f"mean probability {probabilities.mean():.4f}, in {time.monotonic() - began:.1f} s",
        soft_wrap=True,
    )


def evaluate(
    models: Annotated[list[Path], typer.Argument(help="Folders of model bundles; each is compared with the first.")],
    data: Annotated[Path, typer.Option(help="CSV of impressions.")] = Path("data/test_data.csv"),
    truth: Annotated[
        Path | None, typer.Option(help="What became of them (id;install;probability), if the CSV has no labels.")
    ] = Path("data/test_truth.csv"),
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 1,
) -> None:
    """Judge models on rows they never saw, and say whether the differences are real.

    Each model's log loss is compared with the first's by a paired bootstrap over the rows: an interval that holds no
    zero is a real difference.

    Example: forkcast evaluate models/champion models/challenger
    """
    from rich.console import Console
    from rich.table import Table

    from model_server import artifact
    from model_server.impressions.csv_files import read_impressions, read_truth
    from model_server.training import evaluate as judge
    from model_server.training.predictions import labels_of, predict_in_chunks

    file = read_impressions(data)
    known = None if file.installs is not None or truth is None else read_truth(truth)
    installs = labels_of(file, known)
    table = Table(
        box=None,
        pad_edge=False,
        title_justify="left",
        title=f"{data}: {len(installs):,} rows, {int(installs.sum()):,} installs",
    )
    for heading in ("model", "features", "log loss", "AUC", "PR-AUC", "Brier", "calibration"):
        is_text = heading in {"model", "features"}
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    losses, verdicts = [], []
    for folder in models:
        bundle = artifact.load(folder, os.cpu_count() or 1)
        probabilities = predict_in_chunks(bundle, file.impressions)
        values = judge.metrics(installs, probabilities).values()
        table.add_row(f"{folder}", bundle.features.name, *(f"{value:.5f}" for value in values))
        losses.append(judge.log_losses(installs, probabilities))
        if len(losses) > 1:
            difference = judge.paired_bootstrap(losses[0], losses[-1], seed=seed)
            verdict = "no real difference"
            if difference.excludes_zero:
                verdict = "better" if difference.mean < 0 else "worse"
            verdicts.append(
                f"{folder} against {models[0]}: log loss {difference.mean:+.5f}, "
                f"{difference.level:.0%} interval {difference.low:+.5f} to {difference.high:+.5f}: {verdict}"
            )
    console = Console()
    console.print(table)
    for verdict in verdicts:
        console.print(verdict, highlight=False, soft_wrap=True)


def contract(
    out: Annotated[Path | None, typer.Option(help="File to write; without it the contract is printed.")] = None,
) -> None:
    """The request contract for Seldon's own testers (contract.json), generated from the columns.

    Example: forkcast contract --out contract.json && seldon-core-api-tester contract.json 127.0.0.1 8003 xgboost
    --namespace seldon -p
    """
    import json

    from model_server.seldon_contract import contract as seldon_contract

    text = json.dumps(seldon_contract(), indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)


def metrics(
    out: Annotated[Path | None, typer.Option(help="File to write; without it the tables are printed.")] = None,
) -> None:
    """Every metric of a predictor and of the simulator, as Markdown: type, labels, unit, meaning, and its question.

    Example: forkcast metrics --out docs/metrics.md
    """
    from deployments.monitoring.desired_state import TOLD
    from model_server.metric_tables import Section, as_markdown
    from traffic_sim.live_metrics import VOCABULARY

    of_the_manifest = Section(
        "Of the manifest",
        "Written from `deployments/monitoring/desired_state.py`. `forkcast up` tells it to its own Prometheus, on a\n"
        "cluster the exporter of `kustomize/monitoring` does; `role` is live or shadow.",
        (TOLD,),
    )
    of_the_simulator = Section(
        "Of the traffic simulator",
        "Written from `traffic_sim/live_metrics.py`. `forkcast simulate --metrics-port PORT` tells them at\n"
        "`127.0.0.1:PORT/metrics` while it runs, a second old at most.",
        VOCABULARY,
    )
    text = as_markdown(others=[of_the_manifest, of_the_simulator])
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)


def register(app: typer.Typer) -> None:
    for verb in (train, predict, evaluate, contract, metrics):
        app.command()(verb)
