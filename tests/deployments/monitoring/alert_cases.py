"""The cases of alerts/*.yaml, and what promtool is asked about them.

A case has `series` (name -> values as promtool writes them, one a `step`), and the moments `silent_at` and `firing_at`
just before and just after the edge of one alert; a case without `firing_at` must stay silent. With `summary` and
`description` it says what whoever is called reads. `$champion` and the like stand for LABELS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "alerts"
DAYS = Path(__file__).parent / "days"
LABELS = {
    name: f'namespace="seldon",deployment_name="xgboost",predictor_name="{name}"'
    for name in ("champion", "challenger", "arms")
} | {
    "served": "seldon_api_executor_server_requests_seconds",
    "rest": 'service="predictions",method="post"',
    "feedback": 'service="feedback",method="post"',
    "classifier": 'model_name="classifier"',
}


@dataclass(frozen=True)
class Case:
    alert: str
    about: str
    series: dict[str, str]
    silent_at: tuple[str, ...]
    severity: str = "ticket"
    firing_at: str | None = None
    labels: tuple[dict[str, str], ...] = ()
    """Of each alert that fires; `{label}` in the summary stands for its own."""
    summary: str = ""
    description: str = ""
    step: str = "1m"

    @property
    def is_pair(self) -> bool:
        return self.firing_at is not None


def read(file: Path) -> list[Case]:
    cases = []
    for given in yaml.safe_load(file.read_text()):
        series = _substituted(given["series"])
        silent = given["silent_at"]
        silent_at = tuple(silent) if isinstance(silent, list) else (silent,)
        several = given.get("labels", [])
        labels = tuple(several) if isinstance(several, list) else (several,)
        cases.append(Case(**given | {"series": series, "silent_at": silent_at, "labels": labels}))
    return cases


def read_series(file: Path) -> dict[str, str]:
    return _substituted(yaml.safe_load(file.read_text()))


def _substituted(series: dict[str, Any]) -> dict[str, str]:
    return {Template(name).substitute(LABELS): str(values) for name, values in series.items()}


def minutes(moment: str) -> int:
    """1h10m -> 70."""
    return sum(int(number) * {"m": 1, "h": 60}[unit] for number, unit in re.findall(r"([0-9]+)([mh])", moment))


def day(name: str, series: dict[str, str], recorded: list[str], *, is_busy: bool) -> dict[str, Any]:
    """24 hours in which no alert fires and no rule records NaN; in a busy one each rule records something."""
    nothing = ['max_over_time(ALERTS{alertstate="firing"}[1d])', *(f"{rule} != {rule}" for rule in recorded)]
    something = [f"count(last_over_time({rule}[1d])) > bool 0" for rule in recorded] if is_busy else []
    expressions = [{"expr": expr, "eval_time": "24h", "exp_samples": []} for expr in nothing]
    one = [{"labels": "{}", "value": 1}]
    expressions += [{"expr": expr, "eval_time": "24h", "exp_samples": one} for expr in something]
    return {
        "evaluation_interval": "10m",
        "tests": [
            {
                "name": name,
                "interval": "2m",
                "input_series": [{"series": label, "values": values} for label, values in series.items()],
                "promql_expr_test": expressions,
            }
        ],
    }


def asked_of_promtool(cases: list[Case], step: str, runbook_urls: dict[str, str]) -> dict[str, Any]:
    """What `promtool test rules` is given for the cases of that step, but for the rules."""
    return {
        "evaluation_interval": step,
        "tests": [_test(case, runbook_urls) for case in cases if case.step == step],
    }


def _test(case: Case, runbook_urls: dict[str, str]) -> dict[str, Any]:
    fires = f'ALERTS{{alertname="{case.alert}",alertstate="firing",severity="{case.severity}"}}'
    expressions = [{"expr": fires, "eval_time": moment, "exp_samples": []} for moment in case.silent_at]
    told = []
    if case.firing_at is not None:
        always = {"alertname": case.alert, "alertstate": "firing", "severity": case.severity}
        samples = [{"labels": _series("ALERTS", always | labels), "value": 1} for labels in case.labels]
        expressions.append({"expr": fires, "eval_time": case.firing_at, "exp_samples": samples})
    if case.summary:
        expected = [
            {
                "exp_labels": {"severity": case.severity} | labels,
                "exp_annotations": {
                    "summary": case.summary.format(**labels),
                    "description": case.description,
                    "runbook_url": runbook_urls[case.alert],
                },
            }
            for labels in case.labels
        ]
        told.append({"alertname": case.alert, "eval_time": case.firing_at, "exp_alerts": expected})
    return {
        "name": f"{case.alert}: {case.about}",
        "interval": case.step,
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": expressions,
        "alert_rule_test": told,
    }


def _series(name: str, labels: dict[str, str]) -> str:
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"
