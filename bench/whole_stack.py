"""Does the whole stack carry 5,000 single impressions a second, on a machine that also runs the simulator?

`forkcast up` of the overlay ab-test (Envoy, two predictors with the outlier detector before the model) and `forkcast
simulate` against it for a minute, one row a request; nothing is pinned. The figures are the simulator's own, from its
JSON: latency counts from the moment that a request was planned for. What each program's CPU went to stands below.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from rig import harness, stack
from rig.world import world

RATE_PER_SECOND: Final = 5_000


def main() -> None:
    asked = harness.arguments(__doc__, rounds=1, seconds=60.0)
    facts = harness.machine()
    with world() as made, stack.up(made) as running:
        before = running.cpu_seconds()
        record = simulated(running, asked.seconds)
        after = running.cpu_seconds()
    spent = {"simulator": record["generator"]["cpu_seconds"], **{name: after[name] - before[name] for name in after}}
    harness.tell(
        f"The overlay ab-test under {RATE_PER_SECOND:,} requests/s of one row",
        [*goals(record), cost(record, spent)],
        facts,
        asked.json,
    )


def simulated(running: stack.Stack, seconds: float) -> dict[str, Any]:
    """The simulator's record of a run. Errors: CalledProcessError where it could not carry it out."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.json"
        how = ["--rate", str(RATE_PER_SECOND), "--rows-per-request", "1", "--duration", f"{seconds:g}"]
        where = ["--gateway", f"127.0.0.1:{running.port}", "--json", str(file)]
        done = subprocess.run([*stack.FORKCAST, "simulate", *how, *where], cwd=stack.ROOT, check=False)
        if not file.exists():
            done.check_returncode()
        record: dict[str, Any] = json.loads(file.read_text())
    return record  # exit code 1 is a threshold of the scenario's own that does not hold


def goals(record: dict[str, Any]) -> list[harness.Figure]:
    metrics = record["metrics"]
    percentiles = {name: metrics[f"latency_{name}_milliseconds"] for name in ("p50", "p95", "p99")}
    errors = sum(record["requests"]["reasons"].values())
    return [
        harness.Figure("share of the plan that was sent", metrics["sent_ratio"] * 100, "%", goal=99.0),
        harness.Figure("errors", errors, "requests", goal=0.0, is_most=True),
        harness.Figure(
            "p99 from the planned moment", percentiles["p99"], "ms", goal=100.0, is_most=True, seen=percentiles
        ),
        harness.Figure("lag of the simulator, p99", record["generator"]["lag"]["milliseconds"]["p99"], "ms"),
    ]


def cost(record: dict[str, Any], cpu_seconds: dict[str, float]) -> harness.Figure:
    each = {name: seconds / record["requests"]["answered"] * 1e6 for name, seconds in cpu_seconds.items()}
    return harness.Figure("CPU of an answered request", sum(each.values()), "us", seen=each)


if __name__ == "__main__":
    main()
