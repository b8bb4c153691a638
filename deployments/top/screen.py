"""Readings and weights -> the table that `forkcast top` draws again and again, and the same as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table
from rich.text import Text

from deployments.experiment.mean_rewards import Comparison, Difference, Rewards, difference
from deployments.monitoring.desired_state import Share
from deployments.top.readings import Counts, Key, Reading

_NONE = "-"
_STYLES: Mapping[Comparison, str] = {Comparison.BETTER: "green", Comparison.WORSE: "red"}


@dataclass(frozen=True)
class Row:
    """Of a predictor, or of an arm behind a router, which has rewards alone. None: nothing is known of it."""

    deployment: str
    name: str
    role: str
    """live, shadow, or arm."""
    weight_percent: float | None
    share_percent: float | None
    """Of the requests to the deployment's predictors of this role since the last look."""
    requests_per_second: float | None
    rows_per_second: float | None
    error_percent: float | None
    p50_milliseconds: float | None
    p99_milliseconds: float | None
    outlier_percent: float | None
    rewards: Rewards
    """Since its programs started."""
    against: str | None
    """Which arm it is compared with; None for that one itself."""
    verdict: Difference | None


@dataclass(frozen=True)
class Looks:
    """Two of them, and the seconds between."""

    before: Reading
    now: Reading
    seconds: float

    def done(self, key: Key) -> Counts:
        """Between the two."""
        return self.now.since(self.before, key)


def rows_of(shares: Sequence[Share], looks: Looks) -> list[Row]:
    """Arms are compared with the first one of their deployment; a shadow, which earns nothing, with none."""
    found: list[Row] = []
    rewards = looks.now.rewards
    for deployment in dict.fromkeys(share.deployment for share in shares):
        own = [share for share in shares if share.deployment == deployment]
        names = {share.predictor for share in own}
        live = [share.predictor for share in own if share.role == "live"]
        arms = [each for each in live if (deployment, each) in rewards]
        arms += sorted(arm for of, arm in rewards if of == deployment and arm not in names)
        for share in own:
            peers = [each for each in own if each.role == share.role]
            found.append(_row(share, peers, looks, arms))
        found += [_row_of_an_arm(deployment, arm, rewards, arms) for arm in arms if arm not in names]
    return found


def _row(share: Share, peers: Sequence[Share], looks: Looks, arms: Sequence[str]) -> Row:
    key = share.deployment, share.predictor
    done = looks.done(key)
    total = sum(looks.done((each.deployment, each.predictor)).requests for each in peers)
    rewards = looks.now.rewards
    against, verdict = _compared(key, rewards, arms)
    return Row(
        share.deployment,
        share.predictor,
        share.role,
        share.percent,
        _percent(done.requests, total),
        done.requests / looks.seconds,
        done.rows / looks.seconds if done.rows or not done.requests else None,  # stock wrappers do not tell
        _percent(done.errors, done.requests),
        _milliseconds(done.latency_seconds(0.5)),
        _milliseconds(done.latency_seconds(0.99)),
        _percent(done.outliers, done.outlier_rows),
        rewards.get(key, Rewards(0, 0)),
        against,
        verdict,
    )


def _row_of_an_arm(deployment: str, arm: str, rewards: Mapping[Key, Rewards], arms: Sequence[str]) -> Row:
    against, verdict = _compared((deployment, arm), rewards, arms)
    unknown = (None,) * 8
    return Row(deployment, arm, "arm", *unknown, rewards[deployment, arm], against, verdict)


def _compared(key: Key, rewards: Mapping[Key, Rewards], arms: Sequence[str]) -> tuple[str | None, Difference | None]:
    deployment, arm = key
    if arm not in arms or arm == arms[0]:
        return None, None
    return arms[0], difference(rewards[key], rewards[deployment, arms[0]])


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def as_data(rows: Sequence[Row]) -> list[dict[str, object]]:
    """For --json; what is not known is null."""
    return [asdict(row) for row in rows]


def table(rows: Sequence[Row]) -> Table:
    found = Table(box=None, pad_edge=False)
    several = len({row.deployment for row in rows}) > 1
    found.add_column("PREDICTOR")
    for heading in ("WEIGHT", "SHARE", "REQ/S", "ROWS/S", "ERRORS", "P50 MS", "P99 MS", "OUTLIERS", "REWARDS", "MEAN"):
        found.add_column(heading, justify="right")
    found.add_column("SO FAR")
    for row in rows:
        name = f"{row.deployment}/{row.name}" if several else row.name
        marked = {"shadow": f"{name} (shadow)", "arm": f"  {name}"}.get(row.role, name)
        found.add_row(
            marked,
            _shown(row.weight_percent, "{:.0f} %"),
            _shown(row.share_percent, "{:.1f} %"),
            _shown(row.requests_per_second, "{:,.0f}"),
            _shown(row.rows_per_second, "{:,.0f}"),
            Text(_shown(row.error_percent, "{:.2f} %"), style="red" if row.error_percent else ""),
            _shown(row.p50_milliseconds, "{:.1f}"),
            _shown(row.p99_milliseconds, "{:.1f}"),
            _shown(row.outlier_percent, "{:.2f} %"),
            f"{row.rewards.count:,.0f}" if row.rewards.count else _NONE,
            _shown(row.rewards.mean, "{:.4f}"),
            _verdict(row),
        )
    return found


def _shown(value: float | None, form: str) -> str:
    return _NONE if value is None or math.isnan(value) else form.format(value)


def _verdict(row: Row) -> Text:
    if row.verdict is None or row.against is None:
        return Text("")
    comparison = row.verdict.comparison
    if comparison is Comparison.TOO_EARLY:
        return Text(f"{comparison} to compare with {row.against}", style="dim")
    interval = f"{100 * row.verdict.low:+.2f} to {100 * row.verdict.high:+.2f} points"
    return Text(f"{comparison}: {interval} against {row.against}", style=_STYLES.get(comparison, ""))
