"""What a run is: rate, transport, world, seeds, and what must hold for it to pass. Read from YAML."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from model_server.impressions import MAX_ROWS
from traffic_sim.drift import DRIFTS, DriftKind
from traffic_sim.errors import CallersFault
from traffic_sim.outliers import OutlierKind
from traffic_sim.pacing import ArrivalName
from traffic_sim.thresholds import Threshold

TransportName = Literal["http", "grpc", "seldon-client"]
WorldName = Literal["replay", "ranked"]

MAX_RECORDS: Final = 10_000_000
"""Records of one run. Requests are encoded before the run and kept in memory, about 150 bytes a record: 1.5 GB."""
MAX_REQUESTS: Final = 2_000_000
"""Requests of one run; each one's result is kept until it is counted."""

_STREAMS: Final = {
    "schedule": 101,
    "moments": 102,
    "outcomes": 103,
    "feedback": 104,
    "outliers": 105,
    "users": 106,
    "drift": 107,
}
"""Apart from each other, and from the streams of the population and of `forkcast data`, which begin at 0."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class InvalidScenario(CallersFault):
    """A scenario cannot be run as written; the message names every field that is wrong."""


def _checked_threshold(text: str) -> str:
    Threshold.parse(text)
    return text


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seeds(_Frozen):
    """One seed for each source of chance, so that one can change while the others stay."""

    population: Seed = 1
    """The ranked world's users and ads. Must be the seed that `forkcast data` made the training data with."""
    schedule: Seed = 2
    """When requests leave (poisson arrivals)."""
    moments: Seed = 3
    """Which rows, or which users and ads, a request holds."""
    outcomes: Seed = 4
    """Who installs (ranked world)."""
    feedback: Seed = 5
    """Which requests get feedback."""
    outliers: Seed = 6
    """Which rows become outliers, and what becomes of them."""
    users: Seed = 7
    """Which user each request is about, where `n_users` says how many there are."""

    drift: Seed = 8
    """Which rows drift."""

    def rng(
        self, of: Literal["schedule", "moments", "outcomes", "feedback", "outliers", "users", "drift"]
    ) -> np.random.Generator:
        """A fresh generator; different for each source of chance, even where seeds are equal."""
        return np.random.default_rng([getattr(self, of), _STREAMS[of]])


class Scenario(_Frozen):
    """One run of the simulator. Every field has a default, so a scenario names only what it is about."""

    description: str = ""

    rate_records_per_second: Positive = 5_000.0
    """Records (rows), not requests: 5,000 records/s in requests of 10 rows are 500 requests/s."""
    rows_per_request: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 10
    duration_seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    arrivals: ArrivalName = "constant"

    transport: TransportName = "http"
    gateway: Annotated[str, Field(pattern=r"^[^/\s]+:\d+$")] = "127.0.0.1:8003"
    """host:port of the gateway; of the component itself if `direct`."""
    namespace: Annotated[str, Field(min_length=1)] = "seldon"
    deployment: Annotated[str, Field(min_length=1)] = "xgboost"
    direct: bool = False
    """Talk to one component without a gateway: no /seldon/NAMESPACE/DEPLOYMENT before the path."""

    world: WorldName = "replay"
    data: Path = Path("data/test_data.csv")
    """The rows of the replay world."""
    truth: Path | None = None
    """Their labels. None: the file's own `install` column; if it has none, no feedback is sent."""

    outliers: dict[OutlierKind, Ratio] = {}
    """Rate of each kind among the rows (ranked world: among the users, all rows of whom become outliers)."""
    drift: dict[DriftKind, Annotated[float, Field(allow_inf_nan=False)]] = {}
    """By kind the share of the rows that drift (ranked world: of the users, unless it is a matter of the ad), or what
    multiplies them; see `traffic_sim.drift`."""
    drift_after_seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """From which moment of the run on: requests planned before it are as they were."""
    n_users: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Users who come back: each request is about one of so many, drawn evenly, and names it in meta.tags.user. A sticky
    split must answer all requests of a user by the same arm. None: requests name nobody."""

    feedback_ratio: Ratio = 0.05
    """Share of the answered requests that get feedback. A stock wrapper spends about 1 ms of CPU on each."""
    feedback_delay_seconds: Annotated[float, Field(ge=0, le=3_600)] = 1.0

    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 5.0
    """From when a request leaves, or waits for a connection to leave on, to the last byte of the answer."""
    max_in_flight: Annotated[int, Field(ge=1, le=20_000)] = 2_000
    """Requests that may wait for answers at once. Beyond it a request is counted as dropped, and not sent."""
    max_connections: Annotated[int, Field(ge=1, le=20_000)] = 256
    """Kept connections of the http transport, over all processes. A request that finds none free waits for one, which
    counts in its latency. Thousands would cost a gateway, and this machine, more than the requests do. More
    are right for a target that answers slowly and many at once: `rate * latency` are needed."""
    warm_up_requests: Annotated[int, Field(ge=0, le=10_000)] = 20
    """Sent before the clock starts, and not counted: connections are open and caches warm when it does."""
    processes: Annotated[int, Field(ge=1, le=64)] | None = None
    """Processes that send. None: one, or for seldon-client as many as its CPU cost per call asks for."""
    threads_per_process: Annotated[int, Field(ge=1, le=256)] = 32
    """Calls at once in each process of seldon-client, which blocks a thread for each."""
    end_grace_seconds: Annotated[float, Field(ge=0, le=600)] = 1.0
    """How long after the planned end a request that is still due may leave. A stumble of the machine in the last moment
    is no reason to fail a run; what would leave later than this is counted as unsent."""
    max_lag_p99_seconds: Positive = 0.05
    """Beyond it the generator, not the target, was too slow, and the run proves nothing."""
    metrics_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """Where on 127.0.0.1 the run tells its metrics while it lasts, at /metrics. None: nowhere."""

    seeds: Seeds = Seeds()
    thresholds: tuple[Annotated[str, AfterValidator(_checked_threshold)], ...] = (
        "sent_ratio >= 0.995",
        "error_ratio <= 0",
    )
    """What must hold, as `latency_p99_milliseconds <= 100`; see `traffic_sim.thresholds`."""

    def model_post_init(self, _: Any) -> None:
        if sum(self.outliers.values()) > 1:
            raise InvalidScenario(
                f"outliers: the rates sum to {sum(self.outliers.values()):g}; at most 1 is possible, since a row is an "
                "outlier of one kind"
            )
        problems = [(kind, DRIFTS[kind].problem(value)) for kind, value in self.drift.items()]
        if wrong := [f"drift.{kind}: {problem}" for kind, problem in problems if problem]:
            raise InvalidScenario("; ".join(wrong))
        if self.drift and self.drift_after_seconds >= self.duration_seconds:
            raise InvalidScenario(
                f"drift_after_seconds: {self.drift_after_seconds:g}; less than the run's {self.duration_seconds:g} "
                "seconds is expected, or nothing drifts; drift earlier, or run for longer"
            )
        if self.n_records > MAX_RECORDS or self.n_requests > MAX_REQUESTS:
            raise InvalidScenario(
                f"{self.n_records:,.0f} records in {self.n_requests:,.0f} requests are too many for one run: at most "
                f"{MAX_RECORDS:,} and {MAX_REQUESTS:,}; lower the rate or the duration, or run several after another"
            )

    @property
    def rate_requests_per_second(self) -> float:
        return self.rate_records_per_second / self.rows_per_request

    @property
    def n_records(self) -> float:
        return self.rate_records_per_second * self.duration_seconds

    @property
    def n_requests(self) -> float:
        return self.n_records / self.rows_per_request

    @classmethod
    def from_mapping(cls, values: Any, source: str) -> Self:
        """The scenario of a mapping of fields. Errors: InvalidScenario with every finding; `source` says where."""
        if not isinstance(values, dict):
            raise InvalidScenario(f"{source}: a mapping of fields is expected, not {type(values).__name__}")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidScenario(f"{source}: {'; '.join(_findings(error))}") from error

    @classmethod
    def from_yaml(cls, name: str | Path, overrides: dict[str, Any] | None = None) -> Self:
        """The scenario of a YAML file, or of one that ships with the package, by its name.

        `overrides` replace the file's fields; those under `seeds` one by one.
        Errors: InvalidScenario if there is no such file, it is no YAML, or a field is wrong.
        """
        values = _read(str(name))
        if isinstance(values, dict) and overrides:
            seeds = {**(values.get("seeds") or {}), **overrides.get("seeds", {})}
            values = {**values, **overrides, "seeds": seeds}
        return cls.from_mapping(values, str(name))


def shipped() -> tuple[str, ...]:
    """Names of the scenarios that come with the package."""
    folder = resources.files("traffic_sim") / "scenarios"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def _read(name: str) -> Any:
    names = shipped()
    try:
        if name in names:
            text = (resources.files("traffic_sim") / "scenarios" / f"{name}.yaml").read_text()
        else:
            text = Path(name).read_text()
        return yaml.safe_load(text)
    except OSError as error:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"those that ship are {', '.join(names)}"
        raise InvalidScenario(
            f"{name}: no such scenario, neither a file nor a name ({error.strerror}); {hint}"
        ) from error
    except yaml.YAMLError as error:
        raise InvalidScenario(f"{name}: not YAML: {error}") from error


def _findings(error: ValidationError) -> list[str]:
    findings = []
    for detail in error.errors():
        place = ".".join(map(str, detail["loc"]))
        if detail["type"] == "extra_forbidden":
            known = Seeds.model_fields if detail["loc"][0] == "seeds" else Scenario.model_fields
            near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            findings.append(f"{place}: no such field; {hint}")
        else:
            findings.append(f"{place}: {detail['msg']}, not {str(detail['input'])[:60]!r}")
    return findings
