"""`forkcast simulate`: live traffic, and a verdict on what came back."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Transport(StrEnum):
    HTTP = "http"
    GRPC = "grpc"
    SELDON_CLIENT = "seldon-client"


class Arrivals(StrEnum):
    CONSTANT = "constant"
    POISSON = "poisson"


class World(StrEnum):
    REPLAY = "replay"
    RANKED = "ranked"


_LIMIT = "The highest rate"


def register(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


def simulate(
    scenario: Annotated[
        str, typer.Argument(help="A scenario's YAML file, or the name of one that ships: demo, steady.")
    ] = "demo",
    *,
    rate: Annotated[
        float | None,
        typer.Option(help="RECORDS (rows) per second: 5000 in requests of 10 rows are 500 requests/s.", min=0),
    ] = None,
    rows_per_request: Annotated[int | None, typer.Option(help="Records in each request, 1 to 10,000.")] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds during which requests are sent.", min=0)] = None,
    transport: Annotated[
        Transport | None,
        typer.Option(help="http (kept connections), grpc, or seldon-client: SeldonClient itself, in many processes."),
    ] = None,
    gateway: Annotated[str | None, typer.Option(help="host:port of the gateway.")] = None,
    deployment: Annotated[str | None, typer.Option(help="Name of the SeldonDeployment.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Its namespace.")] = None,
    direct: Annotated[
        bool | None,
        typer.Option("--direct", help="--gateway is one component itself: no /seldon/NAMESPACE/DEPLOYMENT in paths."),
    ] = None,
    arrivals: Annotated[
        Arrivals | None, typer.Option(help="constant (as a metronome) or poisson (as many independent users).")
    ] = None,
    world: Annotated[
        World | None,
        typer.Option(help="replay: rows of --data. ranked: users and ads from the population behind `forkcast data`."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="CSV with the rows of the replay world.")] = None,
    truth: Annotated[Path | None, typer.Option(help="CSV with their labels; without one, no feedback is sent.")] = None,
    drift: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND=VALUE, again for each kind: a share of the rows (one-country, new-version, no-device, cellular, "
            "no-last-start, one-platform, new-campaign), or what multiplies them (more-starts).",
        ),
    ] = None,
    drift_after: Annotated[float | None, typer.Option(help="Seconds of the run before it drifts.", min=0)] = None,
    users: Annotated[
        int | None,
        typer.Option(help="Users who come back; each request names one in meta.tags.user, for sticky splits.", min=1),
    ] = None,
    feedback_ratio: Annotated[
        float | None, typer.Option(help="Share of the answers that get feedback, 0 to 1.", min=0, max=1)
    ] = None,
    feedback_delay: Annotated[
        float | None, typer.Option(help="Seconds between an answer and its feedback.", min=0)
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait for an answer.", min=0)] = None,
    warm_up: Annotated[int | None, typer.Option(help="Requests before the clock starts, not counted.", min=0)] = None,
    connections: Annotated[
        int | None, typer.Option(help="Kept connections of http; a request that finds none free waits.", min=1)
    ] = None,
    processes: Annotated[int | None, typer.Option(help="Processes that send.", min=1)] = None,
    seed_population: Annotated[
        int | None, typer.Option(help="The ranked world; must be the seed of the training data.")
    ] = None,
    seed_schedule: Annotated[int | None, typer.Option(help="When requests leave.")] = None,
    seed_moments: Annotated[int | None, typer.Option(help="Which rows, or users and ads, are asked for.")] = None,
    seed_outcomes: Annotated[int | None, typer.Option(help="Who installs.")] = None,
    seed_feedback: Annotated[int | None, typer.Option(help="Which answers get feedback.")] = None,
    seed_outliers: Annotated[
        int | None, typer.Option(help="Which rows are outliers, where the scenario has any.")
    ] = None,
    seed_users: Annotated[int | None, typer.Option(help="Which user each request is about.")] = None,
    seed_drift: Annotated[int | None, typer.Option(help="Which rows drift, where any do.")] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            help="Tell Prometheus the run's metrics at 127.0.0.1:PORT/metrics while it lasts.", min=1, max=65_535
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything that was measured to this file.")
    ] = None,
    find_limit: Annotated[
        bool,
        typer.Option(
            "--find-limit",
            help="Search the highest rate that keeps the SLO, from --rate on, and say what was saturated first.",
            rich_help_panel=_LIMIT,
        ),
    ] = False,
    slo_p99_ms: Annotated[
        float,
        typer.Option(
            help="p99 of latency from the planned moment, at most; the goal of our own stack.",
            min=0.1,
            rich_help_panel=_LIMIT,
        ),
    ] = 100.0,
    slo_errors_percent: Annotated[
        float,
        typer.Option(
            help="Errors among the requests sent, at most; an idle server has none.",
            min=0,
            max=100,
            rich_help_panel=_LIMIT,
        ),
    ] = 0.0,
    slo_sent_percent: Annotated[
        float,
        typer.Option(
            help="Share of the plan that is sent, at least; as k6's users ask of iterations.",
            min=0,
            max=100,
            rich_help_panel=_LIMIT,
        ),
    ] = 99.0,
    probe_seconds: Annotated[
        float,
        typer.Option(
            help="Of each rate: long enough for 500 requests beyond the p99 at 5,000/s.",
            min=1,
            max=3_600,
            rich_help_panel=_LIMIT,
        ),
    ] = 10.0,
) -> None:
    """Send live traffic to a deployment, and judge what comes back.

    Requests leave on a schedule made beforehand, however slow the answers are, and latency counts from the planned
    moment. Options override the scenario's fields; what is in neither has a default. Exit codes: 0 if every threshold
    holds, 1 if one does not or the generator was too slow to tell, 2 for a wrong scenario, 130 after Ctrl-C.

    With --find-limit one run for each rate that is tried: doubled until it breaks the SLO, then in between, to 5 %; two
    failures of three tries decide. Thresholds are not judged. Exit codes: 0 if some rate kept it, 1 if none, 2, 130.

    Example: forkcast simulate --rate 5000 --rows-per-request 10 --duration 30
    """
    from datetime import UTC, datetime

    import uvloop
    from rich.console import Console

    from traffic_sim.drift import parse
    from traffic_sim.metrics_page import metrics_served
    from traffic_sim.progress import Progress
    from traffic_sim.record import check_writable, record_of, write_record
    from traffic_sim.report import show
    from traffic_sim.scenario import Scenario
    from traffic_sim.simulate import carry_out, plan_of
    from traffic_sim.worlds import encounters

    seeds = {
        "population": seed_population,
        "schedule": seed_schedule,
        "moments": seed_moments,
        "outcomes": seed_outcomes,
        "feedback": seed_feedback,
        "outliers": seed_outliers,
        "users": seed_users,
        "drift": seed_drift,
    }
    options = {
        "rate_records_per_second": rate,
        "rows_per_request": rows_per_request,
        "duration_seconds": duration,
        "transport": transport,
        "gateway": gateway,
        "deployment": deployment,
        "namespace": namespace,
        "direct": direct,
        "arrivals": arrivals,
        "world": world,
        "data": data,
        "truth": truth,
        "drift": dict(map(parse, drift)) if drift else None,
        "drift_after_seconds": drift_after,
        "n_users": users,
        "feedback_ratio": feedback_ratio,
        "feedback_delay_seconds": feedback_delay,
        "timeout_seconds": timeout,
        "warm_up_requests": warm_up,
        "max_connections": connections,
        "processes": processes,
        "metrics_port": metrics_port,
    }
    chosen = Scenario.from_yaml(scenario, {**_given(options), "seeds": _given(seeds)})
    if json_file is not None:
        check_writable(json_file)
    errors, out = Console(stderr=True), Console()
    if not out.is_terminal:
        out = Console(width=140)  # a log or a file has no edge to wrap at
    with metrics_served(chosen.metrics_port) as live:
        if find_limit:
            from deployments.cli.find_limit import find_limit as search
            from traffic_sim.limit.slo import Slo

            slo = Slo(slo_p99_ms, slo_errors_percent, slo_sent_percent)
            code = search(chosen, slo, probe_seconds, errors=errors, out=out, json_file=json_file, live=live)
            raise typer.Exit(code)
        with errors.status(f"drawing and encoding about {chosen.n_requests:,.0f} requests"):
            plan = plan_of(chosen, encounters)
        run = uvloop.run(carry_out(chosen, plan, Progress(errors, chosen.duration_seconds), live))
    show(run, out)
    if json_file is not None:
        write_record(record_of(run, datetime.now(UTC)), json_file)
    raise typer.Exit(run.exit_code)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
