"""Made-up series, and what Prometheus makes of a query of them: `promtool test rules`, without any server."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

SCRAPE_SECONDS = 15
MINUTES = 40
AT = "35m"
TARGET = {"namespace": "seldon", "pod": "xgboost-champion", "container": "graph-server", "job": "forkcast"}
PROBABILITY_BUCKETS = ("0.001", "0.01", "0.03", "0.1", "1", "+Inf")
LATENCY_BUCKETS = ("0.005", "0.01", "0.05", "0.1", "0.5", "10", "+Inf")


def counter(name, labels, per_second):
    """{series: its values}: from 0 on, evenly."""
    return {_series(name, labels): f"0+{per_second * SCRAPE_SECONDS:g}x{MINUTES * 60 // SCRAPE_SECONDS}"}


def gauge(name, labels, value):
    return {_series(name, labels): f"{value:g}+0x{MINUTES * 60 // SCRAPE_SECONDS}"}


def histogram(name, labels, per_second, buckets=LATENCY_BUCKETS, *, within="0.01", mean=0.004):
    """All observations in the bucket that ends at `within`."""
    told = counter(f"{name}_sum", labels, per_second * mean) | counter(f"{name}_count", labels, per_second)
    for bound in buckets:
        told |= counter(f"{name}_bucket", labels | {"le": bound}, per_second if float(bound) >= float(within) else 0)
    return told


def _series(name, labels):
    inside = ", ".join(f'{label}="{value}"' for label, value in (TARGET | labels).items() if value is not None)
    return f"{name}{{{inside}}}"


def wrong(series, expected, folder):
    """What promtool says of expressions whose answer is another one; "" if there are none.

    `expected`: [(expression, {labels, as text: value})]. Values are compared after rounding to a thousandth.
    """
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    asked = [
        {
            "expr": f"round({expr}, 0.001)",
            "eval_time": AT,
            "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
        }
        for expr, samples in expected
    ]
    document = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": f"{SCRAPE_SECONDS}s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": asked,
            }
        ],
    }
    file = folder / "asked.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    told = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    return "" if told.returncode == 0 else told.stdout + told.stderr


def answered(expr):
    """An expression that is 1 if `expr` has any answer that is a number."""
    return f"sum(({expr}) == bool ({expr})) > bool 0"
